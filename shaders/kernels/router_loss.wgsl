// Losses of a router, b·E·Σ load·p + z·lse² with p = softmax(x) and lse = log Σ exp x, for each row times its share, or their gradient.
// variants: backward?
//
// x [N,E]; load [E]; shares [N] of every micro-batch; result [N], or [N,E]. One invocation a row. The gradient is that of the loss scale times the losses.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    experts: u32, // E.
    balance: f32, // b.
    z: f32,
    factor: f32, // On the gradient.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> load: array<f32>;
@group(0) @binding(3) var<storage, read> control: Control;
@group(0) @binding(4) var<storage, read> shares: array<f32>;
@group(0) @binding(5) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(256)
fn router_loss(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.experts;
    var largest = x[start];
    for (var e = 1u; e < arguments.experts; e += 1u) {
        largest = max(largest, x[start + e]);
    }
    var whole = 0.0;
    var loaded = 0.0;
    for (var e = 0u; e < arguments.experts; e += 1u) {
        let exponential = exp(x[start + e] - largest);
        whole += exponential;
        loaded += load[e] * exponential;
    }
    loaded /= whole;
    let lse = largest + log(whole);
    let balance = arguments.balance * f32(arguments.experts);
    let factor = arguments.factor * shares[control.row * arguments.rows + row];
    @if(!backward) result[row] = factor * (balance * loaded + arguments.z * lse * lse);
    @if(backward) for (var e = 0u; e < arguments.experts; e += 1u) {
        let slope = balance * (load[e] - loaded) + 2.0 * arguments.z * lse;
        result[start + e] = factor * control.loss_scale * slope * exp(x[start + e] - largest) / whole;
    }
}
