// Activation: y = f(x), entry by entry.
// variants: kind=gelu_exact|gelu_tanh|relu|relu_squared|silu vec4? half?
//
// One invocation an entry (four with vec4). half: x and y are stored in halves.

import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::stored::Stored;
@if(gelu_exact) import package::shared::activation::gelu_exact_of;
@if(gelu_tanh) import package::shared::activation::gelu_tanh_of;
@if(silu) import package::shared::activation::silu_of;

struct Arguments {
    count: u32, // Entries of a binding: floats, or vectors of four.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;

fn value(x: Entry) -> Entry {
    @if(gelu_exact) return gelu_exact_of(x);
    @if(gelu_tanh) return gelu_tanh_of(x);
    @if(relu) return max(x, Entry(0.0));
    @if(relu_squared) return max(x, Entry(0.0)) * max(x, Entry(0.0));
    @if(silu) return silu_of(x);
}

@compute @workgroup_size(256)
fn activation(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = Stored(value(Entry(x[at])));
    }
}
