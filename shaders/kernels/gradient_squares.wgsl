// First stage of the gradient's norm: sums of squares over pieces of the gradient arena, and how many entries are not finite.
//
// gradients [count] vectors of four; partials[first + g] = (Σ g², entries that are not finite) of workgroup g, which takes
// every `groups`-th run of 256 vectors. gradient_norm.wgsl adds the partials up. Workgroups of z > 0 take the ranges after the first. "Not finite" is asked of the exponent's
// bits: WGSL lets a compiler assume that there are no NaNs.

import package::shared::reduce::sum_of_group;

struct Arguments {
    count: u32, // Vectors of four in a range.
    groups: u32, // Workgroups.
    first: u32, // Where this launch's partials begin.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2<f32>>;

@compute @workgroup_size(256)
fn gradient_squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var squares = vec4<f32>();
    var odd = vec4<u32>();
    for (var at = group.x * 256u + local; at < arguments.count; at += arguments.groups * 256u) {
        let gradient = gradients[group.z * arguments.count + at];
        let exponent = bitcast<vec4<u32>>(gradient) & vec4<u32>(0x7f800000u);
        odd += select(vec4<u32>(0u), vec4<u32>(1u), exponent == vec4<u32>(0x7f800000u));
        squares += gradient * gradient;
    }
    let sum = sum_of_group(squares.x + squares.y + squares.z + squares.w, local, 256u);
    let broken = sum_of_group(f32(odd.x + odd.y + odd.z + odd.w), local, 256u);
    if local == 0u {
        partials[arguments.first + group.z * arguments.groups + group.x] = vec2<f32>(sum, broken);
    }
}
