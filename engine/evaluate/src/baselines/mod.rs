//! What needs no neural network: n-grams over the model's own tokens, and compressors of its text.

mod compressor;
mod discounts;
mod ngram;
#[cfg(test)]
mod tests;
mod unigram;

pub use compressor::{Compressor, XZ_WINDOW};
pub use discounts::Discounts;
pub use ngram::{MOST_ORDERS, NGram, Reading};
pub use unigram::Unigram;
