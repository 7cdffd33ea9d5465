//! Conversations: roles, messages and their rendering.

use crate::setting::choices;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Range;

choices! {
    /// Role of a message, with the names of OpenAI's and Hugging Face's formats.
    pub enum Role {
        /// Instructions for the whole conversation; only as the first message.
        System = "system";
        /// The same under OpenAI's later name; some templates distinguish the two.
        Developer = "developer";
        User = "user";
        /// The model. Its messages are the training targets.
        Assistant = "assistant";
        /// The result of a tool call by the assistant; `function` is OpenAI's former name.
        #[serde(alias = "function")]
        Tool = "tool";
    }
}

impl Role {
    /// Whether messages of this role instruct the whole conversation.
    pub fn instructs(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }

    /// Whether a message of this role may follow one of role `before`, or come first if that is `None`.
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

/// ChatML as a template, for models without one: `<|im_start|>role`, a line break, the text, `<|im_end|>`, a line break. It does not
/// support tools and refuses them.
pub const CHATML: &str = include_str!("chatml.jinja");
/// Start and end of a turn in ChatML.
pub const CHATML_TOKENS: [&str; 2] = ["<|im_start|>", "<|im_end|>"];

/// Prefix of the error if a chat template refuses a conversation, as by `raise_exception`. In a browser, templates run in a separate
/// module that returns only the message.
pub const TEMPLATE_REFUSES: &str = "the chat template refuses the conversation";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    pub role: Role,
    pub content: String,
    /// Its other fields, which a template may read: `name`, `tool_calls`, `tool_call_id`, `reasoning_content`.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl ChatMessage {
    /// A message with text only.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), fields: Map::new() }
    }
}

/// Inputs of a chat template in addition to the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatRendering {
    pub ending: ChatEnding,
    /// A template in place of the model's own, in Jinja.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// JSON schemas of the tools that the assistant may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// Template variables by name, such as `enable_thinking`.
    pub variables: Map<String, Value>,
}

/// End of a rendered conversation that a model continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatEnding {
    /// Ends with the header of an assistant turn (`add_generation_prompt` in `transformers`).
    #[default]
    Answer,
    /// Ends with the end of the last message's turn.
    Closed,
    /// Ends within the last message (`continue_final_message` in `transformers`).
    Continued,
}

/// A row of a data set for supervised fine-tuning: a text, and the parts of it that are trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatExample {
    /// The text, with the chat template's markup.
    pub text: String,
    /// Byte ranges that are trained on, in order, none empty.
    pub learned: Vec<Range<usize>>,
    /// Whether it is plain text without a template; the end-of-text token is then appended and trained on.
    pub raw: bool,
    /// The user's first message, as a prompt for samples.
    pub prompt: Option<String>,
    /// In a preference row, the same prompt with the rejected answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Box<Self>>,
    /// Whether the answer is a good one, if the row says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<bool>,
    /// Non-empty fields of the row that are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}
