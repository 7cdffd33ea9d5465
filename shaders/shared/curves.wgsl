// All activations and their derivatives, by number, for kernels that wait for memory and not for a branch that every invocation takes
// alike. engine/compiler/src/plan/lower/mlp.rs has the same numbers.

import package::shared::activation::{gelu_exact_of, gelu_exact_slope, gelu_tanh_of, gelu_tanh_slope, silu_of, silu_slope};
import package::shared::entry::Entry;

const GELU_EXACT: u32 = 0u;
const GELU_TANH: u32 = 1u;
const RELU: u32 = 2u;
const RELU_SQUARED: u32 = 3u;

// Of any other number, SiLU.
fn activated_by(kind: u32, x: Entry) -> Entry {
    switch kind {
        case GELU_EXACT: { return gelu_exact_of(x); }
        case GELU_TANH: { return gelu_tanh_of(x); }
        case RELU: { return max(x, Entry(0.0)); }
        case RELU_SQUARED: { return max(x, Entry(0.0)) * max(x, Entry(0.0)); }
        default: { return silu_of(x); }
    }
}

fn slope_by(kind: u32, x: Entry) -> Entry {
    switch kind {
        case GELU_EXACT: { return gelu_exact_slope(x); }
        case GELU_TANH: { return gelu_tanh_slope(x); }
        case RELU: { return select(Entry(0.0), Entry(1.0), x > Entry(0.0)); }
        case RELU_SQUARED: { return 2.0 * max(x, Entry(0.0)); }
        default: { return silu_slope(x); }
    }
}
