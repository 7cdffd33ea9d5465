// A value times a constant, and times factors that repeat over it, plus a bias that does: y = x·factor (·w) (+ b), entry by entry.
//
// One invocation an entry.

import package::shared::grid::group_number;

struct Arguments {
    count: u32, // Entries of y.
    factor: f32,
    period: u32, // Entries of w, and of b if it is added; 0 where nothing is multiplied by w, and anything may be bound there.
    biased: u32, // 1 adds b; else anything may be bound there.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;

@compute @workgroup_size(256)
fn scale(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let place = at % max(arguments.period, 1u);
        let biased = arguments.biased == 1u;
        var value = x[at] * arguments.factor;
        value = select(value, value * w[place], arguments.period > 0u);
        value = select(value, value + b[select(0u, place, biased)], biased);
        y[at] = value;
    }
}
