// Gradients of weigh_experts.wgsl: dh = g·dy and dg = Σ h·dy, both 0 where the gate is 0.
//
// h, dy, dh [N·E,F]; gates, dgates [N·E].

import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};

struct Arguments {
    rows: u32, // N·E.
    hidden: u32, // F.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dh: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgates: array<f32>;

@compute @workgroup_size(64)
fn weigh_experts_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.hidden;
    let gate = gates[row];
    var sum = 0.0;
    for (var j = local; j < arguments.hidden; j += LANES) {
        let slope = dy[start + j];
        dh[start + j] = select(gate * slope, 0.0, gate == 0.0);
        sum += select(h[start + j] * slope, 0.0, gate == 0.0);
    }
    let total = sum_of_row(sum, local);
    if local == 0u {
        dgates[row] = total;
    }
}
