//! The wordings and words of `tasks.toml`. The file is separate because a browser's engine includes the stories without the tasks.

use super::TaskSplit;
use crate::stories::Texts;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The wordings of an instruction; each belongs to one split.
#[derive(Debug, Deserialize)]
pub(super) struct Wordings {
    pub train: Texts,
    pub validation: Texts,
    pub held_out: Texts,
}

impl Wordings {
    pub(super) fn of(&self, split: TaskSplit) -> &'static [&'static str] {
        match split {
            TaskSplit::Train => self.train.0,
            TaskSplit::Validation => self.validation.0,
            TaskSplit::HeldOut => self.held_out.0,
        }
    }

    /// The number of a split's first wording. Numbers start at 1 and continue over all splits, so that a number identifies its split.
    pub(super) fn first(&self, split: TaskSplit) -> usize {
        1 + match split {
            TaskSplit::Train => 0,
            TaskSplit::Validation => self.train.len(),
            TaskSplit::HeldOut => self.train.len() + self.validation.len(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fact {
    pub name: String,
    pub heard: String,
    pub answer: String,
    pub values: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    pub name: String,
    /// Its name in rules.
    pub called: String,
    pub declined: String,
    pub secret: String,
    /// The answer if the secret may be told.
    pub told: String,
    /// The answer about something else in the passage.
    pub allowed: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rewritten {
    /// Base form, third person, past.
    pub forms: [String; 3],
    /// Continuations; `{his}` is the possessive pronoun of the subject.
    pub rest: Texts,
}

/// A noun: English singular, English plural, Pelu.
pub(super) type Noun = [String; 3];

/// A verb: its English base form, third person and past, and its single form in Pelu.
pub(super) type Verb = [String; 4];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pelu {
    /// Nouns for subjects.
    pub beings: Vec<Noun>,
    /// Nouns for objects.
    pub things: Vec<Noun>,
    pub places: Vec<Noun>,
    /// English, Pelu.
    pub adjectives: Vec<[String; 2]>,
    /// English prepositions and the postpositions of Pelu.
    pub postpositions: Vec<[String; 2]>,
    pub transitive: Vec<Verb>,
    pub intransitive: Vec<Verb>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskTexts {
    lists: BTreeMap<String, Texts>,
    pub wordings: BTreeMap<String, Wordings>,
    #[serde(rename = "fact")]
    pub facts: Vec<Fact>,
    #[serde(rename = "secret")]
    pub secrets: Vec<Secret>,
    #[serde(rename = "verb")]
    pub verbs: Vec<Rewritten>,
    pub pelu: Pelu,
}

pub(super) static TEXTS: LazyLock<TaskTexts> = LazyLock::new(embedded);

#[expect(clippy::panic, reason = "tests read the embedded texts")]
fn embedded() -> TaskTexts {
    toml::from_str(include_str!("../../tasks.toml")).unwrap_or_else(|error| panic!("tasks.toml: {error}"))
}

/// A list by its name in the file; tests draw from each.
pub(super) fn list(name: &str) -> &'static [&'static str] {
    TEXTS.lists.get(name).map_or(&[], |texts| texts.0)
}
