//! Intervals: seeded bootstraps over documents or rows, paired where two models are compared.
