//! The rule `perplexity` without a reference: drops texts that are spelled unlike the rest of the corpus.
//!
//! A letter trigram model learns a sample of the texts kept by the other rules; a text that takes far more bits per character than
//! the sample's median is dropped. Spread is measured by the interquartile range: unlike mean and standard deviation, median and
//! interquartile range are robust against the gibberish itself. A text above the threshold in a reliably identified language is
//! not gibberish and is kept.

use super::Perplexity;
use super::language::{identify, name};
use super::outcome::Reason;
use super::trigrams::{TrigramModel, Trigrams};
use rayon::prelude::*;

/// What a corpus teaches about itself.
pub struct OwnReference {
    model: Trigrams,
    /// The highest number of bits per character that is kept.
    highest: f64,
}

impl Perplexity {
    /// Learns a sample of a corpus of `documents` with `bytes`; `None` if the corpus is too small.
    pub fn learn(&self, sample: &[String], documents: usize, bytes: u64) -> Option<OwnReference> {
        if documents < self.minimum_documents || bytes < self.minimum_corpus_characters as u64 {
            return None;
        }
        // On one thread: rayon would make a table of 3.5 MB for every part that it divides the sample into.
        let mut model = TrigramModel::default();
        sample.iter().for_each(|text| model.add(text));
        let model = model.finish();
        let mut bits: Vec<f64> = sample.par_iter().map(|text| model.bits_per_character(text)).collect();
        bits.sort_unstable_by(f64::total_cmp);
        let quantile = |share: f64| bits.get((share * bits.len() as f64) as usize).copied().unwrap_or(0.0);
        // In a normal distribution the interquartile range is 1.349 standard deviations.
        let deviation = (quantile(0.75) - quantile(0.25)) / 1.349;
        Some(OwnReference { highest: quantile(0.5) + (self.deviations * deviation).max(self.margin), model })
    }

    /// Judges a text by its corpus. Returns the language because of which a text that differs from the rest is kept.
    pub fn judge_by_corpus(&self, text: &str, reference: &OwnReference) -> Result<Option<String>, Reason> {
        if text.chars().take(self.minimum_characters).count() < self.minimum_characters {
            return Ok(None);
        }
        let what = "bits per character, under a model of the kept texts";
        let bits = reference.model.bits_per_character(text);
        let Err(reason) = Reason::above("deviations", what, bits, reference.highest) else { return Ok(None) };
        let known = identify(text).filter(|found| found.confidence >= self.language_confidence);
        known.map(|found| Some(name(found.code))).ok_or(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    /// A pseudorandom number for a counter.
    fn scrambled(number: u64) -> u64 {
        let state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    }

    fn prose(seed: u64) -> String {
        let words =
            "the old boat came home with nets full of silver fish while rain fell on the quiet harbour town";
        let words: Vec<_> = words.split(' ').collect();
        let word = |n| words[(scrambled(seed * 1000 + n) as usize) % words.len()];
        (0..60).map(word).collect::<Vec<_>>().join(" ")
    }

    fn noise(seed: u64) -> String {
        let letter = |n| match scrambled(seed * 999_983 + n) % 30 {
            letter @ 0..26 => char::from(b'a' + letter as u8),
            _ => ' ',
        };
        (0..300).map(letter).collect()
    }

    fn learned(rule: &Perplexity, texts: &[String]) -> Option<OwnReference> {
        rule.learn(texts, texts.len(), texts.iter().map(|text| text.len() as u64).sum())
    }

    #[test]
    fn noise_among_prose_is_found_though_the_model_saw_it() {
        let mut texts: Vec<_> = (0..950).map(prose).collect();
        texts.extend((0..50).map(noise));
        let rule = Perplexity::default();
        let reference = learned(&rule, &texts).unwrap();
        let dropped: Vec<bool> =
            texts.iter().map(|text| rule.judge_by_corpus(text, &reference).is_err()).collect();
        assert_eq!(dropped.iter().filter(|&&dropped| dropped).count(), 50);
        assert!(dropped[950..].iter().all(|&dropped| dropped));
        assert_eq!(rule.judge_by_corpus(&noise(7)[..39], &reference), Ok(None));
        let french = "Le vieux marin raconta aux enfants comment la barque avait disparu un soir d'octobre, et \
            pourquoi personne n'en parlait plus au village depuis ce temps-là.";
        let strict = OwnReference { highest: 0.0, ..reference };
        assert_eq!(rule.judge_by_corpus(french, &strict), Ok(Some("French (fra)".to_owned())));
        let named = (0..1000).filter(|seed| rule.judge_by_corpus(&noise(*seed), &strict).is_ok());
        assert!(named.count() <= 10, "noise is no language");
    }

    #[test]
    fn recipes_of_earlier_versions_name_it_gibberish() {
        let read = |rule: &str| {
            Recipe::from_toml(&format!("name = \"x\"\n[[rules]]\nrule = \"{rule}\"\nmargin = 2.0\n"))
        };
        assert_eq!(read("gibberish").unwrap(), read("perplexity").unwrap());
    }

    #[test]
    fn small_corpora_and_even_ones_lose_nothing() {
        let rule = Perplexity { minimum_corpus_characters: 1, ..Perplexity::default() };
        let texts: Vec<_> = (0..99).map(prose).collect();
        assert!(learned(&rule, &texts).is_none());
        let texts: Vec<_> = (0..100).map(prose).collect();
        let reference = learned(&rule, &texts).unwrap();
        assert!(texts.iter().all(|text| rule.judge_by_corpus(text, &reference) == Ok(None)));
        let rule = Perplexity { minimum_corpus_characters: 10_000_000, ..rule };
        assert!(learned(&rule, &texts).is_none());
    }
}
