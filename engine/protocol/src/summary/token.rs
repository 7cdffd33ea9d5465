//! Tokenizers, their vocabularies and merges, and tokens.

use crate::setting::choices;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenizerSummary {
    pub config: crate::TokenizerConfig,
    /// Vocabulary size, including special tokens.
    pub vocabulary: usize,
    pub train_tokens: u64,
    pub validation_tokens: u64,
    /// Compression: bytes of text per token.
    pub bytes_per_token: f64,
    /// Number of entries that the text never uses.
    pub unused: usize,
    /// Whether merges can be replayed (BPE).
    pub merges: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    pub id: u32,
    /// Its text; incomplete UTF-8 is shown as `\xE2`.
    pub text: String,
    /// Whether it is a special token such as `<|endoftext|>`.
    pub special: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyEntry {
    pub id: u32,
    /// Its text, as in [`TokenSummary`].
    pub text: String,
    /// Number of occurrences in the project's text.
    pub count: u64,
    /// The two entries that it was merged from (BPE).
    pub parts: Option<(String, String)>,
}

/// A BPE merge, with all positions at which it applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeStep {
    /// Rank: merges are learned and applied in this order.
    pub rank: usize,
    pub left: String,
    pub right: String,
    /// Both joined: bytes that were incomplete UTF-8 separately may now form a character.
    pub whole: String,
    /// Positions, among the pieces before this step, of the left parts that are merged.
    pub at: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenToken {
    pub id: u32,
    /// The text it adds; empty while a character is incomplete.
    pub text: String,
}

/// A candidate for the next token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub id: u32,
    pub text: String,
    /// Rank by probability, from 1.
    pub rank: usize,
    pub probability: f32,
    /// Probability after temperature and repetition penalty.
    pub tempered: f32,
    /// Probability after all settings; 0 if one excluded the token.
    pub drawn: f32,
    /// The setting that excluded it.
    pub cut_by: Option<Cut>,
}

choices! {
    /// A setting that excludes unlikely tokens, in order of application.
    pub enum Cut {
        /// Keeps a fixed number of tokens.
        TopK = "top_k", "top-k";
        /// Keeps a fixed probability mass.
        TopP = "top_p", "top-p";
        /// Excludes tokens much less likely than the most likely one.
        MinP = "min_p", "min-p";
    }
}
