//! Settings of the tokenizer.

use crate::setting::{Settings as _, choices, settings};
use crate::{Invalid, require};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Ends a document; a training window may contain several.
pub const END_OF_TEXT: &str = "<|endoftext|>";

settings! {
    pub struct TokenizerConfig: "tokenizer." {
        pub kind: TokenizerKind;
        /// Maximum size of a trained vocabulary, including special tokens.
        ///
        /// Ignored by byte and char.
        #[serde(default = "default_vocabulary")]
        pub vocabulary: usize, "Vocabulary", 0..=1 << 22;
        /// Pieces that occur less often than this in the text get no entry of their own.
        #[serde(default = "default_min_frequency")]
        pub min_frequency: u64, "Minimum frequency", 0..;
        /// Splits text into words, within which pieces are merged.
        ///
        /// Ignored by byte and char.
        #[serde(default)]
        pub pre_tokenizer: PreTokenizerKind, "Pre-tokenizer";
        /// Special tokens in addition to `<|endoftext|>`, which always exists.
        #[serde(default)]
        pub special_tokens: Vec<String>;
    }
}

fn default_vocabulary() -> usize {
    4096
}

fn default_min_frequency() -> u64 {
    2
}

choices! {
    pub enum TokenizerKind {
        /// Merges the most frequent pairs of pieces repeatedly; used by GPT and Llama.
        ///
        /// Byte-level byte-pair encoding (Sennrich et al. 2016).
        Bpe = "bpe", "BPE";
        /// One token per character of the text; small, and easy to follow.
        Char = "char", "Characters";
        /// One token per byte; reads text in any script, with the longest sequences.
        Byte = "byte", "Bytes";
        /// Merges the pairs with the highest score (frequency relative to their parts); used by BERT.
        ///
        /// Schuster and Nakajima 2012.
        WordPiece = "word_piece", "WordPiece";
        /// Starts with many pieces and drops those with the least effect on the likelihood; used by T5.
        ///
        /// A unigram language model (Kudo 2018; SentencePiece).
        Unigram = "unigram", "Unigram";
    }
    unlisted {
        /// The tokenizer of an imported model, with any algorithm.
        Imported = "imported", "Imported";
    }
}

choices! {
    pub enum PreTokenizerKind = Gpt2 {
        /// GPT-2's pattern: a word with the space before it, runs of digits, runs of other signs.
        Gpt2 = "gpt2", "GPT-2";
        /// GPT-2's pattern with every digit separate, as in SmolLM and StarCoder; helps with arithmetic.
        Gpt2Digits = "gpt2_digits", "GPT-2, single digits";
        /// The pattern of GPT-4 (cl100k) and Llama 3: at most three digits, line breaks with the signs before them.
        #[serde(alias = "llama3")]
        Gpt4 = "gpt4", "GPT-4 and Llama 3";
        /// GPT-4's pattern with every digit separate, as in Qwen 2.
        #[serde(alias = "qwen2")]
        Gpt4Digits = "gpt4_digits", "GPT-4, single digits";
    }
}

impl FromStr for PreTokenizerKind {
    type Err = String;

    /// Parses a name as typed by a user; `llama3` and `qwen2` name their patterns, too.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::named(
            "pre-tokenizer",
            match name.to_ascii_lowercase().replace('-', "_").as_str() {
                "llama3" => "gpt4",
                "qwen2" => "gpt4_digits",
                word => word,
            },
        )
    }
}

impl TokenizerKind {
    /// Whether its vocabulary is trained, up to the configured size.
    pub fn is_trained(self) -> bool {
        !matches!(self, Self::Byte | Self::Char | Self::Imported)
    }

    /// Minimum size of a trained vocabulary without special tokens: its alphabet.
    pub fn alphabet_size(self) -> usize {
        match self {
            Self::Byte | Self::Char | Self::Imported => 0,
            Self::Bpe | Self::Unigram => 256,
            Self::WordPiece => 512,
        }
    }
}

impl FromStr for TokenizerKind {
    type Err = String;

    /// Parses the name of a trainable kind, as typed by a user.
    fn from_str(name: &str) -> Result<Self, String> {
        let word = match name.to_ascii_lowercase().replace('-', "_") {
            word if word == "wordpiece" => "word_piece".to_owned(),
            word => word,
        };
        Self::named("tokenizer", &word)
    }
}

impl TokenizerConfig {
    /// The default settings of a kind.
    pub fn new(kind: TokenizerKind, vocabulary: usize) -> Self {
        Self {
            kind,
            vocabulary,
            min_frequency: default_min_frequency(),
            pre_tokenizer: PreTokenizerKind::default(),
            special_tokens: Vec::new(),
        }
    }

    /// Special tokens in the order of their ids, each once.
    pub fn special(&self, several_documents: bool) -> Vec<String> {
        let end = (self.kind.is_trained() || several_documents).then(|| END_OF_TEXT.to_owned());
        let mut seen = BTreeSet::new();
        let tokens = end.into_iter().chain(self.special_tokens.iter().cloned());
        tokens.filter(|token| seen.insert(token.clone())).collect()
    }

    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        let special = self.special_tokens.iter().map(String::len).sum::<usize>() + self.special_tokens.len();
        let (most, tokens) = (1 << 20, "tokenizer.special_tokens");
        require(special <= most, tokens, special, format!("have at most {most} bytes in total"))?;
        for token in &self.special_tokens {
            let printable = !token.is_empty() && token.chars().all(|character| character.is_ascii_graphic());
            let rule = "have only printable ASCII characters, without spaces";
            require(printable, tokens, format!("{token:?}"), rule)?;
        }
        // May be 0 for algorithms that ignore it.
        let (alphabet, special) = (self.kind.alphabet_size(), self.special(true).len());
        let least = alphabet + special;
        require(
            alphabet == 0 || self.vocabulary >= least,
            "tokenizer.vocabulary",
            self.vocabulary,
            format!(
                "be at least {least} for this kind ({alphabet} for its alphabet of bytes, {special} for special tokens)"
            ),
        )
    }
}
