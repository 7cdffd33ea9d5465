//! User feedback on a model's replies, and labelled texts, in the formats of TRL's trainers.

use crate::setting::choices;
use crate::{ChatMessage, Proposal, Role};
use serde::{Deserialize, Deserializer, Serialize};

/// A row of feedback: a better reply (`messages`, for SFT), a good or bad rating (`prompt`, `completion`, `label`, for KTO), a
/// preference pair (`prompt`, `chosen`, `rejected`, for DPO), or a labelled text (`text`, `text_label`). Empty fields are omitted from
/// JSON. A prompt or reply given as a string is read as a single message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Feedback {
    /// The whole conversation; the user wrote its last reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<ChatMessage>,
    /// The conversation before the reply.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "asked_by_text")]
    pub prompt: Vec<ChatMessage>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "replied_by_text")]
    pub completion: Vec<ChatMessage>,
    /// Whether the rating is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "replied_by_text")]
    pub chosen: Vec<ChatMessage>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "replied_by_text")]
    pub rejected: Vec<ChatMessage>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text_label: String,
    /// The run that generated the rated replies.
    pub run: String,
    /// Unix time in seconds; 0 in a new row means now.
    pub when: u64,
}

choices! {
    pub enum FeedbackKind {
        Better = "better", "better reply";
        Good = "good";
        Bad = "bad";
        Pair = "pair";
        Labelled = "label";
    }
}

impl FeedbackKind {
    /// File to which rows of this kind are exported.
    pub fn file(self) -> &'static str {
        match self {
            Self::Better => "chat.jsonl",
            Self::Pair => "preferences.jsonl",
            Self::Good | Self::Bad => "labels.jsonl",
            Self::Labelled => "texts.jsonl",
        }
    }
}

/// A list of messages, or the text of a single one.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of messages with `role` and `content`")]
enum TextOrMessages {
    Text(String),
    Messages(Vec<ChatMessage>),
}

impl TextOrMessages {
    fn messages(self, role: Role) -> Vec<ChatMessage> {
        match self {
            Self::Text(text) => vec![ChatMessage::new(role, text)],
            Self::Messages(messages) => messages,
        }
    }
}

fn asked_by_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ChatMessage>, D::Error> {
    Ok(TextOrMessages::deserialize(deserializer)?.messages(Role::User))
}

fn replied_by_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ChatMessage>, D::Error> {
    Ok(TextOrMessages::deserialize(deserializer)?.messages(Role::Assistant))
}

fn reply(text: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(Role::Assistant, text)]
}

/// Role and trimmed text of a message.
fn turn(message: &ChatMessage) -> (Role, &str) {
    (message.role, message.content.trim())
}

fn text(messages: &[ChatMessage]) -> &str {
    messages.last().map_or("", |last| last.content.as_str())
}

impl Feedback {
    pub fn thumb(prompt: Vec<ChatMessage>, said: &str, good: bool) -> Self {
        Self { prompt, completion: reply(said), label: Some(good), ..Self::default() }
    }

    /// A conversation with a corrected reply.
    pub fn better(prompt: Vec<ChatMessage>, said: &str) -> Self {
        Self { messages: [prompt, reply(said)].concat(), ..Self::default() }
    }

    pub fn pair(prompt: Vec<ChatMessage>, chosen: &str, rejected: &str) -> Self {
        Self { prompt, chosen: reply(chosen), rejected: reply(rejected), ..Self::default() }
    }

    pub fn labelled(text: &str, label: &str) -> Self {
        Self { text: text.to_owned(), text_label: label.to_owned(), ..Self::default() }
    }

    /// The kind of the row. The error is the first broken rule: the field and what is expected in it.
    pub fn kind(&self) -> Result<FeedbackKind, String> {
        let Self { messages, prompt, completion, label, chosen, rejected, text: told_apart, .. } = self;
        let pair = !(chosen.is_empty() && rejected.is_empty());
        let thumb = !completion.is_empty() || label.is_some();
        if !(told_apart.is_empty() && self.text_label.is_empty()) {
            let alone = messages.is_empty() && prompt.is_empty() && !thumb && !pair;
            return match (alone, told_apart.trim().is_empty(), self.text_label.trim().is_empty()) {
                (true, false, false) => Ok(FeedbackKind::Labelled),
                (false, ..) => Err("several formats at once: expected only `text` and `text_label`".into()),
                (_, true, _) => Err("`text`: expected a non-empty text".into()),
                (_, _, true) => Err("`text_label`: expected a label".into()),
            };
        }
        let (kind, replies) = match (messages.is_empty(), thumb, pair) {
            (false, false, false) => (FeedbackKind::Better, vec![("messages", messages)]),
            (true, true, false) => {
                let label = label.ok_or("`label`: expected true or false with `completion`")?;
                let kind = if label { FeedbackKind::Good } else { FeedbackKind::Bad };
                (kind, vec![("completion", completion)])
            }
            (true, false, true) => (FeedbackKind::Pair, vec![("chosen", chosen), ("rejected", rejected)]),
            (true, false, false) => {
                return Err(
                    "expected `messages`, or `completion` and `label`, or `chosen` and `rejected`".into()
                );
            }
            _ => {
                return Err(
                    "several formats at once: expected one of `messages`, `completion`, `chosen`".into()
                );
            }
        };
        for (field, list) in replies {
            let said = list.last().is_some_and(|last| last.role == Role::Assistant);
            if !said || text(list).trim().is_empty() {
                return Err(format!("`{field}`: expected a non-empty assistant reply at its end"));
            }
        }
        let asked = if kind == FeedbackKind::Better {
            messages.iter().any(|message| message.role == Role::User)
        } else {
            prompt.last().is_some_and(|last| matches!(last.role, Role::User | Role::Tool))
        };
        if !asked {
            let field = if kind == FeedbackKind::Better { "messages" } else { "prompt" };
            return Err(format!("`{field}`: expected a user message"));
        }
        if kind == FeedbackKind::Pair && text(chosen) == text(rejected) {
            return Err("`rejected`: is the same as `chosen`, so neither is preferred".into());
        }
        Ok(kind)
    }

    /// Whether it answers the proposal: with a label for its text, or with any feedback on a reply to its conversation. System messages
    /// are ignored.
    pub fn answers(&self, Proposal { prompt, text, .. }: &Proposal) -> bool {
        if prompt.is_empty() {
            return !text.is_empty() && self.text.trim() == text.trim();
        }
        let own = match self.messages.split_last() {
            Some((_, own)) => own,
            None => &self.prompt,
        };
        let said = |message: &&ChatMessage| !message.role.instructs();
        own.iter().filter(said).map(turn).eq(prompt.iter().filter(said).map(turn))
    }

    /// The last user message, or the labelled text.
    pub fn asked(&self) -> &str {
        if !self.text.is_empty() {
            return &self.text;
        }
        let conversation = if self.messages.is_empty() { &self.prompt } else { &self.messages };
        let asked = conversation.iter().rev().find(|message| message.role == Role::User);
        asked.map_or("", |message| message.content.as_str())
    }

    /// The replies: the rated one, or the better and the worse; or the label.
    pub fn replies(&self) -> Vec<&str> {
        let lists = [&self.messages, &self.completion, &self.chosen, &self.rejected];
        let label = (!self.text.is_empty()).then_some(self.text_label.as_str());
        lists.into_iter().filter(|list| !list.is_empty()).map(|list| text(list)).chain(label).collect()
    }

    /// The texts of [`Feedback::replies`], mutable.
    pub fn replies_mut(&mut self) -> Vec<&mut String> {
        let lists = [&mut self.messages, &mut self.completion, &mut self.chosen, &mut self.rejected];
        let label = (!self.text.is_empty()).then_some(&mut self.text_label);
        lists.into_iter().filter_map(|list| Some(&mut list.last_mut()?.content)).chain(label).collect()
    }

    /// Prompt and reply for supervised fine-tuning, if the user wrote the reply or rated it as good.
    pub fn learned(&self) -> Option<(&[ChatMessage], &[ChatMessage])> {
        match self.kind().ok()? {
            FeedbackKind::Better => self.messages.split_at_checked(self.messages.len() - 1),
            FeedbackKind::Good => Some((&self.prompt, &self.completion)),
            FeedbackKind::Bad | FeedbackKind::Pair | FeedbackKind::Labelled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Vec<ChatMessage> {
        vec![ChatMessage::new(Role::User, text)]
    }

    #[test]
    fn rows_are_those_of_trl_and_say_what_they_are() {
        let (good, better) =
            (Feedback::thumb(asked("Who?"), "Ada.", true), Feedback::better(asked("Who?"), "Eva."));
        let pair = Feedback::pair(asked("Who?"), "Eva.", "Ada.");
        for (row, kind, keys) in [
            (&good, FeedbackKind::Good, &["completion", "label", "prompt", "run", "when"][..]),
            (&better, FeedbackKind::Better, &["messages", "run", "when"]),
            (&pair, FeedbackKind::Pair, &["chosen", "prompt", "rejected", "run", "when"]),
        ] {
            assert_eq!(row.kind(), Ok(kind));
            let line = serde_json::to_value(row).unwrap();
            let mut found: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, keys);
            assert_eq!(&serde_json::from_value::<Feedback>(line).unwrap(), row);
            assert_eq!(row.asked(), "Who?");
        }
        assert_eq!(better.learned(), Some((&asked("Who?")[..], &reply("Eva.")[..])));
        assert!(good.learned().is_some() && pair.learned().is_none());
        assert_eq!(pair.replies(), ["Eva.", "Ada."]);
    }

    #[test]
    fn a_row_answers_what_was_asked_for() {
        let told = vec![ChatMessage::new(Role::System, "Be brief."), ChatMessage::new(Role::User, "Who? ")];
        let prompt = |prompt| Proposal { prompt, ..Proposal::default() };
        let text = |text: &str| Proposal { text: text.to_owned(), ..Proposal::default() };
        let label = Feedback::labelled("Who?", "question");
        for row in [
            Feedback::thumb(asked("Who?"), "Ada.", true),
            Feedback::better(asked("Who?"), "Eva."),
            Feedback::pair(asked("Who?"), "Eva.", "Ada."),
        ] {
            assert!(row.answers(&prompt(told.clone())) && row.answers(&prompt(asked("Who?"))));
            assert!(!row.answers(&prompt(asked("Where?"))) && !row.answers(&text("Who?")));
            assert!(!label.answers(&prompt(asked("Who?"))) && !row.answers(&Proposal::default()));
        }
        assert!(label.answers(&text("Who? ")) && !label.answers(&text("Where?")));
        assert_eq!(
            (label.kind(), label.asked(), label.replies()),
            (Ok(FeedbackKind::Labelled), "Who?", vec!["question"])
        );
        let line = r#"{"text":"Who?","text_label":"question","run":"","when":0}"#;
        assert_eq!(serde_json::to_string(&label).unwrap(), line);
    }

    #[test]
    fn a_prompt_and_replies_may_be_texts() {
        for (line, row) in [
            (
                r#"{"prompt":"Who?","completion":"Ada.","label":false}"#,
                Feedback::thumb(asked("Who?"), "Ada.", false),
            ),
            (
                r#"{"prompt":"Who?","chosen":"Eva.","rejected":"Ada."}"#,
                Feedback::pair(asked("Who?"), "Eva.", "Ada."),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Feedback>(line).unwrap(), row);
        }
        let error = serde_json::from_str::<Feedback>(r#"{"prompt":3}"#).unwrap_err().to_string();
        assert!(error.contains("expected a text, or a list of messages"), "{error}");
    }

    #[test]
    fn a_row_that_says_nothing_is_refused_by_its_field() {
        for (row, said) in [
            (Feedback::default(), "expected `messages`, or"),
            (Feedback::thumb(asked("Who?"), " ", true), "`completion`"),
            (Feedback { label: None, ..Feedback::thumb(asked("Who?"), "Ada.", true) }, "`label`"),
            (Feedback::thumb(Vec::new(), "Ada.", true), "`prompt`"),
            (Feedback::thumb(vec![ChatMessage::new(Role::System, "Be brief.")], "Ada.", true), "`prompt`"),
            (Feedback::pair(asked("Who?"), "Ada.", "Ada."), "`rejected`"),
            (Feedback { label: Some(true), ..Feedback::better(asked("Who?"), "Ada.") }, "several formats"),
            (
                Feedback { text: "Who?".to_owned(), ..Feedback::better(asked("Who?"), "Ada.") },
                "several formats",
            ),
            (Feedback::labelled("Who?", " "), "`text_label`"),
            (Feedback::labelled(" ", "question"), "`text`"),
        ] {
            let reason = row.kind().unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
