//! Filters by length in words.

use super::measured::Measured;
use super::outcome::{Reason, at_least, at_most};
use glasshouse_documents::settings;

settings! {
    Length {
        minimum_words: usize = 10, 0 to 1_000_000_000, "Minimum number of words, without punctuation.";
        maximum_words: usize = 10_000_000, 1 to 1_000_000_000, "Maximum number of words, without punctuation.";
    }
}

impl Length {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let words = measured.words().iter().filter(|word| !word.is_symbols()).count() as f64;
        at_least!(self.minimum_words, "words", words)?;
        at_most!(self.maximum_words, "words", words)
    }
}
