// Squared error of each row, Σ (y − x)², or its gradient: dx = 2·f·(y − x), f = scale/count times the loss scale, 0 for ignored rows.
// variants: backward?
//
// y, x, dx [N,C]; targets is a ring [rows, N]; result [N,2] = (error, row loss), or dx; loss = (mean, count). cross_entropy_mean.wgsl adds the
// row losses up. One invocation per row, or, backward, per entry.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    columns: u32, // C.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    scale: f32, // 1 / number of micro-batches.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@if(backward) @group(0) @binding(5) var<storage, read_write> result: array<f32>;
@else @group(0) @binding(5) var<storage, read_write> result: array<vec2<f32>>;
@if(backward) @group(0) @binding(6) var<storage, read> loss: array<f32>;

@compute @workgroup_size(256)
fn squared_error(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    @if(backward) let row = at / arguments.columns;
    @else let row = at;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        @if(backward) {
            let factor = 2.0 * arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
            result[at] = select(factor * (y[at] - x[at]), 0.0, ignored);
        }
        @else {
            var error = 0.0;
            let start = row * arguments.columns;
            for (var j = start; j < start + arguments.columns; j += 1u) {
                error += (y[j] - x[j]) * (y[j] - x[j]);
            }
            result[row] = vec2<f32>(error, select(error, 0.0, ignored));
        }
    }
}
