// The hidden channels of experts times their gates: y = g·h, and 0 where the gate is 0, whatever h is.
//
// h, y [N·E,F]; gates [N·E]. One invocation an entry.

import package::shared::grid::group_number;

struct Arguments {
    count: u32, // Entries of y.
    hidden: u32, // F.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn weigh_experts(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let gate = gates[at / arguments.hidden];
        y[at] = select(gate * h[at], 0.0, gate == 0.0);
    }
}
