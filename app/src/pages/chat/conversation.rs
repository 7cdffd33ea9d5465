//! The conversation: the person's messages, each with its reply.

use crate::format;
use crate::pages::written::Look;
use crate::state::{Text, Writing};
use glasshouse_protocol::{ChatMessage, ReplyOrigin, Role};

#[derive(Debug, Default)]
pub struct Exchange {
    pub asked: String,
    /// Unix time of the message in seconds.
    pub when: u64,
    /// The conversation up to the reply, as sent to the model.
    pub messages: Vec<ChatMessage>,
    /// One reply, or two during a comparison.
    pub replies: Vec<Reply>,
}

impl Exchange {
    /// Keeps one of two replies.
    pub fn choose(&mut self, which: usize) {
        if which < self.replies.len() {
            self.replies.swap(0, which);
            self.replies.truncate(1);
        }
    }
}

#[derive(Debug, Default)]
pub struct Reply {
    pub request: u64,
    /// The weights and settings that generate it.
    pub origin: ReplyOrigin,
    /// Unix time of its end in seconds.
    pub when: u64,
    /// The text, as generated or as rewritten.
    pub said: String,
    pub ended: bool,
    pub edited: bool,
    /// Moderation changed the text, so it is neither the model's own nor suitable as training data.
    pub changed: bool,
    /// Its thumb in the feedback: up or down.
    pub good: Option<bool>,
    pub look: Look,
}

impl Reply {
    pub fn to(request: u64, origin: ReplyOrigin) -> Self {
        Self { request, origin, ..Self::default() }
    }

    /// Whether the text is not blank.
    pub fn says(&self) -> bool {
        !self.said.trim().is_empty()
    }

    /// Whether the text is suitable as feedback: not blank, and not changed by moderation.
    pub fn teaches(&self) -> bool {
        self.says() && !self.changed
    }

    /// The generated text, while it is stored.
    pub fn text<'a>(&self, writing: &'a Writing) -> Option<&'a Text> {
        writing.texts.get(&self.request)
    }

    /// Takes in newly generated text. Returns whether it ended now.
    pub fn take(&mut self, writing: &Writing) -> bool {
        if self.ended {
            return false;
        }
        let text = self.text(writing);
        if let Some(text) = text {
            self.said.clone_from(&text.said);
            if let Some((run, step)) = &text.weights {
                (self.origin.run, self.origin.step) = (run.clone(), Some(*step));
            }
            self.changed = text.config.moderation.mode.hides() && !text.moderated.is_empty();
        }
        self.ended = text.is_none_or(|text| text.ending.is_some());
        self.when = format::now();
        self.ended
    }
}

/// The conversation to send for a new message. Exchanges with blank replies are left out, as is a blank system prompt.
pub fn messages(system: &str, exchanges: &[Exchange], asked: &str) -> Vec<ChatMessage> {
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
