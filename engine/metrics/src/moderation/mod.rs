//! Moderation: finds words and phrases that many people do not want to read, by a list and by a linear classifier trained on the
//! user's own rows, which judges sentence by sentence. [`Moderator`] applies the configured action to
//! streamed text.
//!
//! The list is our own (`rules.jsonl`, licensed like the program). Existing crates do not fit: `rustrict` and `censor` support no
//! phrases and do not hold back streamed text. For linear models, `linfa-logistic` requires dense matrices, but hashed n-grams are sparse.

mod classifier;
mod figures;
mod rules;
mod sentences;
mod stream;
#[cfg(test)]
mod tests;
mod words;

pub use classifier::{Classifier, LabelledRow, LabelledRows};
pub use figures::{Figures, figures};
pub use stream::Moderator;

pub use glasshouse_protocol::{Category, Moderated, Moderation, ModerationMode, Severity};

pub const CLASSIFIER_FILE: &str = "moderation-classifier.json";

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// First byte.
    pub start: usize,
    /// End byte (exclusive).
    pub end: usize,
    pub category: Category,
    pub severity: Severity,
    /// The phrase of the list; empty for findings of the classifier.
    pub rule: String,
}

/// Findings in a whole text: those of the list in order, then those of the classifier.
pub fn find(text: &str, classifier: Option<&Classifier>) -> Vec<Finding> {
    let mut found = rules::RULES.look(text, true).findings;
    found.extend(classifier.into_iter().flat_map(|classifier| classifier.find(text)));
    found
}
