// Muon's momentum of a matrix, with g = scale·gradient: m ← μm + (1 − μ)g; x = μm + (1 − μ)g, or the transpose of it.
//
// The matrix [R, C] begins `first` floats into the bound ranges of gradient and m; x [R, C], transposed [C, R], then zeros up
// to a multiple of four. One invocation an entry of x. Does nothing where the step is skipped.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    first: u32, // Where the matrix begins.
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
    if at >= (count + 3u) / 4u * 4u || control.skipped == 1u {
        return;
    }
    if at >= count {
        x[at] = 0.0;
        return;
    }
    let stored = (at % arguments.rows) * arguments.columns + at / arguments.rows;
    let entry = arguments.first + select(at, stored, arguments.transposed == 1u);
    let gradient = arguments.rest * (gradients[entry] * control.gradient_scale);
    let mean = arguments.momentum * first[entry] + gradient;
    first[entry] = mean;
    x[at] = arguments.momentum * mean + gradient;
}
