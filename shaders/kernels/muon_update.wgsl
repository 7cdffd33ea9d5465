// Muon's step of a matrix: p ← p − lr·decay·p − lr·rate·x, where x [R, C] is the orthogonalised update, or its transpose [C, R].
// With `keeps_zeros`, p = 0 stays 0.
//
// p [R, C] begins `first` floats into the bound range of the weights. One invocation an entry of p. Does nothing where the step is skipped.

import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;

struct Arguments {
    first: u32, // Where the matrix begins.
    rows: u32, // R.
    columns: u32, // C.
    transposed: u32, // Whether x is: 1 or 0.
    weight_decay: f32, // Decoupled weight decay.
    rate: f32, // Factor on the learning rate.
    keeps_zeros: u32, // Whether weights that are 0 stay 0: 1 or 0.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;

@compute @workgroup_size(256)
fn muon_update(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.rows * arguments.columns || control.skipped == 1u {
        return;
    }
    let stored = select(at, (at % arguments.columns) * arguments.rows + at / arguments.columns, arguments.transposed == 1u);
    let learning_rate = schedule[control.row].learning_rate;
    let before = parameters[arguments.first + at];
    let kept = arguments.keeps_zeros == 1u && before == 0.0;
    let parameter = before - learning_rate * arguments.weight_decay * before;
    parameters[arguments.first + at] = select(parameter - learning_rate * arguments.rate * x[stored], 0.0, kept);
}
