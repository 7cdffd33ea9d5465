//! Gopher's rules about quality: appendix A1.1 of Rae et al. 2021 (arXiv:2112.11446).

use memchr::memchr_iter;
use memchr::memmem;

use super::lines;
use super::measured::{Measured, share};
use super::outcome::Outcome;
use super::threshold::settings;

/// English words of which ordinary prose holds at least two.
const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

settings! {
    /// Drops texts whose words or lines are not those of prose.
    GopherQuality {
        minimum_words: usize = 50, 0 to 1_000_000_000, "Fewest words, punctuation left out.";
        maximum_words: usize = 100_000, 1 to 1_000_000_000, "Most words, punctuation left out.";
        minimum_mean_word_length: f64 = 3.0, 0 to 1000, "Least mean length of a word, in characters.";
        maximum_mean_word_length: f64 = 10.0, 0 to 1_000_000, "Greatest mean length of a word, in characters.";
        maximum_symbol_word_ratio: f64 = 0.1, 0 to 1000,
            "Most number signs, or most ellipses, for each word and punctuation mark.";
        maximum_bullet_line_fraction: f64 = 0.9, 0 to 1, "Most lines that begin with a bullet or dash, as a share.";
        maximum_ellipsis_line_fraction: f64 = 0.3, 0 to 1, "Most lines that end with an ellipsis, as a share.";
        minimum_alphabetic_word_fraction: f64 = 0.8, 0 to 1, "Fewest words with a letter in them, as a share.";
        minimum_stop_words: usize = 2, 0 to 8,
            "Fewest of the words the, be, to, of, and, that, have, with. 0 for texts that are not English.";
    }
}

impl GopherQuality {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        self.words(measured)
            .or_else(|| self.symbols(measured))
            .or_else(|| self.lines(measured))
            .or_else(|| self.vocabulary(measured))
            .unwrap_or(Outcome::Kept)
    }

    fn words(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let words = measured.words().iter().filter(|word| !word.is_symbols());
        let (count, characters) = words.fold((0_usize, 0_usize), |(count, characters), word| {
            (count + 1, characters + word.characters as usize)
        });
        let number = count as f64;
        Outcome::below("minimum_words", "words", number, self.minimum_words as f64)
            .or_else(|| Outcome::above("maximum_words", "words", number, self.maximum_words as f64))
            .or_else(|| {
                let (mean, what) = (share(characters, count), "mean length of a word");
                Outcome::below("minimum_mean_word_length", what, mean, self.minimum_mean_word_length).or_else(
                    || Outcome::above("maximum_mean_word_length", what, mean, self.maximum_mean_word_length),
                )
            })
    }

    fn symbols(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let (text, words) = (measured.text(), measured.words().len());
        let threshold = "maximum_symbol_word_ratio";
        let most = self.maximum_symbol_word_ratio;
        let hashes = share(memchr_iter(b'#', text.as_bytes()).count(), words);
        Outcome::above(threshold, "number signs for each word", hashes, most).or_else(|| {
            let dots = memmem::find_iter(text.as_bytes(), b"...").count();
            let ellipses = dots + memmem::find_iter(text.as_bytes(), "…".as_bytes()).count();
            Outcome::above(threshold, "ellipses for each word", share(ellipses, words), most)
        })
    }

    fn lines(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let (mut all, mut bullets, mut ellipses) = (0, 0, 0);
        for line in lines::lines(measured.text()) {
            let line = lines::trimmed(line);
            all += 1;
            bullets += usize::from(line.starts_with(['•', '-']));
            ellipses += usize::from(line.ends_with("...") || line.ends_with('…'));
        }
        let (bullets, most) = (share(bullets, all), self.maximum_bullet_line_fraction);
        Outcome::above("maximum_bullet_line_fraction", "share of lines with a bullet", bullets, most).or_else(
            || {
                let (ellipses, most) = (share(ellipses, all), self.maximum_ellipsis_line_fraction);
                let what = "share of lines that end with an ellipsis";
                Outcome::above("maximum_ellipsis_line_fraction", what, ellipses, most)
            },
        )
    }

    fn vocabulary(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let words = measured.words();
        let alphabetic = share(words.iter().filter(|word| word.is_alphabetic()).count(), words.len());
        let least = self.minimum_alphabetic_word_fraction;
        let what = "share of words with a letter";
        Outcome::below("minimum_alphabetic_word_fraction", what, alphabetic, least).or_else(|| {
            let mut found = [false; STOP_WORDS.len()];
            for word in words.iter().filter(|word| (2..=4).contains(&word.bytes)) {
                let text = word.of(measured.text());
                for (found, _) in found.iter_mut().zip(STOP_WORDS).filter(|(_, stop)| *stop == text) {
                    *found = true;
                }
            }
            let count = found.iter().filter(|&&found| found).count() as f64;
            let what = "different ones of the words the, be, to, of, and, that, have, with";
            Outcome::below("minimum_stop_words", what, count, self.minimum_stop_words as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is asked but what a test sets.
    fn nothing_asked() -> GopherQuality {
        GopherQuality {
            minimum_words: 0,
            minimum_mean_word_length: 0.0,
            maximum_mean_word_length: 1e6,
            maximum_symbol_word_ratio: 1e3,
            maximum_bullet_line_fraction: 1.0,
            maximum_ellipsis_line_fraction: 1.0,
            minimum_alphabetic_word_fraction: 0.0,
            minimum_stop_words: 0,
            ..GopherQuality::default()
        }
    }

    fn threshold(rule: &GopherQuality, text: &str) -> Option<&'static str> {
        rule.judge(&Measured::new(text)).threshold()
    }

    #[test]
    fn words_are_counted_without_punctuation() {
        let rule = GopherQuality { minimum_words: 3, maximum_words: 3, ..nothing_asked() };
        assert_eq!(threshold(&rule, "one, two, three."), None);
        assert_eq!(threshold(&rule, "one, two."), Some("minimum_words"));
        assert_eq!(threshold(&rule, "one two three four"), Some("maximum_words"));
        let Outcome::Dropped(reason) = rule.judge(&Measured::new("one, two.")) else { panic!() };
        assert_eq!(reason.to_string(), "words: 2, at least 3 asked");
    }

    #[test]
    fn mean_length_counts_characters() {
        let rule =
            GopherQuality { minimum_mean_word_length: 3.0, maximum_mean_word_length: 4.0, ..nothing_asked() };
        assert_eq!(threshold(&rule, "éé abcd !!!!"), None);
        assert_eq!(threshold(&rule, "éé abc"), Some("minimum_mean_word_length"));
        assert_eq!(threshold(&rule, "abcd abcde"), Some("maximum_mean_word_length"));
    }

    #[test]
    fn symbols_are_counted_for_each_word() {
        let rule = GopherQuality { maximum_symbol_word_ratio: 0.2, ..nothing_asked() };
        assert_eq!(threshold(&rule, "a b c d # "), None);
        assert_eq!(threshold(&rule, "a b c #"), Some("maximum_symbol_word_ratio"));
        assert_eq!(threshold(&rule, "a b c d ..."), None);
        assert_eq!(threshold(&rule, "a b…c ... d"), Some("maximum_symbol_word_ratio"));
    }

    #[test]
    fn lines_with_bullets_and_ellipses_are_shares() {
        let rule = GopherQuality {
            maximum_bullet_line_fraction: 0.5,
            maximum_ellipsis_line_fraction: 0.5,
            ..nothing_asked()
        };
        assert_eq!(threshold(&rule, "- a\n  • b\nc\nd"), None);
        assert_eq!(threshold(&rule, "- a\n  • b\n-\nd"), Some("maximum_bullet_line_fraction"));
        assert_eq!(threshold(&rule, "a...\nb… \nc\nd"), None);
        assert_eq!(threshold(&rule, "a...\nb… \nc"), Some("maximum_ellipsis_line_fraction"));
    }

    #[test]
    fn vocabulary_asks_for_letters_and_stop_words() {
        let rule =
            GopherQuality { minimum_alphabetic_word_fraction: 0.5, minimum_stop_words: 2, ..nothing_asked() };
        assert_eq!(threshold(&rule, "the 1 2 of"), None);
        assert_eq!(threshold(&rule, "the 1 2 3 of"), Some("minimum_alphabetic_word_fraction"));
        assert_eq!(threshold(&rule, "the the The Of"), Some("minimum_stop_words"));
    }
}
