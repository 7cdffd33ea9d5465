//! Comparisons of two models or kinds of runs: verdicts in plain words, with the interval of the difference.

mod compare;
mod remade;
mod runs;
#[cfg(test)]
mod tests;

pub use compare::compare;
pub use runs::{MAX_PAIRS, compare_runs, mean_interval};
