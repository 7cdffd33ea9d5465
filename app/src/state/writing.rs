//! Texts that models write.

use glasshouse_protocol::{
    Candidate, Command, Ending, ErrorKind, Event, GenerateConfig, Moderated, WeightSource, WrittenToken,
};
use std::collections::BTreeMap;

/// Texts by the number of the request that asked for them.
#[derive(Debug, Default)]
pub struct Writing {
    /// The texts.
    pub texts: BTreeMap<u64, Text>,
    /// Distributions by the number of their request.
    pub distributions: BTreeMap<u64, Distribution>,
    /// The model that was opened last to be talked to.
    pub opened: Option<OpenedModel>,
}

/// A model that was opened to be talked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedModel {
    /// What it was asked for by.
    pub source: WeightSource,
    /// Its run.
    pub run: String,
    /// It has a chat template.
    pub chats: bool,
    /// That is ChatML.
    pub chatml: bool,
}

/// How a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEnding {
    /// The engine wrote what was asked for, or as much as it was let.
    By(Ending),
    /// With an error.
    Failed,
}

/// One text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// Whose weights write it.
    pub source: WeightSource,
    /// The run that the current weights were of when they were asked: what is current changes while the text stays.
    pub run: Option<String>,
    /// The step of the run in training that wrote it; the weights move on while the text stays.
    pub step: Option<u64>,
    /// What it begins with; nothing for a reply.
    pub prompt: String,
    /// It answers in a conversation.
    pub is_reply: bool,
    /// How tokens are drawn.
    pub config: GenerateConfig,
    /// The prompt's tokens.
    pub prompt_tokens: Vec<WrittenToken>,
    /// Tokens written so far.
    pub tokens: Vec<WrittenToken>,
    /// What is certain of it as text, which ends before a stop string.
    pub said: String,
    /// What there is to know about it, a sentence each.
    pub notices: Vec<String>,
    /// Why it ended; `None` while it is written.
    pub ending: Option<TextEnding>,
    /// What moderation found in it, once it has ended.
    pub moderated: Moderated,
    /// What went wrong, where it failed.
    pub failure: Option<String>,
    /// Tokens per second, once it has ended.
    pub tokens_per_s: Option<f64>,
}

/// What a model thought at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Likeliest first.
    pub candidates: Vec<Candidate>,
    /// Entropy in bits before any setting.
    pub entropy_bits: f32,
    /// Tokens left after every setting.
    pub kept: usize,
}

/// Texts and distributions kept at most, each.
const MAX_KEPT: usize = 64;

impl Writing {
    /// Notes a text that was asked for. `run` is that of the current weights, with its `step` where it is in training.
    pub(super) fn sent(&mut self, id: u64, command: &Command, (run, step): (Option<&str>, Option<u64>)) {
        let begun = match command {
            Command::Generate { source, prompt, config } => Some((source, prompt.as_str(), config)),
            Command::Reply { source, config, .. } => Some((source, "", config)),
            _ => None,
        };
        if let Some((source, prompt, config)) = begun {
            let is_current = *source == WeightSource::Current;
            let text = Text {
                source: source.clone(),
                run: run.filter(|_| is_current).map(str::to_owned),
                step: step.filter(|_| is_current),
                prompt: prompt.to_owned(),
                is_reply: matches!(command, Command::Reply { .. }),
                config: config.clone(),
                prompt_tokens: Vec::new(),
                tokens: Vec::new(),
                said: String::new(),
                notices: Vec::new(),
                ending: None,
                moderated: Moderated::new(),
                failure: None,
                tokens_per_s: None,
            };
            self.texts.insert(id, text);
            if self.texts.len() > MAX_KEPT {
                self.texts.pop_first();
            }
        }
    }

    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        // Another project's weights have nothing to do with what was written.
        if matches!(event, Event::ProjectOpened { .. } | Event::ProjectClosed) {
            *self = Self::default();
        }
        let Some(id) = request else { return };
        match event {
            Event::ModelOpened { run, chats, chatml, .. } => {
                if let Some(Command::OpenModel { source, .. }) = asked {
                    let (source, run) = (source.clone(), run.clone());
                    self.opened = Some(OpenedModel { source, run, chats: *chats, chatml: *chatml });
                }
            }
            Event::Notice { text: notice } => {
                if let Some(text) = self.texts.get_mut(&id) {
                    text.notices.push(notice.clone());
                }
            }
            Event::Written { tokens, prompt, text: certain } => {
                if let Some(text) = self.texts.get_mut(&id) {
                    let list = if *prompt { &mut text.prompt_tokens } else { &mut text.tokens };
                    list.extend(tokens.iter().cloned());
                    text.said.push_str(certain);
                }
            }
            Event::WritingEnded { text: said, ending, tokens_per_s, moderated, .. } => {
                if let Some(text) = self.texts.get_mut(&id) {
                    text.said.clone_from(said);
                    text.ending = Some(TextEnding::By(*ending));
                    text.moderated.clone_from(moderated);
                    // Of no tokens nothing is known.
                    text.tokens_per_s = Some(*tokens_per_s).filter(|speed| *speed > 0.0);
                }
            }
            Event::CharactersLost { characters } => {
                if let Some(text) = self.texts.get_mut(&id).filter(|text| text.is_reply) {
                    text.notices.push(lost(characters));
                }
            }
            Event::Failed { error } => {
                if let Some(text) = self.texts.get_mut(&id) {
                    // Whoever stops a text before it has begun has stopped it.
                    let cancelled = error.kind == ErrorKind::Cancelled;
                    text.ending = Some(if cancelled {
                        TextEnding::By(Ending::Interrupted)
                    } else {
                        TextEnding::Failed
                    });
                    text.failure = (!cancelled).then(|| error.message.clone());
                }
            }
            Event::Distribution { candidates, entropy_bits, kept } => {
                let distribution =
                    Distribution { candidates: candidates.clone(), entropy_bits: *entropy_bits, kept: *kept };
                self.distributions.insert(id, distribution);
                if self.distributions.len() > MAX_KEPT {
                    self.distributions.pop_first();
                }
            }
            _ => {}
        }
    }
}

/// Which characters of a prompt the vocabulary lacks, in a sentence without its end.
pub(super) fn lost(characters: &str) -> String {
    let each: Vec<String> = characters.chars().map(|character| format!("“{character}”")).collect();
    let (are, plural) = if each.len() == 1 { ("is", "") } else { ("are", "s") };
    format!("{} {are} left out: the vocabulary lacks the character{plural}", each.join(", "))
}

impl Text {
    /// The written part as one string.
    pub fn written(&self) -> String {
        self.tokens.iter().map(|token| token.text.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_find_their_text_and_another_project_forgets_them() {
        let mut writing = Writing::default();
        let command = |prompt: &str| Command::Generate {
            source: WeightSource::Current,
            prompt: prompt.to_owned(),
            config: GenerateConfig::default(),
        };
        writing.sent(4, &command("one"), (Some("1-a"), Some(70)));
        writing.sent(5, &command("two"), (None, None));
        let token = |text: &str| WrittenToken { id: 1, text: text.to_owned() };
        let written =
            |text: &str, prompt| Event::Written { tokens: vec![token(text)], prompt, text: String::new() };
        writing.apply(Some(4), None, &written("one", true));
        writing.apply(Some(5), None, &written(" b", false));
        writing.apply(Some(4), None, &written(" a", false));
        let ended = Event::WritingEnded {
            text: " a".to_owned(),
            ending: Ending::MaxTokens,
            tokens_per_s: 9.0,
            seconds: 1.0,
            moderated: Default::default(),
        };
        writing.apply(Some(4), None, &ended);
        let (one, two) = (&writing.texts[&4], &writing.texts[&5]);
        assert_eq!((one.written().as_str(), one.prompt_tokens.len(), one.ending.is_some()), (" a", 1, true));
        assert_eq!((two.written().as_str(), two.ending.is_some()), (" b", false));
        assert_eq!((one.step, two.step), (Some(70), None));
        assert_eq!((one.run.as_deref(), two.run.as_deref()), (Some("1-a"), None));
        writing.apply(None, None, &Event::ProjectClosed);
        assert!(writing.texts.is_empty());
    }

    #[test]
    fn a_reply_says_what_is_certain_of_it_and_what_was_left_out() {
        let mut writing = Writing::default();
        let (source, config) = (WeightSource::Current, GenerateConfig::default());
        writing.sent(
            4,
            &Command::Reply { source: source.clone(), messages: Vec::new(), config },
            (None, None),
        );
        let notice = |text: &str| Event::Notice { text: text.to_owned() };
        writing.apply(Some(4), None, &notice("two were left out"));
        writing.apply(Some(5), None, &notice("of another request"));
        for (token, certain) in [("Ada.", "Ada."), ("Us", ""), ("er:", "")] {
            let tokens = vec![WrittenToken { id: 1, text: token.to_owned() }];
            writing.apply(Some(4), None, &Event::Written { tokens, prompt: false, text: certain.to_owned() });
        }
        writing.apply(Some(4), None, &Event::CharactersLost { characters: "ßé".to_owned() });
        let reply = &writing.texts[&4];
        assert!(reply.is_reply && reply.prompt.is_empty());
        assert_eq!((reply.said.as_str(), reply.written().as_str()), ("Ada.", "Ada.User:"));
        let lost = "“ß”, “é” are left out: the vocabulary lacks the characters";
        assert_eq!(reply.notices, ["two were left out", lost]);
        let failed = |kind| Event::Failed { error: glasshouse_protocol::ErrorReport::new(kind, "no room") };
        writing.apply(Some(4), None, &failed(ErrorKind::Io));
        let reply = &writing.texts[&4];
        assert_eq!((reply.ending, reply.failure.as_deref()), (Some(TextEnding::Failed), Some("no room")));
        writing.apply(Some(4), None, &failed(ErrorKind::Cancelled));
        let reply = &writing.texts[&4];
        assert_eq!((reply.ending, reply.failure.as_ref()), (Some(TextEnding::By(Ending::Interrupted)), None));
        let asked =
            Command::OpenModel { source: source.clone(), precision: glasshouse_protocol::Precision::Auto };
        let opened = Event::ModelOpened {
            run: "1-a".to_owned(),
            step: 4,
            device: "cpu".to_owned(),
            precision: glasshouse_protocol::Precision::F32,
            chats: true,
            chatml: false,
        };
        writing.apply(Some(6), Some(&asked), &opened);
        let known = OpenedModel { source, run: "1-a".to_owned(), chats: true, chatml: false };
        assert_eq!(writing.opened, Some(known));
    }
}
