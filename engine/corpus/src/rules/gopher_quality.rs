//! Gopher's quality rules: appendix A1.1 of Rae et al. 2021 (arXiv:2112.11446).

use memchr::{memchr_iter, memmem};

use super::lines;
use super::measured::{Measured, share};
use super::outcome::{Reason, at_least, at_most};
use glasshouse_documents::settings;

/// English words, of which ordinary prose contains at least two.
const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

settings! {
    GopherQuality {
        minimum_words as "min_doc_words": usize = 50, 0 to 1_000_000_000, "Minimum number of words, without punctuation.";
        maximum_words as "max_doc_words": usize = 100_000, 1 to 1_000_000_000, "Maximum number of words, without punctuation.";
        minimum_mean_word_length as "min_avg_word_length": f64 = 3.0, 0 to 1000, "Minimum mean word length, in characters.";
        maximum_mean_word_length as "max_avg_word_length": f64 = 10.0, 0 to 1_000_000, "Maximum mean word length, in characters.";
        maximum_symbol_word_ratio as "max_symbol_word_ratio": f64 = 0.1, 0 to 1000,
            "Maximum number of number signs, or of ellipses, per word or punctuation mark.";
        maximum_bullet_line_fraction as "max_bullet_lines_ratio": f64 = 0.9, 0 to 1, "Maximum share of lines that begin with a bullet or dash.";
        maximum_ellipsis_line_fraction as "max_ellipsis_lines_ratio": f64 = 0.3, 0 to 1, "Maximum share of lines that end with an ellipsis.";
        minimum_alphabetic_word_fraction as "max_non_alpha_words_ratio": f64 = 0.8, 0 to 1, "Minimum share of words with a letter.";
        minimum_stop_words as "min_stop_words": usize = 2, 0 to 8,
            "Minimum number of the words the, be, to, of, and, that, have, with. 0 for texts that are not English.";
    }
}

impl GopherQuality {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        self.words(measured)?;
        self.symbols(measured)?;
        self.lines(measured)?;
        self.vocabulary(measured)
    }

    fn words(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let words = measured.words().iter().filter(|word| !word.is_symbols());
        let (count, characters) = words.fold((0_usize, 0_usize), |(count, characters), word| {
            (count + 1, characters + word.characters as usize)
        });
        at_least!(self.minimum_words, "words", count as f64)?;
        at_most!(self.maximum_words, "words", count as f64)?;
        let (what, mean) = ("mean word length", share(characters, count));
        at_least!(self.minimum_mean_word_length, what, mean)?;
        at_most!(self.maximum_mean_word_length, what, mean)
    }

    fn symbols(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let (text, words) = (measured.text().as_bytes(), measured.words().len());
        let hashes = memchr_iter(b'#', text).count();
        at_most!(self.maximum_symbol_word_ratio, "number signs per word", share(hashes, words))?;
        let ellipses = ["...", "…"].map(|ellipsis| memmem::find_iter(text, ellipsis).count()).iter().sum();
        at_most!(self.maximum_symbol_word_ratio, "ellipses for each word", share(ellipses, words))
    }

    fn lines(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let (mut all, mut bullets, mut ellipses) = (0, 0, 0);
        for line in lines::lines(measured.text()) {
            let line = lines::trimmed(line);
            all += 1;
            bullets += usize::from(line.starts_with(['•', '-']));
            ellipses += usize::from(line.ends_with("...") || line.ends_with('…'));
        }
        at_most!(self.maximum_bullet_line_fraction, "share of lines with a bullet", share(bullets, all))?;
        let what = "share of lines that end with an ellipsis";
        at_most!(self.maximum_ellipsis_line_fraction, what, share(ellipses, all))
    }

    fn vocabulary(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let words = measured.words();
        let alphabetic = share(words.iter().filter(|word| word.is_alphabetic()).count(), words.len());
        at_least!(self.minimum_alphabetic_word_fraction, "share of words with a letter", alphabetic)?;
        let mut found = [false; STOP_WORDS.len()];
        for word in words.iter().filter(|word| (2..=4).contains(&word.bytes)) {
            let text = word.of(measured.text());
            for (found, _) in found.iter_mut().zip(STOP_WORDS).filter(|(_, stop)| *stop == text) {
                *found = true;
            }
        }
        let count = found.iter().filter(|&&found| found).count() as f64;
        let what = "distinct words among the, be, to, of, and, that, have, with";
        at_least!(self.minimum_stop_words, what, count)
    }
}
