//! Completions: texts that programs ask for, many at a time, with the log-probabilities of their tokens.

use crate::{ChatMessage, ChatRendering, Moderated};
use serde::{Deserialize, Serialize};

/// Likeliest tokens that can be listed at each place.
pub const MAX_TOP_LOGPROBS: usize = 20;
/// Texts that are written at once unless said otherwise.
pub const PLACES: usize = 16;

/// What a completion goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CompletionPrompt {
    /// A text.
    Text {
        /// It; where it is empty, a document begins.
        text: String,
    },
    /// Tokens, taken as they are.
    Tokens {
        /// Their ids.
        ids: Vec<u32>,
    },
    /// A conversation, as the model's chat template writes it.
    Messages {
        /// The conversation.
        messages: Vec<ChatMessage>,
        /// How it is rendered.
        #[serde(default)]
        rendering: ChatRendering,
    },
}

/// How a completion is answered, beside how its tokens are drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompletionSettings {
    /// Say the log-probability of each token, and those of so many of the likeliest, [`MAX_TOP_LOGPROBS`] at most.
    pub log_probabilities: Option<usize>,
    /// Say those of the prompt's tokens as well, and its text.
    pub echo: bool,
    /// No token is written: the prompt alone is scored. `GenerateConfig::max_tokens` means nothing then.
    pub no_tokens: bool,
    /// Where the context has no room for as many tokens as are asked for, write those that it has room for.
    pub fits: bool,
    /// Texts that are written at once with the same weights; what is asked for beyond them waits for a place.
    pub places: usize,
}

impl Default for CompletionSettings {
    fn default() -> Self {
        Self { log_probabilities: None, echo: false, no_tokens: false, fits: false, places: PLACES }
    }
}

/// A completion that is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The run whose weights wrote it.
    pub run: String,
    /// The prompt's text, where it was to be said again.
    #[serde(default)]
    pub echoed: String,
    /// What was written behind it.
    pub text: String,
    /// Why it ended.
    pub ending: Ending,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens that were written, the one that ended the text included.
    pub written_tokens: usize,
    /// Where log-probabilities were asked for: the tokens written, the one that ended the text included, and before them the prompt's where
    /// those were asked for as well.
    #[serde(default)]
    pub tokens: Vec<CompletionToken>,
    /// Characters of the prompt that the vocabulary lacks, so that the model did not see them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub characters_lost: String,
    /// Special tokens that the prompt, or what its messages say, spells: the model reads them as such, not as text.
    #[serde(default)]
    pub special_tokens: usize,
    /// What moderation found, by category.
    #[serde(default, skip_serializing_if = "Moderated::is_empty")]
    pub moderated: Moderated,
}

/// A token of a completion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletionToken {
    /// Its id.
    pub id: u32,
    /// As people read it, with bytes that are no whole character as `\xE2`.
    pub text: String,
    /// What it adds to a text, which may be a part of a character.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// Characters of the whole text before it.
    pub offset: usize,
    /// The natural logarithm of its probability; `None` for the first of a prompt, which nothing stands before.
    pub log_probability: Option<f32>,
    /// The likeliest tokens there, likeliest first.
    pub top: Vec<LikelyToken>,
}

/// A token that was likely at a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyToken {
    /// Its id.
    pub id: u32,
    /// As [`CompletionToken::text`].
    pub text: String,
    /// As [`CompletionToken::bytes`].
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub log_probability: f32,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As many tokens as were asked for.
    MaxTokens,
    /// A stop string came; the text ends before it.
    StopString,
    /// The model ended its text.
    EndOfText,
    /// Whoever reads had enough.
    Interrupted,
    /// Moderation ends it before something that it found.
    Moderated,
}
