//! Moderation: finding words and phrases that many people do not want to read, by rules with context, and by a linear classifier of a
//! person's own rows, which judges sentence by sentence. What is done about them in text under way is [`Moderator`]'s.
//!
//! The rules are ours (`rules.jsonl`, licensed as the program) and editable. Crates for this were looked at: `rustrict` and `censor` have
//! lists of their own which people cannot edit line by line, know no context and no phrases, and do not hold back text that comes in pieces.
//! Of linear models `linfa-logistic` wants dense matrices, which hashed n-grams are not.

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

/// A project's own rules, in its folder.
pub const RULES_FILE: &str = "moderation.jsonl";
/// A project's classifier, in its folder.
pub const CLASSIFIER_FILE: &str = "moderation-classifier.json";

/// A place in a text that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// What it is about.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// The rule's words; none where the classifier found it.
    pub rule: String,
}

/// What texts are judged by.
#[derive(Clone, Debug)]
pub struct Judges {
    /// Words and phrases.
    pub rules: Arc<Rules>,
    /// A classifier of sentences, where it is switched on.
    pub classifier: Option<Arc<Classifier>>,
}

impl From<Arc<Rules>> for Judges {
    fn from(rules: Arc<Rules>) -> Self {
        Self { rules, classifier: None }
    }
}

impl Judges {
    /// What they find in a whole text: of the rules in order, and then of the classifier.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let mut found = self.rules.find(text);
        found.extend(self.classifier.iter().flat_map(|classifier| classifier.find(text)));
        found
    }
}
