//! Moderation: finds words and phrases that many people do not want to read, by a list and by a linear classifier trained on the
//! user's own rows, which judges sentence by sentence. [`Moderator`] applies the configured action to
//! streamed text.
//!
//! The rules are our own (`rules.jsonl`, licensed like the program) and editable. Existing crates do not fit: `rustrict` and
//! `censor` have fixed lists that users cannot edit line by line, support no phrases, and do not hold back streamed text. For linear models, `linfa-logistic` requires dense matrices, but hashed n-grams are sparse.

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
pub use rules::Rules;
pub use stream::Moderator;

use std::sync::Arc;

pub use glasshouse_protocol::{Category, Moderated, Moderation, ModerationMode, Severity};

pub const RULES_FILE: &str = "moderation.jsonl";
pub const CLASSIFIER_FILE: &str = "moderation-classifier.json";

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// First byte.
    pub start: usize,
    /// End byte (exclusive).
    pub end: usize,
    pub category: Category,
    pub severity: Severity,
    /// The rule's phrase; empty for findings of the classifier.
    pub rule: String,
}

#[derive(Clone, Debug)]
pub struct Judges {
    pub rules: Arc<Rules>,
    pub classifier: Option<Arc<Classifier>>,
}

impl From<Arc<Rules>> for Judges {
    fn from(rules: Arc<Rules>) -> Self {
        Self { rules, classifier: None }
    }
}

impl Judges {
    /// Findings in a whole text: those of the rules in order, then those of the classifier.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let mut found = self.rules.find(text);
        found.extend(self.classifier.iter().flat_map(|classifier| classifier.find(text)));
        found
    }
}
