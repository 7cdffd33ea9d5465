//! Text as models take it: tokenizers, and training data as rows of tokens in files.

pub mod data;
pub mod tokenizer;
