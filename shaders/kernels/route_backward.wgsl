// Gradient of a router's gates: dx = p·([y ≠ 0]·dy − Σ y·dy), p = y where the gates of a row add up to 1, else softmax(x).
//
// x, y, dy, dx [N,E]. One invocation a row.

import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    experts: u32, // E.
    renormalise: u32, // 1 where the gates of a row add up to 1.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn route_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    var mean = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
        mean += select(0.0, y[start + e] * dy[start + e], y[start + e] != 0.0);
    }
    var whole = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        whole += exp(x[start + e] - largest);
    }
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let gate = y[start + e];
        let share = select(exp(x[start + e] - largest) / whole, gate, arguments.renormalise == 1u);
        dx[start + e] = share * (select(0.0, dy[start + e], gate != 0.0) - mean);
    }
}
