//! Measures a device's speed with random tokens and a run's own initial weights, for `glasshouse bench`, time estimates, the
//! choice of precision, and benchmarks in the user interface.

mod decode;
mod inspect;
mod kernel;
mod precision;
mod scaling;
mod step;

pub use decode::{DecodeWorkload, measure_decode};
pub use inspect::measure_views;
pub use kernel::measure_kernels;
pub use precision::{Settled, settle_precision};
pub use scaling::measure_scaling;
pub use step::{Extent, MeasuredSteps, measure};

/// Median, minimum and maximum.
fn spread(values: &mut [f64]) -> (f64, f64, f64) {
    crate::protocol::order::sort_by(values, f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}
