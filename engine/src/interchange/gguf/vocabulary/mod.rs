//! Tokenizers of GGUF files, both ways: byte-level BPE (`gpt2`), and, one way, SentencePiece's BPE by scores (`llama`).
//!
//! A file holds tokens, their types and merges, and only the name of the pattern that cuts texts into words (`pre_tokenizers.rs`). Our
//! character vocabularies have a form there as well: their tokens are spelt in bytes, and merges make each character of its bytes.

mod pre_tokenizers;
mod read;
mod scores;
mod write;

pub use read::{notice, tokenizer};
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

/// Keys of special tokens' ids, and what `tokenizer_config.json` calls their purposes.
const PURPOSES: [(&str, &str); 4] = [
    ("tokenizer.ggml.bos_token_id", "bos_token"),
    ("tokenizer.ggml.eos_token_id", "eos_token"),
    ("tokenizer.ggml.unknown_token_id", "unk_token"),
    ("tokenizer.ggml.padding_token_id", "pad_token"),
];

/// Keys of the other tokens that end a text: of a turn, of a message. llama.cpp stops at them as well.
const OTHER_ENDS: [&str; 2] = ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

/// What a token is (`enum llama_token_type`); the numbers are those of files.
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
    fn of(number: u64) -> Option<Self> {
        [Self::Normal, Self::Unknown, Self::Control, Self::UserDefined, Self::Unused, Self::Byte]
            .into_iter()
            .find(|ty| *ty as u64 == number)
    }

    /// It is taken out of texts before they are cut into words: control tokens, the unknown one, and those that a user defined.
    fn is_added(self) -> bool {
        matches!(self, Self::Unknown | Self::Control | Self::UserDefined)
    }
}

/// A merge that no text can want, for vocabularies without merges, which llama.cpp refuses: no byte is spelt like its parts.
const NO_MERGE: &str = "∅ ∅";
