//! Cases of every operation and of every kernel variant, compared with the oracle (burn in f64): the parity tests, and
//! `glasshouse selftest --variants`.

pub mod cases;
pub mod half_precision;
#[cfg(test)]
mod half_tests;
pub mod task;
pub mod variants;
