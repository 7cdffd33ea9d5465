// Scales Muon's updates of matrices, one per z, to a norm of 1 where it is not too small: x ← x / max(‖x‖, eps).
//
// partials [partials] of each = (Σ x², unused), as gradient_squares.wgsl writes them; x [count] vectors of four of each. One invocation
// per vector; every workgroup adds the partials up, in the same order.

import package::shared::grid::group_number;
import package::shared::reduce::sum_of_group;

struct Arguments {
    count: u32, // Vectors of four of a matrix.
    partials: u32, // Partial sums of a matrix.
    eps: f32, // Smallest norm that is scaled to 1.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>;

@compute @workgroup_size(256)
fn muon_normalise(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    for (var at = local; at < arguments.partials; at += 256u) {
        squares += partials[group.z * arguments.partials + at].x;
    }
    let norm = max(sqrt(sum_of_group(squares, local, 256u)), arguments.eps);
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        x[group.z * arguments.count + at] /= norm;
    }
}
