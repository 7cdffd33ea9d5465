//! Training conversations: rows of JSON Lines in common data set formats ([`rows`]), and chat templates that render them to text
//! and mark the assistant's parts ([`template`]). Also tasks of evaluation, described in YAML ([`Task`]).
//!
//! This crate does no I/O and has no notion of tokens: the caller provides lines and template sources, and maps byte ranges to
//! tokens.

mod example;
pub mod rows;
mod task;
pub mod template;
mod yaml;

pub use example::example;
pub use glasshouse_protocol::{ChatExample, ChatMessage as Message, Role};
pub use rows::{
    Format, Preference, Row, RowWithNotes, SYNONYMS, messages_of, modernise_calls, synonym, tool_calls,
};
pub use task::Task;
pub use template::{ChatTemplate, Rendered, SpecialTokens, TemplateError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Fields that say whether a message is trained on.
pub(crate) const WEIGHT: &str = "weight";
pub(crate) const TRAIN: [&str; 2] = ["train", "training"];

/// Whether an assistant message is trained on. Rows disable it with `weight`: 0 (OpenAI) or `train`: false (axolotl, whose settings also call
/// the field `training`).
pub(crate) fn is_learned(message: &Message) -> bool {
    let off = |key: &str| message.fields.get(key) == Some(&Value::Bool(false));
    !(TRAIN.into_iter().any(off) || message.fields.get(WEIGHT).and_then(Value::as_f64) == Some(0.0))
}

/// Whether required text is missing. An assistant may call tools instead, tools may return nothing, and empty system messages are common in
/// published data.
fn is_empty(message: &Message) -> bool {
    let calls =
        || message.fields.get("tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty());
    let needed = match message.role {
        Role::User => true,
        Role::Assistant => !calls(),
        Role::System | Role::Developer | Role::Tool => false,
    };
    needed && message.content.trim().is_empty()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    pub messages: Vec<Message>,
    /// Tools that the assistant may call: a list of JSON schemas, as in `apply_chat_template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
}

impl Conversation {
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, tools: None }
    }

    /// Checks the order of roles (an optional system message first, then user and assistant alternating, tools after the
    /// assistant that called them), and that user and assistant messages are not empty. Fails with the first
    /// message that breaks a rule.
    pub fn validate(&self) -> Result<(), String> {
        validate(&self.messages, "messages")
    }

    /// Like [`Self::validate`], and requires at least one assistant message.
    pub fn validate_for_training(&self) -> Result<(), String> {
        self.validate()?;
        let replies = self.messages.iter().any(|message| message.role == Role::Assistant);
        let reason = "`messages`: no assistant message, so there is nothing to learn";
        if replies { Ok(()) } else { Err(reason.to_owned()) }
    }
}

/// Like [`Conversation::validate`], for the messages of a row's field.
pub fn validate(messages: &[Message], field: &str) -> Result<(), String> {
    let mut before = None;
    for (number, message) in messages.iter().enumerate() {
        let role = message.role;
        if !role.may_follow(before) {
            let not =
                before.map_or_else(|| "come first".to_owned(), |before| format!("follow {before} messages"));
            return Err(format!("`{field}[{number}].role`: {role} messages may not {not}"));
        }
        if is_empty(message) {
            return Err(format!("`{field}[{number}].content`: the {role} message is empty"));
        }
        before = Some(role);
    }
    before.map(|_| ()).ok_or_else(|| format!("`{field}`: expected at least one message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(roles: &[Role]) -> Conversation {
        Conversation::new(roles.iter().map(|role| Message::new(*role, "words")).collect())
    }

    #[test]
    fn messages_take_turns() {
        use Role::{Assistant, System, Tool, User};
        for good in [
            &[System, User, Assistant][..],
            &[User, Assistant, User, Assistant, User],
            &[User, Assistant, Tool, Tool, Assistant],
        ] {
            assert_eq!(of(good).validate_for_training(), Ok(()), "{good:?}");
        }
        for (bad, said) in [
            (&[][..], "`messages`: expected at least one message"),
            (&[User, User], "`messages[1].role`: user messages may not follow user messages"),
            (
                &[User, Assistant, Assistant],
                "`messages[2].role`: assistant messages may not follow assistant messages",
            ),
            (&[Assistant], "`messages[0].role`: assistant messages may not come first"),
            (&[User, System], "`messages[1].role`: system messages may not follow user messages"),
            (&[User, Tool], "`messages[1].role`: tool messages may not follow user messages"),
            (&[User], "`messages`: no assistant message, so there is nothing to learn"),
        ] {
            assert_eq!(of(bad).validate_for_training().unwrap_err(), said);
        }
    }

    #[test]
    fn replies_say_something_or_call_a_tool() {
        let mut conversation = of(&[Role::User, Role::Assistant]);
        conversation.messages[1].content = " \n".to_owned();
        let error = conversation.validate().unwrap_err();
        assert_eq!(error, "`messages[1].content`: the assistant message is empty");
        conversation.messages[1]
            .fields
            .insert("tool_calls".to_owned(), serde_json::json!([{ "function": { "name": "now" } }]));
        assert_eq!(conversation.validate(), Ok(()));
        conversation.messages[0].content.clear();
        assert_eq!(conversation.validate().unwrap_err(), "`messages[0].content`: the user message is empty");
    }
}
