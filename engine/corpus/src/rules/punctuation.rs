//! How much of a text is punctuation.

use super::measured::{Measured, share};
use super::outcome::Outcome;
use super::threshold::settings;

settings! {
    /// Drops texts that are more marks than words: tables, drawings of characters, remains of a page's layout.
    Punctuation {
        maximum_punctuation_word_ratio: f64 = 0.5, 0 to 1000,
            "Most punctuation marks for each word. English prose has 0.1 to 0.25 of them, dialogue up to 0.35, technical notes up to 1.";
    }
}

impl Punctuation {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        let all = measured.words();
        let marks = all.iter().filter(|word| word.is_symbols()).count();
        // Marks alone are as bad as can be: they count as if a word were there.
        let ratio = share(marks, (all.len() - marks).max(1));
        let (what, most) = ("punctuation marks for each word", self.maximum_punctuation_word_ratio);
        Outcome::above("maximum_punctuation_word_ratio", what, ratio, most).unwrap_or(Outcome::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_for_each_word() {
        let rule = Punctuation { maximum_punctuation_word_ratio: 0.5 };
        let dropped = |text| rule.judge(&Measured::new(text)).is_dropped();
        assert_eq!(["one, two.", "one two three four, .", "*", ""].map(dropped), [true, false, true, false]);
    }
}
