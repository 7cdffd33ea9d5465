//! What is said in a conversation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Range;

/// Who a message is from, by the names of OpenAI's and Hugging Face's formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation; the first message, or absent.
    System,
    /// The same under OpenAI's later name, which some templates tell apart.
    Developer,
    /// The person.
    User,
    /// The model: what is trained on.
    Assistant,
    /// What a tool that the assistant called answered.
    Tool,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::System, Self::Developer, Self::User, Self::Assistant, Self::Tool];

    /// Its name in a row and in a template.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }

    /// Whether it gives instructions for the whole conversation.
    pub fn instructs(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }

    /// Whether a message of this role may come after one of another, or first.
    pub fn may_follow(self, before: Option<Self>) -> bool {
        match before {
            None => self.instructs() || self == Self::User,
            Some(Self::System | Self::Developer) => self == Self::User,
            Some(Self::User) => self == Self::Assistant,
            Some(Self::Assistant) => matches!(self, Self::User | Self::Tool),
            Some(Self::Tool) => matches!(self, Self::Assistant | Self::Tool),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// ChatML as a template, for models that come without one: `<|im_start|>role`, a line break, the text, `<|im_end|>`, a line break. It has no
/// place for tools, and says so.
pub const CHATML: &str = include_str!("chatml.jinja");
/// What begins a turn of ChatML, and what ends it.
pub const CHATML_TOKENS: [&str; 2] = ["<|im_start|>", "<|im_end|>"];

/// How a reason begins with which a chat template refuses a conversation, as by `raise_exception`. In a browser templates are read by a
/// module of their own, from which nothing but the reason comes back.
pub const TEMPLATE_REFUSES: &str = "the chat template refuses the conversation";

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who it is from.
    pub role: Role,
    /// Its text.
    pub content: String,
    /// Its other fields, which a template may read: `name`, `tool_calls`, `tool_call_id`, `reasoning_content`.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl ChatMessage {
    /// A message of text alone.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), fields: Map::new() }
    }
}

/// What a chat template is given besides the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatRendering {
    /// How the text ends.
    pub ending: ChatEnding,
    /// Variables of the template by name, as `enable_thinking`.
    pub variables: Map<String, Value>,
}

/// How the text of a conversation ends that a model goes on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatEnding {
    /// With the header of the assistant's turn: transformers' `add_generation_prompt`.
    #[default]
    Answer,
    /// With the last message's turn.
    Closed,
    /// Within the last message: transformers' `continue_final_message`.
    Continued,
}

/// A row of a data set as supervised fine-tuning takes it: a text, and the parts of it that are learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatExample {
    /// The text, with what a chat template puts around its messages.
    pub text: String,
    /// What of it is learned: byte ranges, in order, none empty.
    pub learned: Vec<Range<usize>>,
    /// Whether it is text without a template, which the token that ends a text is to follow, and be learned with it.
    pub raw: bool,
    /// What the person says first, for samples.
    pub prompt: Option<String>,
    /// The same prompt with a worse answer, where the row is a preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Box<Self>>,
    /// Whether its answer is a good one, where the row says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<bool>,
    /// Fields of the row that hold something and are not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}
