//! Conversations kept in a project.

use crate::{GenerateConfig, Role, WeightSource, is_default};
use serde::{Deserialize, Serialize};

/// Characters of the first message that name a conversation without a title.
const NAME: usize = 80;

/// A conversation with a model. Its messages have the form of a training row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// When it began, in microseconds since 1970, UTC.
    pub id: u64,
    /// Number of times it was saved; 0 for a new conversation.
    pub revision: u64,
    /// The user's title; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Unix time of the last change in seconds.
    pub changed: u64,
    /// It can be restored until the project is opened again.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: bool,
    pub messages: Vec<KeptMessage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptMessage {
    pub role: Role,
    pub content: String,
    /// Unix time in seconds; 0 if unknown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: u64,
    /// Of a model's reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<ReplyOrigin>>,
}

/// The weights and settings that wrote a reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplyOrigin {
    pub run: String,
    /// `None` if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// The weights as chosen: a checkpoint, or the current ones.
    pub source: WeightSource,
    /// Without the moderation's rules.
    pub config: GenerateConfig,
    /// The user rewrote the reply.
    #[serde(skip_serializing_if = "is_default")]
    pub edited: bool,
    /// Moderation changed the reply.
    #[serde(skip_serializing_if = "is_default")]
    pub moderated: bool,
}

/// A row in the list of conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationSummary {
    pub id: u64,
    /// Its title, else the beginning of its first message.
    pub name: String,
    /// The run that replied last; empty before a reply.
    pub run: String,
    pub changed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationChange {
    /// Empty removes the title.
    Title(String),
    /// [`Self::Restore`] can undo this until the project is opened again.
    Delete,
    Restore,
}

impl KeptMessage {
    pub fn new(role: Role, content: impl Into<String>, when: u64) -> Self {
        Self { role, content: content.into(), when, origin: None }
    }
}

impl Conversation {
    pub fn summary(&self) -> ConversationSummary {
        let first = self.messages.iter().find(|message| message.role == Role::User);
        let words = first.map_or("", |first| first.content.as_str());
        let beginning = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = match self.title.trim() {
            "" => beginning.chars().take(NAME).collect(),
            title => title.to_owned(),
        };
        let run = self.messages.iter().rev().find_map(|message| message.origin.as_ref());
        let run = run.map_or_else(String::new, |origin| origin.run.clone());
        ConversationSummary { id: self.id, name, run, changed: self.changed }
    }
}
