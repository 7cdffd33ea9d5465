// The activation that a variant is built for, and its derivative: in the epilogues of products, where registers are dear.

import package::shared::entry::Entry;
@if(gelu_exact) import package::shared::activation::{gelu_exact_of, gelu_exact_slope};
@if(gelu_tanh) import package::shared::activation::{gelu_tanh_of, gelu_tanh_slope};
@if(silu) import package::shared::activation::{silu_of, silu_slope};

fn activated(x: Entry) -> Entry {
    @if(gelu_exact) return gelu_exact_of(x);
    @if(gelu_tanh) return gelu_tanh_of(x);
    @if(relu) return max(x, Entry(0.0));
    @if(relu_squared) return max(x, Entry(0.0)) * max(x, Entry(0.0));
    @if(silu) return silu_of(x);
}

fn slope(x: Entry) -> Entry {
    @if(gelu_exact) return gelu_exact_slope(x);
    @if(gelu_tanh) return gelu_tanh_slope(x);
    @if(relu) return select(Entry(0.0), Entry(1.0), x > Entry(0.0));
    @if(relu_squared) return 2.0 * max(x, Entry(0.0));
    @if(silu) return silu_slope(x);
}
