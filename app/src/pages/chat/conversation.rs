//! What was said: the person's messages, each with the reply to it.

use crate::pages::written::Look;
use crate::state::{Text, Writing};
use glasshouse_protocol::{ChatMessage, Role};

/// A message of the person's and what the model replied.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) asked: String,
    /// The conversation up to the reply, as the model was asked.
    pub(super) messages: Vec<ChatMessage>,
    /// The reply; two of them while the person compares.
    pub(super) replies: Vec<Reply>,
}

impl Exchange {
    /// Leaves one of two replies.
    pub(super) fn choose(&mut self, which: usize) {
        if which < self.replies.len() {
            self.replies.swap(0, which);
            self.replies.truncate(1);
        }
    }
}

/// A reply.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The request that it answers.
    pub(super) request: u64,
    /// The run whose weights write it.
    pub(super) run: String,
    /// What it says: as it was written, or as the person put it.
    pub(super) said: String,
    /// Nothing more comes.
    pub(super) ended: bool,
    /// The person put it in other words.
    pub(super) edited: bool,
    /// Moderation changed it: it is not what the model would have said, and none to learn from.
    pub(super) changed: bool,
    /// The thumb that it has among the rows of feedback, up or down.
    pub(super) good: Option<bool>,
    pub(super) look: Look,
}

impl Reply {
    pub(super) fn to(request: u64, run: String) -> Self {
        Self { request, run, ..Self::default() }
    }

    /// Whether it says anything.
    pub(super) fn says(&self) -> bool {
        !self.said.trim().is_empty()
    }

    /// Whether it says anything, as the model or the person put it.
    pub(super) fn teaches(&self) -> bool {
        self.says() && !self.changed
    }

    /// The text that the model wrote, as long as it is known.
    pub(super) fn text<'a>(&self, writing: &'a Writing) -> Option<&'a Text> {
        writing.texts.get(&self.request)
    }

    /// Takes in what was written since.
    pub(super) fn take(&mut self, writing: &Writing) {
        if self.ended {
            return;
        }
        let text = self.text(writing);
        if let Some(text) = text {
            self.said.clone_from(&text.said);
            self.changed = text.config.moderation.mode.hides() && !text.moderated.is_empty();
        }
        self.ended = text.is_none_or(|text| text.ending.is_some());
    }
}

/// The conversation up to a message of the person's, as a model is to answer it. A reply that says nothing is left out with the message
/// before it, and blank instructions are none.
pub(super) fn messages(system: &str, exchanges: &[Exchange], asked: &str) -> Vec<ChatMessage> {
    let mut messages = Vec::new();
    if !system.trim().is_empty() {
        messages.push(ChatMessage::new(Role::System, system));
    }
    for Exchange { asked, replies, .. } in exchanges {
        let said = replies.first().map_or("", |reply| reply.said.as_str());
        if !said.trim().is_empty() {
            messages.push(ChatMessage::new(Role::User, asked));
            messages.push(ChatMessage::new(Role::Assistant, said));
        }
    }
    messages.push(ChatMessage::new(Role::User, asked));
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_says_nothing_leaves_no_hole() {
        let exchange = |asked: &str, said: &str| Exchange {
            asked: asked.to_owned(),
            replies: vec![Reply { said: said.to_owned(), ended: true, ..Reply::default() }],
            ..Exchange::default()
        };
        let said = [exchange("Who?", "Ada."), exchange("Where?", " "), exchange("When?", "At dawn.")];
        let roles =
            |messages: &[ChatMessage]| messages.iter().map(|message| message.role).collect::<Vec<_>>();
        let all = messages("Be brief.", &said, "Why?");
        use Role::{Assistant, System, User};
        assert_eq!(roles(&all), [System, User, Assistant, User, Assistant, User]);
        assert_eq!(all.last().map(|message| message.content.as_str()), Some("Why?"));
        assert_eq!(roles(&messages("  ", &said[..1], "Where?")), [User, Assistant, User]);
        assert_eq!(roles(&messages("", &[], "Who?")), [User]);
    }
}
