// Muon's update of a matrix, scaled to a norm of 1 where it is not too small: x = u / max(‖u‖, eps), or the transpose of it.
//
// u [R, C]; partials [count] = (Σ u², unused), as gradient_squares.wgsl writes them; x [R, C], transposed [C, R]. One
// invocation an entry of x; every workgroup adds the partials up, in the same order.

import package::shared::grid::group_number;
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // R.
    columns: u32, // C.
    transposed: u32, // 1 or 0.
    partials: u32, // Number of partial sums.
    eps: f32, // Smallest norm that is scaled to 1.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> update: array<f32>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(256)
fn muon_normalise(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    for (var at = local; at < arguments.partials; at += 256u) {
        squares += partials[at].x;
    }
    let norm = max(sqrt(sum_of_group(squares, local, 256u)), arguments.eps);
    let at = group_number(group) * 256u + local;
    if at >= arguments.rows * arguments.columns {
        return;
    }
    let stored = (at % arguments.rows) * arguments.columns + at / arguments.rows;
    x[at] = update[select(at, stored, arguments.transposed == 1u)] / norm;
}
