//! FineWeb's rules about quality: section 3.3 of Penedo et al. 2024 (arXiv:2406.17557).
//!
//! Where paper and code differ, the code is followed, since it made the corpus: the paper prints 0.1 for the share of characters in
//! repeated lines, and datatrove's `FineWebQualityFilter`, which FineWeb went through, has 0.01.

use memchr::memchr_iter;

use super::lines::{self, trimmed};
use super::measured::{Measured, share};
use super::outcome::Outcome;
use super::threshold::settings;
use super::words::is_sentence_end;

settings! {
    /// Drops texts that are lists, menus or tables rather than prose.
    FinewebQuality {
        minimum_line_punctuation_fraction: f64 = 0.12, 0 to 1, "Fewest lines that end like a sentence, as a share.";
        maximum_short_line_fraction: f64 = 0.67, 0 to 1, "Most short lines, as a share.";
        short_line_length: usize = 30, 0 to 1_000_000, "Characters up to which a line is short.";
        maximum_character_duplicate_fraction: f64 = 0.01, 0 to 1,
            "Most characters in lines that were there before, as a share of the text: 0.01 in datatrove, by which FineWeb was made; the paper prints 0.1.";
        maximum_line_feed_word_ratio: f64 = 0.3, 0 to 1000, "Most line feeds for each word and punctuation mark.";
    }
}

impl FinewebQuality {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        let text = measured.text();
        let (mut all, mut ended, mut short) = (0, 0, 0);
        let filled = || text.split('\n').filter(|line| !trimmed(line).is_empty());
        for line in filled() {
            all += 1;
            ended += usize::from(line.ends_with(is_sentence_end));
            let is_short = line.len() <= self.short_line_length
                || line.chars().take(self.short_line_length + 1).count() <= self.short_line_length;
            short += usize::from(is_short);
        }
        if all == 0 {
            return Outcome::dropped("empty", "the text is empty");
        }
        let feeds = memchr_iter(b'\n', text.as_bytes()).count();
        let ended = share(ended, all);
        let what = "share of lines that end like a sentence";
        Outcome::below(
            "minimum_line_punctuation_fraction",
            what,
            ended,
            self.minimum_line_punctuation_fraction,
        )
        .or_else(|| {
            let (short, most) = (share(short, all), self.maximum_short_line_fraction);
            Outcome::above("maximum_short_line_fraction", "share of short lines", short, most)
        })
        .or_else(|| {
            let repeated = lines::repeats(filled()).characters;
            let value = share(repeated, measured.characters() - feeds);
            let most = self.maximum_character_duplicate_fraction;
            let what = "share of characters in repeated lines";
            Outcome::above("maximum_character_duplicate_fraction", what, value, most)
        })
        .or_else(|| {
            let (value, most) = (share(feeds, measured.words().len()), self.maximum_line_feed_word_ratio);
            Outcome::above("maximum_line_feed_word_ratio", "line feeds for each word", value, most)
        })
        .unwrap_or(Outcome::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(rule: &FinewebQuality, text: &str) -> Option<&'static str> {
        rule.judge(&Measured::new(text)).threshold()
    }

    #[test]
    fn lines_are_to_end_like_sentences() {
        let rule = FinewebQuality {
            minimum_line_punctuation_fraction: 0.5,
            maximum_short_line_fraction: 1.0,
            maximum_line_feed_word_ratio: 1e3,
            ..FinewebQuality::default()
        };
        assert_eq!(threshold(&rule, "One.\n\nTwo"), None);
        assert_eq!(threshold(&rule, "One.\nTwo\n \nThree"), Some("minimum_line_punctuation_fraction"));
        // White space behind the full stop hides it, as it does in the published rule.
        assert_eq!(threshold(&rule, "One. "), Some("minimum_line_punctuation_fraction"));
        assert_eq!(threshold(&rule, " \n "), Some("empty"));
    }

    #[test]
    fn short_lines_are_counted_in_characters() {
        let rule = FinewebQuality {
            short_line_length: 4,
            maximum_short_line_fraction: 0.5,
            maximum_line_feed_word_ratio: 1e3,
            ..FinewebQuality::default()
        };
        assert_eq!(threshold(&rule, "ééé.\nfive."), None);
        assert_eq!(threshold(&rule, "ééé.\nfive.\nsix."), Some("maximum_short_line_fraction"));
    }

    #[test]
    fn repeated_lines_and_line_feeds_are_limited() {
        let rule = FinewebQuality {
            maximum_short_line_fraction: 1.0,
            maximum_character_duplicate_fraction: 0.25,
            maximum_line_feed_word_ratio: 0.5,
            ..FinewebQuality::default()
        };
        assert_eq!(threshold(&rule, "ab.\nabcdef.\nab."), None);
        assert_eq!(threshold(&rule, "abc.\nabcde.\nabc."), Some("maximum_character_duplicate_fraction"));
        assert_eq!(threshold(&rule, "one.\n\n"), Some("maximum_line_feed_word_ratio"));
        assert_eq!(threshold(&rule, "one two three.\n\n"), None);
    }
}
