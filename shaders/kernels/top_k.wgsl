// The k largest entries of each row that are above 0; 0 for the others. Entries equal to the k-th largest are all kept.
//
// x, y [N,F]. Positive floats are ordered as their bits, so the threshold is found bit by bit: the largest number that at least k entries reach.

import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};

struct Arguments {
    rows: u32, // N.
    columns: u32, // F.
    k: u32,
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// The bits of a positive entry, 0 for others.
fn key(entry: f32) -> u32 {
    return select(0u, bitcast<u32>(entry), entry > 0.0);
}

@compute @workgroup_size(64)
fn top_k(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.columns;
    var threshold = 0u;
    for (var bit = 0u; bit < 31u; bit += 1u) {
        let candidate = threshold | (1u << (30u - bit));
        var reached = 0.0;
        for (var j = local; j < arguments.columns; j += LANES) {
            reached += select(0.0, 1.0, key(x[start + j]) >= candidate);
        }
        if sum_of_row(reached, local) >= f32(arguments.k) {
            threshold = candidate;
        }
    }
    for (var j = local; j < arguments.columns; j += LANES) {
        let entry = x[start + j];
        y[start + j] = select(0.0, entry, key(entry) >= max(threshold, 1u));
    }
}
