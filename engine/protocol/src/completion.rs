//! Texts to generate: prompts, output and completions.

use crate::setting::settings;
use crate::{ChatMessage, ChatRendering, Moderated};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Maximum number of alternatives listed per token.
pub const MAX_TOP_LOGPROBS: usize = 20;
/// Default number of texts generated in parallel.
pub const PLACES: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Prompt {
    Text {
        /// Empty starts a new document.
        text: String,
    },
    /// Token ids, used as they are.
    Tokens { ids: Vec<u32> },
    /// A conversation, rendered with the model's chat template.
    Messages {
        messages: Vec<ChatMessage>,
        /// `None` asks for a reply to the last message, and leaves out the oldest exchanges if they do not fit the context.
        rendering: Option<ChatRendering>,
    },
}

crate::conversions! { Prompt: &str: |text| Self::Text { text: text.to_owned() }; }

impl Prompt {
    /// Bytes of its text or token ids, and of further fields as JSON.
    pub fn bytes(&self) -> [usize; 2] {
        let json = |fields: &Map<String, Value>| match fields.len() {
            0 => 0,
            _ => serde_json::to_vec(fields).map_or(0, |json| json.len()),
        };
        match self {
            Self::Text { text } => [text.len(), 0],
            Self::Tokens { ids } => [size_of_val(ids.as_slice()), 0],
            Self::Messages { messages, rendering } => {
                let fields = messages.iter().map(|message| &message.fields);
                let fields = fields.chain(rendering.iter().map(|own| &own.variables));
                [messages.iter().map(|message| message.content.len()).sum(), fields.map(json).sum()]
            }
        }
    }
}

/// Form of the answer to a request for texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Output {
    /// The tokens of one text as they are generated.
    #[default]
    Tokens,
    /// Several whole texts, generated in a batch with consecutive seeds that start at the one in the settings. Each equals the text
    /// generated separately with its seed: bit for bit on the CPU, up to rounding on a GPU.
    Samples { count: usize },
    /// A completion for another program, batched with all pending completions of the same weights; it starts as soon as the batch has
    /// a free slot. It fails if prompt and text do not fit the context.
    Completion(CompletionSettings),
}

settings! {
    /// Output options of a completion, in addition to the sampling settings.
    #[derive(Eq)]
    pub struct CompletionSettings: "" {
        /// Return the log-probability of each token, and of this many most likely alternatives, at most [`MAX_TOP_LOGPROBS`].
        pub log_probabilities: Option<usize> = None;
        /// Return the prompt's text, and its tokens' log-probabilities if those are requested. With `no_tokens`, its tokens are returned
        /// in any case.
        pub echo: bool = false;
        /// Return the mean of the prompt's last hidden states, with `no_tokens`.
        pub embeds: bool = false;
        /// Generate no tokens and only score the prompt. `GenerateConfig::max_tokens` is then ignored.
        pub no_tokens: bool = false;
        /// Reduce the number of tokens if the context has no room for all.
        pub fits: bool = false;
        /// Maximum number of texts generated in parallel with the same weights; further requests wait for a free slot.
        pub places: usize = PLACES;
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Completion {
    /// The run whose weights generated it.
    pub run: String,
    /// Index among the request's texts.
    pub number: usize,
    pub seed: u64,
    /// The prompt's text, if `echo` was set.
    pub echoed: String,
    pub text: String,
    pub ending: Ending,
    pub prompt_tokens: usize,
    /// Number of generated tokens, including the end token.
    pub written_tokens: usize,
    /// The generated tokens without the end token; after a stop string, the last ones may extend past the text.
    pub ids: Vec<u32>,
    /// Includes prefill.
    pub seconds: f64,
    pub tokens_per_s: f64,
    /// The generated tokens, including the end token, if log-probabilities were requested; with `echo`, the prompt's tokens come first.
    pub tokens: Vec<CompletionToken>,
    /// Mean of the prompt's last hidden states, after the final norm, if requested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embedding: Vec<f32>,
    /// Characters of the prompt that the vocabulary lacks and that were dropped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub characters_lost: String,
    /// Number of special tokens spelled out in the prompt or in its messages; the model reads them as special tokens, not as text.
    pub special_tokens: usize,
    /// Moderation findings by category.
    #[serde(skip_serializing_if = "Moderated::is_empty")]
    pub moderated: Moderated,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletionToken {
    pub id: u32,
    /// Display text; incomplete UTF-8 is shown as `\xE2`.
    pub text: String,
    /// The bytes it adds to the text; may be part of a character.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// Offset in the whole text, in characters.
    pub offset: usize,
    /// Natural logarithm of its probability; `None` for a prompt's first token.
    pub log_probability: Option<f32>,
    /// The most likely tokens at this position, in descending order.
    pub top: Vec<LikelyToken>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyToken {
    pub id: u32,
    /// As [`CompletionToken::text`].
    pub text: String,
    /// As [`CompletionToken::bytes`].
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub log_probability: f32,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The requested number of tokens was reached.
    #[default]
    MaxTokens,
    /// A stop string was generated; the text ends before it.
    StopString,
    /// The model generated an end token.
    EndOfText,
    /// It was stopped on request.
    Interrupted,
    /// Moderation ended the text before a finding.
    Moderated,
}
