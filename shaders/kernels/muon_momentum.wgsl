// Muon's momentum of matrices, with g = scale·gradient: m ← μm + (1 − μ)g; x = μm + (1 − μ)g, or the transpose of it.
//
// The matrices [R, C], one per z, begin `first`, `first` + `distance`, … floats into the bound ranges of gradient and m; x holds
// matrices [R, C], transposed [C, R], of which theirs begin at number `place`; a single one is followed by zeros up to a multiple of
// four. One invocation per entry of x. Does nothing where the step is skipped.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    first: u32, // Where the first matrix begins.
    distance: u32, // From one matrix to the next.
    place: u32, // Number in x of the first matrix.
    rows: u32, // R.
    columns: u32, // C.
    transposed: u32, // 1 or 0.
    momentum: f32, // μ.
    rest: f32, // 1 − μ.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> first: array<f32>;
@group(0) @binding(4) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(256)
fn muon_momentum(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let count = arguments.rows * arguments.columns;
    let into = (arguments.place + group.z) * count + at;
    if at >= (count + 3u) / 4u * 4u || control.skipped == 1u {
        return;
    }
    if at >= count {
        x[into] = 0.0;
        return;
    }
    let stored = (at % arguments.rows) * arguments.columns + at / arguments.rows;
    let entry = arguments.first + group.z * arguments.distance + select(at, stored, arguments.transposed == 1u);
    let gradient = arguments.rest * (gradients[entry] * control.gradient_scale);
    let mean = arguments.momentum * first[entry] + gradient;
    first[entry] = mean;
    x[into] = arguments.momentum * mean + gradient;
}
