// Gradient of a gate: of y[n,f] = g(x[n,f])·x[n,F+f], dx[n,f] = dy·x[n,F+f]·g′(x[n,f]), dx[n,F+f] = dy·g(x[n,f]).
// variants: kind=swiglu|geglu entries=scalar|vec4|half
//
// One invocation an entry of dy (four with vec4), which writes both sides. half: x, dy and dx are stored in halves.

import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::stored::Stored;
@if(swiglu) import package::shared::activation::{silu_of, silu_slope};
@if(geglu) import package::shared::activation::{gelu_tanh_of, gelu_tanh_slope};

struct Arguments {
    count: u32, // Entries of dy.
    hidden: u32, // F, in entries.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;

fn value(x: Entry) -> Entry {
    @if(swiglu) return silu_of(x);
    @if(geglu) return gelu_tanh_of(x);
}

fn slope(x: Entry) -> Entry {
    @if(swiglu) return silu_slope(x);
    @if(geglu) return gelu_tanh_slope(x);
}

@compute @workgroup_size(256)
fn gate_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let first = at / arguments.hidden * 2u * arguments.hidden + at % arguments.hidden;
        let before = Entry(x[first]);
        let flow = Entry(dy[at]);
        dx[first] = Stored(flow * Entry(x[first + arguments.hidden]) * slope(before));
        dx[first + arguments.hidden] = Stored(flow * value(before));
    }
}
