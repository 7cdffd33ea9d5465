//! What is done about words that many people do not want to read, and by which names they are sorted.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a person's rules at most.
pub const MAX_RULES_BYTES: usize = 1 << 20;

/// What a word or phrase is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Swear words.
    Profanity,
    /// Insults and slurs.
    Insults,
    /// Killing, injuring, threats.
    Violence,
    /// Sexual acts and what shows them.
    Sexual,
    /// Suicide and self-injury.
    SelfHarm,
    /// Drugs that are forbidden in most countries.
    Drugs,
    /// What a person's own rules add.
    Other,
    /// What a project's classifier finds; no rule is of it.
    Classifier,
}

impl Category {
    /// Each that a rule may be of, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Profanity,
        Self::Insults,
        Self::Violence,
        Self::Sexual,
        Self::SelfHarm,
        Self::Drugs,
        Self::Other,
    ];

    /// As it is written in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profanity => "profanity",
            Self::Insults => "insults",
            Self::Violence => "violence",
            Self::Sexual => "sexual",
            Self::SelfHarm => "self_harm",
            Self::Drugs => "drugs",
            Self::Other => "other",
            Self::Classifier => "classifier",
        }
    }
}

/// How bad a word or phrase is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What a newspaper would print, and a children's book would not.
    Mild,
    /// What a newspaper would not print without a reason.
    #[default]
    Medium,
    /// What hurts, or helps to hurt.
    Severe,
}

impl Severity {
    /// Each, the mildest first.
    pub const ALL: [Self; 3] = [Self::Mild, Self::Medium, Self::Severe];

    /// As it is written in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mild => "mild",
            Self::Medium => "medium",
            Self::Severe => "severe",
        }
    }
}

/// What is done about a finding in text that a model writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModerationMode {
    /// Nobody looks.
    #[default]
    Off,
    /// It is counted; the text stays as it is.
    Note,
    /// It is left out.
    Filter,
    /// Its letters are replaced.
    Replace,
    /// The text ends before it.
    Stop,
}

impl ModerationMode {
    /// Each as it is written in a configuration.
    pub const ALL: [Self; 5] = [Self::Off, Self::Note, Self::Filter, Self::Replace, Self::Stop];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Note => "note",
            Self::Filter => "filter",
            Self::Replace => "replace",
            Self::Stop => "stop",
        }
    }

    /// Whether a text is another where something is found in it.
    pub fn hides(self) -> bool {
        matches!(self, Self::Filter | Self::Replace | Self::Stop)
    }
}

/// Moderation of text that a model writes (`docs/moderation.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moderation {
    /// What is done.
    pub mode: ModerationMode,
    /// The mildest severity that counts.
    pub severity: Severity,
    /// The categories of rules that count; all where none is named.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// Rules beside the program's, as JSON Lines; `None` takes those of the open project, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// Sentences count, too, that the open project's classifier finds harmful, whatever the severity and the categories of rules.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
}

impl Moderation {
    /// Whether nothing was set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a finding of this category and severity counts.
    pub fn counts(&self, category: Category, severity: Severity) -> bool {
        category == Category::Classifier
            || severity >= self.severity
                && (self.categories.is_empty() || self.categories.contains(&category))
    }
}

/// How often something of each category was found; those that were not are left out.
pub type Moderated = BTreeMap<Category, u64>;
