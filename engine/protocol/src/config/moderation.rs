//! Settings of moderation, and the categories of findings.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum size of a user's rules in bytes.
pub const MAX_RULES_BYTES: usize = 1 << 20;

/// Category of a word or phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Profanity,
    Insults,
    /// Killing, injuries, threats.
    Violence,
    /// Sexual acts and depictions of them.
    Sexual,
    SelfHarm,
    /// Drugs that are illegal in most countries.
    Drugs,
    /// Findings of a user's own rules.
    Other,
    /// Findings of a project's classifier; no rule has this category.
    Classifier,
}

impl Category {
    /// All categories that rules may have, in display order.
    pub const ALL: [Self; 7] = [
        Self::Profanity,
        Self::Insults,
        Self::Violence,
        Self::Sexual,
        Self::SelfHarm,
        Self::Drugs,
        Self::Other,
    ];

    /// The name in rules and JSON.
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Acceptable in a newspaper, but not in a children's book.
    Mild,
    /// A newspaper would print it only with a reason.
    #[default]
    Medium,
    /// Hurts, or helps to hurt.
    Severe,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 3] = [Self::Mild, Self::Medium, Self::Severe];

    /// The name in rules and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mild => "mild",
            Self::Medium => "medium",
            Self::Severe => "severe",
        }
    }
}

/// Action on a finding in generated text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModerationMode {
    #[default]
    Off,
    /// Count it and keep the text unchanged.
    Note,
    /// Remove it.
    Filter,
    /// Replace its letters.
    Replace,
    /// End the text before it.
    Stop,
}

impl ModerationMode {
    pub const ALL: [Self; 5] = [Self::Off, Self::Note, Self::Filter, Self::Replace, Self::Stop];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Note => "note",
            Self::Filter => "filter",
            Self::Replace => "replace",
            Self::Stop => "stop",
        }
    }

    /// Whether findings change the text.
    pub fn hides(self) -> bool {
        matches!(self, Self::Filter | Self::Replace | Self::Stop)
    }
}

/// Moderation of generated text (`docs/moderation.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moderation {
    pub mode: ModerationMode,
    /// Minimum severity of findings.
    pub severity: Severity,
    /// Categories of rules to apply; empty means all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// Rules in addition to the built-in ones, as JSON Lines; `None` takes the open project's, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// Also report sentences that the open project's classifier finds harmful, regardless of `severity` and `categories`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
}

impl Moderation {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a finding with this category and severity is reported.
    pub fn counts(&self, category: Category, severity: Severity) -> bool {
        category == Category::Classifier
            || severity >= self.severity
                && (self.categories.is_empty() || self.categories.contains(&category))
    }
}

/// Number of findings by category, without zeros.
pub type Moderated = BTreeMap<Category, u64>;
