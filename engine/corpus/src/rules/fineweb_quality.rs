//! FineWeb's quality rules: section 3.3 of Penedo et al. 2024 (arXiv:2406.17557).
//!
//! If paper and code differ, this follows the code, which made the corpus: for the share of characters in repeated lines the
//! paper prints 0.1, and datatrove's `FineWebQualityFilter`, which FineWeb used, has 0.01.

use memchr::memchr_iter;

use super::lines::{self, trimmed};
use super::measured::{Measured, share};
use super::outcome::{Reason, at_least, at_most};
use super::words::is_sentence_end;
use glasshouse_documents::settings;

settings! {
    FinewebQuality {
        minimum_line_punctuation_fraction as "line_punct_thr": f64 = 0.12, 0 to 1, "Minimum share of lines that end like a sentence.";
        maximum_short_line_fraction as "short_line_thr": f64 = 0.67, 0 to 1, "Maximum share of short lines.";
        short_line_length: usize = 30, 0 to 1_000_000, "Maximum length of a short line, in characters.";
        maximum_character_duplicate_fraction as "char_duplicates_ratio": f64 = 0.01, 0 to 1,
            "Maximum share of characters in repeated lines: 0.01 in datatrove, by which FineWeb was made; the paper prints 0.1.";
        maximum_line_feed_word_ratio as "new_line_ratio": f64 = 0.3, 0 to 1000, "Maximum number of line feeds per word or punctuation mark.";
    }
}

impl FinewebQuality {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
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
            return Err(Reason::new("empty", "the text is empty"));
        }
        let what = "share of lines that end like a sentence";
        at_least!(self.minimum_line_punctuation_fraction, what, share(ended, all))?;
        at_most!(self.maximum_short_line_fraction, "share of short lines", share(short, all))?;
        let feeds = memchr_iter(b'\n', text.as_bytes()).count();
        let repeated = share(lines::repeats(filled()).characters, measured.characters() - feeds);
        let what = "share of characters in repeated lines";
        at_most!(self.maximum_character_duplicate_fraction, what, repeated)?;
        let value = share(feeds, measured.words().len());
        at_most!(self.maximum_line_feed_word_ratio, "line feeds per word", value)
    }
}
