//! How long a text is, in words.

use super::measured::Measured;
use super::outcome::Outcome;
use super::threshold::settings;

settings! {
    /// Drops texts that are too short to teach anything, or too long to be one document.
    Length {
        minimum_words: usize = 10, 0 to 1_000_000_000, "Fewest words, punctuation left out.";
        maximum_words: usize = 10_000_000, 1 to 1_000_000_000, "Most words, punctuation left out.";
    }
}

impl Length {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        let words = measured.words().iter().filter(|word| !word.is_symbols()).count() as f64;
        Outcome::below("minimum_words", "words", words, self.minimum_words as f64)
            .or_else(|| Outcome::above("maximum_words", "words", words, self.maximum_words as f64))
            .unwrap_or(Outcome::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lie_between_the_bounds() {
        let rule = Length { minimum_words: 2, maximum_words: 3 };
        let dropped = |text| rule.judge(&Measured::new(text)).is_dropped();
        assert_eq!(["a !", "a b", "a, b, c.", "a b c d"].map(dropped), [true, false, false, true]);
    }
}
