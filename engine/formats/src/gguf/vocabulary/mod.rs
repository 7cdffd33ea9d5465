//! Tokenizers in GGUF files: byte-level BPE (`gpt2`) and SentencePiece's BPE by scores (`llama`).
//!
//! A file has tokens, their types and merges, but of the splitting pattern only the name (`pre_tokenizers.rs`). Our character
//! vocabularies are representable too: their tokens are spelled in bytes, with merges that form each character from its bytes.

mod pre_tokenizers;
mod read;
mod scores;
mod write;

pub use read::{notices, tokenizer};
pub use write::push_tokenizer;

const MODEL_KEY: &str = "tokenizer.ggml.model";
const PRE_KEY: &str = "tokenizer.ggml.pre";
const TOKENS_KEY: &str = "tokenizer.ggml.tokens";
const TYPES_KEY: &str = "tokenizer.ggml.token_type";
const MERGES_KEY: &str = "tokenizer.ggml.merges";
const SCORES_KEY: &str = "tokenizer.ggml.scores";
const BEGINS_KEY: &str = "tokenizer.ggml.add_bos_token";
const ENDS_KEY: &str = "tokenizer.ggml.add_eos_token";
const PREFIX_KEY: &str = "tokenizer.ggml.add_space_prefix";
const TEMPLATE_KEY: &str = "tokenizer.chat_template";

/// Keys of special tokens' ids, and the names of their purposes in `tokenizer_config.json`.
const PURPOSES: [(&str, &str); 4] = [
    ("tokenizer.ggml.bos_token_id", "bos_token"),
    ("tokenizer.ggml.eos_token_id", "eos_token"),
    ("tokenizer.ggml.unknown_token_id", "unk_token"),
    ("tokenizer.ggml.padding_token_id", "pad_token"),
];

/// Keys of other end tokens (end of turn, end of message), at which llama.cpp stops too.
const OTHER_ENDS: [&str; 2] = ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/// Type of a token (`enum llama_token_type`); the numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

impl TokenType {
    fn from_number(number: u64) -> Option<Self> {
        [Self::Normal, Self::Unknown, Self::Control, Self::UserDefined, Self::Unused, Self::Byte]
            .into_iter()
            .find(|ty| *ty as u64 == number)
    }

    /// Whether the token is matched before texts are split into words: control, unknown and user-defined tokens.
    fn is_added(self) -> bool {
        matches!(self, Self::Unknown | Self::Control | Self::UserDefined)
    }
}

/// A merge that never applies, because llama.cpp rejects vocabularies without merges; its parts are not in the byte alphabet.
const NO_MERGE: &str = "∅ ∅";
