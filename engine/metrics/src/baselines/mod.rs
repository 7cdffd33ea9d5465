//! Baselines without neural networks: n-grams over the model's own tokens, and compressors of its text.

mod compressor;
mod discounts;
mod ngram;
#[cfg(test)]
mod tests;
mod unigram;

pub use compressor::{Compressor, XZ_WINDOW};
pub use discounts::Discounts;
pub use ngram::{MAX_ORDER, NGram, Reading};
pub use unigram::Unigram;
