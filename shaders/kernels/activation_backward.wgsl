// Gradient of an activation: of y = f(x), dx = dy·f′(x), entry by entry.
// variants: kind=gelu_exact|gelu_tanh|relu|relu_squared|silu vec4? half?
//
// One invocation an entry (four with vec4). f′ comes from x alone: y is not kept for it. half: x, dy and
// dx are stored in halves.

import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::stored::Stored;
@if(gelu_exact) import package::shared::activation::gelu_exact_slope;
@if(gelu_tanh) import package::shared::activation::gelu_tanh_slope;
@if(silu) import package::shared::activation::silu_slope;

struct Arguments {
    count: u32, // Entries of a binding: floats, or vectors of four.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;

fn slope(x: Entry) -> Entry {
    @if(gelu_exact) return gelu_exact_slope(x);
    @if(gelu_tanh) return gelu_tanh_slope(x);
    @if(relu) return select(Entry(0.0), Entry(1.0), x > Entry(0.0));
    @if(relu_squared) return 2.0 * max(x, Entry(0.0));
    @if(silu) return silu_slope(x);
}

@compute @workgroup_size(256)
fn activation_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        dx[at] = Stored(Entry(dy[at]) * slope(Entry(x[at])));
    }
}
