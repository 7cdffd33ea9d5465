// A value times a constant: y = x·factor, entry by entry.
//
// One invocation an entry.

import package::shared::grid::group_number;

struct Arguments {
    count: u32,
    factor: f32,
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn scale(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = x[at] * arguments.factor;
    }
}
