// A router's gates: y = exp(x − largest) / sum for the k largest logits, of equal ones the first, 0 for the others. The sum is over these k
// where they are renormalised, else over all.
//
// x, y [N,E]. One invocation a row.

import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    experts: u32, // E.
    per_token: u32, // k.
    renormalise: u32, // 1 where the gates of a row add up to 1.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn route(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    for (var e = 1u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
    }
    var all = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        all += exp(x[start + e] - largest);
    }
    // The chosen are those with fewer than k before them.
    var chosen = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let own = x[start + e];
        var before = 0u;
        for (var other = 0u; other < arguments.experts; other += 1u) {
            let logit = x[start + other];
            before += select(0u, 1u, logit > own || (logit == own && other < e));
        }
        let gate = select(0.0, exp(own - largest), before < arguments.per_token);
        y[start + e] = gate;
        chosen += gate;
    }
    let whole = select(all, chosen, arguments.renormalise == 1u);
    for (var e = 0u; e < arguments.experts; e += 1u) {
        y[start + e] /= whole;
    }
}
