//! Settings of moderation, and the categories of findings.

use crate::setting::choices;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

choices! {
    /// Category of a word or phrase.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Category {
        Profanity = "profanity", "Profanity";
        Insults = "insults", "Insults";
        /// Killing, injuries, threats.
        Violence = "violence", "Violence";
        /// Sexual acts and depictions of them.
        Sexual = "sexual", "Sexual";
        SelfHarm = "self_harm", "Self harm";
        /// Drugs that are illegal in most countries.
        Drugs = "drugs", "Drugs";
    }
    unlisted {
        /// Findings of a project's classifier; no entry of the word list has this category.
        Classifier = "classifier", "Classifier";
    }
}

choices! {
    #[derive(PartialOrd, Ord)]
    pub enum Severity = Medium {
        /// Acceptable in a newspaper, but not in a children's book.
        Mild = "mild", "Mild";
        /// A newspaper would print it only with a reason.
        Medium = "medium", "Medium";
        /// Harmful, or helps to do harm.
        Severe = "severe", "Severe";
    }
}

choices! {
    /// Action on a finding in generated text.
    pub enum ModerationMode = Off {
        /// Texts are not moderated.
        Off = "off", "Off";
        /// Findings are counted; texts stay unchanged.
        Note = "note", "Note";
        /// Findings are removed from texts and counted.
        Filter = "filter", "Filter";
        /// Findings are replaced by █, letter by letter, and counted.
        Replace = "replace", "Replace";
        /// A text ends before the first finding.
        Stop = "stop", "Stop";
    }
}

impl ModerationMode {
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
    pub severity: Severity,
    /// Categories of the word list to apply; empty means all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// Also report sentences that the open project's classifier finds harmful, regardless of `severity` and `categories`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
}

impl Moderation {
    /// These settings in a project with or without a classifier: without one, only the word list applies.
    pub fn in_project(&self, has_classifier: bool) -> Self {
        Self { classifier: self.classifier && has_classifier, ..self.clone() }
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
