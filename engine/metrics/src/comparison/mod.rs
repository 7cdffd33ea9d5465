//! Comparisons of two models: verdicts in plain words, with the interval of the difference.

mod compare;
mod remade;
mod student;
#[cfg(test)]
mod tests;

pub use compare::compare;
pub use student::mean_interval;
