// Muon's momentum of a matrix, with g = scale·gradient: m ← μm + (1 − μ)g; the gradient becomes the update μm + (1 − μ)g.
//
// Gradient and m are ranges of the arenas in vectors of four. Does nothing where the step is skipped.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    count: u32, // Vectors of four in a binding.
    momentum: f32, // μ.
    rest: f32, // 1 − μ.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first: array<vec4<f32>>;

@compute @workgroup_size(256)
fn muon_momentum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.count || control.skipped == 1u {
        return;
    }
    let gradient = arguments.rest * (gradients[at] * control.gradient_scale);
    let mean = arguments.momentum * first[at] + gradient;
    first[at] = mean;
    gradients[at] = arguments.momentum * mean + gradient;
}
