// The copy of the weights in f16 that matrix products read where training runs in mixed precision: y = half(x).
// variants: width=half
//
// x and y are the arenas of the weights, or one piece of them, in vectors of four: entries begin on multiples of 128. One
// invocation a vector. The same kernel follows every update and every change of the weights from outside, so that a run that was
// resumed rounds as the run that was not.

import package::shared::grid::group_number;

struct Arguments {
    count: u32, // Vectors of four in a binding.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f16>>;

@compute @workgroup_size(256)
fn cast_f16(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = vec4<f16>(x[at]);
    }
}
