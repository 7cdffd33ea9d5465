// Soft cap: y = c·tanh(x/c), entry by entry, or its gradient from y: dx = dy·(1 − (y/c)²).
// variants: backward?
//
// One invocation an entry.

import package::shared::grid::group_number;
@if(!backward) import package::shared::softcap::softcapped;

struct Arguments {
    count: u32, // Entries.
    cap: f32, // c.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> given: array<f32>; // x, or y.
@group(0) @binding(2) var<storage, read_write> result: array<f32>; // y, or dx.
@if(backward) @group(0) @binding(3) var<storage, read> dy: array<f32>;

@compute @workgroup_size(256)
fn softcap(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        @if(backward) let share = given[at] / arguments.cap;
        @if(backward) let value = dy[at] * (1.0 - share * share);
        @if(!backward) let value = softcapped(given[at], arguments.cap);
        result[at] = value;
    }
}
