//! Filters by the share of punctuation.

use super::measured::{Measured, share};
use super::outcome::{Reason, at_most};
use glasshouse_documents::settings;

settings! {
    Punctuation {
        maximum_punctuation_word_ratio: f64 = 0.5, 0 to 1000,
            "Maximum number of punctuation marks per word. English prose has 0.1 to 0.25, dialogue up to 0.35, technical notes up to 1.";
    }
}

impl Punctuation {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let all = measured.words();
        let marks = all.iter().filter(|word| word.is_symbols()).count();
        // Texts of only marks count as if they had one word.
        let ratio = share(marks, (all.len() - marks).max(1));
        at_most!(self.maximum_punctuation_word_ratio, "punctuation marks per word", ratio)
    }
}
