// JumpReLU, y = x where x > θ, else 0, or its gradients: dx = dy where x > θ, and that of log θ from a straight-through estimator.
// variants: backward?
//
// x, y, dy, dx, dlog_threshold [N,F]; log_threshold log θ [F]. dlog_threshold = −θ·(θ·dy + penalty)/ε where |x − θ| < ε/2; the penalty is λ/count
// times the loss scale, 0 for ignored rows. targets is a ring [rows, N]; loss = (mean, count). One invocation per entry.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    columns: u32, // F.
    bandwidth: f32, // ε.
    penalty: f32, // λ / number of micro-batches; 0 where any buffer may be bound as loss.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> log_threshold: array<f32>;
@if(!backward) @group(0) @binding(3) var<storage, read_write> y: array<f32>;
@if(backward) @group(0) @binding(3) var<storage, read> dy: array<f32>;
@if(backward) @group(0) @binding(4) var<storage, read> control: Control;
@if(backward) @group(0) @binding(5) var<storage, read> targets: array<u32>;
@if(backward) @group(0) @binding(6) var<storage, read> loss: array<f32>;
@if(backward) @group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@if(backward) @group(0) @binding(8) var<storage, read_write> dlog_threshold: array<f32>;

@compute @workgroup_size(256)
fn jump_relu(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.columns;
    if row >= arguments.rows {
        return;
    }
    let threshold = exp(log_threshold[at % arguments.columns]);
    let entry = x[at];
    @if(!backward) y[at] = select(0.0, entry, entry > threshold);
    @if(backward) {
        let ignored = arguments.ignoring == 1u && targets[control.row * arguments.rows + row] == arguments.ignored;
        let count = loss[select(0u, 1u, arguments.penalty != 0.0)];
        let penalty = select(arguments.penalty * control.loss_scale / count, 0.0, ignored || arguments.penalty == 0.0 || count == 0.0);
        let slope = -threshold * (threshold * dy[at] + penalty) / arguments.bandwidth;
        dx[at] = select(0.0, dy[at], entry > threshold);
        dlog_threshold[at] = select(0.0, slope, abs(entry - threshold) < 0.5 * arguments.bandwidth);
    }
}
