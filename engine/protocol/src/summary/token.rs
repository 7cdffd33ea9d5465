//! Tokenizers, their vocabularies and merges, and tokens of texts.

use serde::{Deserialize, Serialize};

/// A project's tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenizerSummary {
    /// How it was trained.
    pub config: crate::TokenizerConfig,
    /// Entries, special tokens included.
    pub vocabulary: usize,
    /// Tokens of the training part.
    pub train_tokens: u64,
    /// Tokens of the validation part.
    pub validation_tokens: u64,
    /// Bytes of text for one token.
    pub bytes_per_token: f64,
    /// Entries that the text never uses.
    pub unused: usize,
    /// Merges can be replayed.
    pub merges: bool,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Its id.
    pub id: u32,
    /// Its text; bytes that are no whole character are shown as `\xE2`.
    pub text: String,
    /// A special token, as `<|endoftext|>`.
    #[serde(default)]
    pub special: bool,
}

/// An entry of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyEntry {
    /// Its id.
    pub id: u32,
    /// Its text, as in [`TokenSummary`].
    pub text: String,
    /// How often the project's text uses it.
    pub count: u64,
    /// The two entries that it was merged from, for BPE.
    pub parts: Option<(String, String)>,
}

/// A merge of byte-pair encoding, at every place where it applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeStep {
    /// Its rank: merges are learned and applied in this order.
    pub rank: usize,
    /// The left part.
    pub left: String,
    /// The right part.
    pub right: String,
    /// Both joined: bytes that were no whole character by themselves may be one now.
    pub whole: String,
    /// Positions, among the pieces before this step, of the left parts that it joins with their right neighbour.
    pub at: Vec<usize>,
}

/// A tokenizer on the project's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompressionSummary {
    /// `byte`, `char`, `bpe 1024`.
    pub name: String,
    /// Entries.
    pub vocabulary: usize,
    /// Bytes of text for one token.
    pub bytes_per_token: f64,
    /// The project's own.
    pub current: bool,
}

/// A token of a written text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenToken {
    /// Its id.
    pub id: u32,
    /// What it adds to the text; empty where a character is not whole yet.
    pub text: String,
}

/// A token that might come next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// Its place, 1 for the likeliest.
    pub rank: usize,
    /// Probability as the model gives it.
    pub probability: f32,
    /// Probability after temperature and repetition penalty.
    pub tempered: f32,
    /// Probability after all settings; 0 where one cut it off.
    pub drawn: f32,
    /// The setting that cut it off.
    pub cut_by: Option<Cut>,
}

/// A setting that leaves unlikely tokens out of the draw, in the order in which they apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// So many tokens are left.
    TopK,
    /// So much probability is left.
    TopP,
    /// What is much less likely than the likeliest goes.
    MinP,
}

impl Cut {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TopK, Self::TopP, Self::MinP];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopK => "top-k",
            Self::TopP => "top-p",
            Self::MinP => "min-p",
        }
    }
}
