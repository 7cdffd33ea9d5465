// Muon's step of matrices: p ← p − lr·decay·p − lr·rate·x, where x [R, C] is the orthogonalised update, or its transpose [C, R].
// With `keeps_zeros`, p = 0 stays 0.
//
// The matrices p [R, C], one per z, and x are laid out as for muon_momentum.wgsl. One invocation per entry of p. Does nothing where the
// step is skipped.

import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;

struct Arguments {
    first: u32, // Where the first matrix begins.
    distance: u32, // From one matrix to the next.
    place: u32, // Number in x of the first matrix.
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
    let count = arguments.rows * arguments.columns;
    if at >= count || control.skipped == 1u {
        return;
    }
    let stored = select(at, (at % arguments.columns) * arguments.rows + at / arguments.columns, arguments.transposed == 1u);
    let learning_rate = schedule[control.row].learning_rate;
    let entry = arguments.first + group.z * arguments.distance + at;
    let before = parameters[entry];
    let kept = arguments.keeps_zeros == 1u && before == 0.0;
    let parameter = before - learning_rate * arguments.weight_decay * before;
    let step = x[(arguments.place + group.z) * count + stored];
    parameters[entry] = select(parameter - learning_rate * arguments.rate * step, 0.0, kept);
}
