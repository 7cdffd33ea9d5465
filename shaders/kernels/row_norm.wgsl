// Reciprocal norms of the rows of a weight with a low-rank change: y = 1 / ‖w + factor·b·a‖, and 0 where the norm is 0.
//
// w [O,I], a [r,I], b [O,r], y [O]. A workgroup a row; the sum of w and its change is not stored.

import package::shared::grid::group_number;
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // O.
    columns: u32, // I.
    rank: u32, // r.
    factor: f32,
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn row_norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    var squares = 0.0;
    for (var column = local; column < arguments.columns; column += 64u) {
        var change = 0.0;
        for (var k = 0u; k < arguments.rank; k++) {
            change += b[row * arguments.rank + k] * a[k * arguments.columns + column];
        }
        let adapted = w[row * arguments.columns + column] + arguments.factor * change;
        squares += adapted * adapted;
    }
    let sum = sum_of_group(squares, local, 64u);
    if local == 0u {
        y[row] = select(1.0 / sqrt(sum), 0.0, sum == 0.0);
    }
}
