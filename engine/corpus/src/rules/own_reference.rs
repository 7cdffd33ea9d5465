//! Detects texts written unlike the rest of the corpus.
//!
//! Three steps: [`TrigramModel`] learns from the texts kept by the other rules, [`Scores`] collects the score of each kept text
//! under it, and texts with scores far above the median are dropped. Spread is measured by the interquartile range: unlike mean
//! and standard deviation, median and interquartile range are robust against the gibberish itself. A text above the threshold
//! in a reliably identified language is not gibberish and is kept.

use super::language::identify;
use super::outcome::Reason;
#[cfg(doc)]
use super::trigrams::TrigramModel;
use super::trigrams::Trigrams;
use glasshouse_documents::settings;

settings! {
    Gibberish {
        deviations: f64 = 8.0, 0 to 1000, "Maximum distance of a text's bits per character above the median, in deviations of the corpus's scores.";
        margin: f64 = 1.0, 0 to 16, "Distance above the median, in bits, below which texts are always kept: in an even corpus, deviations are tiny.";
        minimum_documents: usize = 100, 1 to 1_000_000_000, "With fewer texts all pass: there is no reliable median.";
        minimum_corpus_characters: usize = 100_000, 1 to 1_000_000_000, "With less text all pass: the model knows too little.";
        minimum_characters: usize = 40, 0 to 1_000_000, "Shorter texts pass: their score is unreliable.";
        language_confidence: f64 = 0.95, 0 to 1, "Texts in a language detected with this confidence pass: another language is not gibberish.";
    }
}

const BINS_PER_BIT: f64 = 256.0;
/// Scores above this many bits go into the last bin; no cost is as high.
const MAX_BITS: usize = 64;

/// The scores of a corpus, as an integer histogram.
#[derive(Clone, Debug, PartialEq, Eq, smart_default::SmartDefault)]
pub struct Scores {
    #[default(vec![0; MAX_BITS * BINS_PER_BIT as usize])]
    bins: Vec<u64>,
    documents: u64,
    characters: u64,
}

impl Scores {
    /// Adds the score of a text of `length` bytes.
    pub fn note(&mut self, bits: f64, length: usize) {
        let bin = ((bits * BINS_PER_BIT) as usize).min(self.bins.len() - 1);
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
        }
        self.documents += 1;
        self.characters += length as u64;
    }

    /// A quantile of the scores, in bits per character.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.documents as f64) as u64;
        let mut below = 0;
        let bin = self.bins.iter().position(|count| {
            below += count;
            below > rank
        });
        (bin.unwrap_or(0) as f64 + 0.5) / BINS_PER_BIT
    }
}

impl Gibberish {
    /// The highest score that is kept; `None` if the corpus is too small.
    pub fn highest(&self, scores: &Scores) -> Option<f64> {
        let enough = scores.documents >= self.minimum_documents as u64
            && scores.characters >= self.minimum_corpus_characters as u64;
        // In a normal distribution the interquartile range is 1.349 standard deviations.
        let deviation = (scores.quantile(0.75) - scores.quantile(0.25)) / 1.349;
        enough.then(|| scores.quantile(0.5) + (self.deviations * deviation).max(self.margin))
    }

    /// The language of a text that differs from the rest because of its language.
    pub fn language(&self, text: &str) -> Option<&'static str> {
        identify(text).filter(|found| found.confidence >= self.language_confidence).map(|found| found.code)
    }

    pub fn judge(&self, text: &str, model: &Trigrams, highest: Option<f64>) -> Result<(), Reason> {
        let Some(highest) = highest else { return Ok(()) };
        if text.chars().take(self.minimum_characters).count() < self.minimum_characters {
            return Ok(());
        }
        let what = "bits per character, under a model of the kept texts";
        Reason::above("deviations", what, model.bits_per_character(text), highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::trigrams::TrigramModel;

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

    fn learned(texts: &[String]) -> (Trigrams, Scores) {
        let mut model = TrigramModel::default();
        texts.iter().for_each(|text| model.add(text));
        let (model, mut scores) = (model.finish(), Scores::default());
        texts.iter().for_each(|text| scores.note(model.bits_per_character(text), text.len()));
        (model, scores)
    }

    #[test]
    fn noise_among_prose_is_found_though_the_model_saw_it() {
        let mut texts: Vec<_> = (0..950).map(prose).collect();
        texts.extend((0..50).map(noise));
        let (model, scores) = learned(&texts);
        let rule = Gibberish::default();
        let highest = rule.highest(&scores);
        let dropped: Vec<_> = texts.iter().map(|text| rule.judge(text, &model, highest).is_err()).collect();
        assert_eq!(dropped.iter().filter(|&&dropped| dropped).count(), 50);
        assert!(dropped[950..].iter().all(|&dropped| dropped));
        assert_eq!(rule.judge(&noise(7)[..39], &model, highest), Ok(()));
    }

    #[test]
    fn noise_is_no_language() {
        let rule = Gibberish::default();
        let told: Vec<_> = (0..1000).filter_map(|seed| rule.language(&noise(seed))).collect();
        assert!(told.len() <= 10, "{} of 1000: {told:?}", told.len());
        let french = "Le vieux marin raconta aux enfants comment la barque avait disparu un soir d'octobre, et \
            pourquoi personne n'en parlait plus au village depuis ce temps-là.";
        assert_eq!(rule.language(french), Some("fra"));
    }

    #[test]
    fn small_corpora_and_even_ones_lose_nothing() {
        let rule = Gibberish { minimum_corpus_characters: 1, ..Gibberish::default() };
        let texts: Vec<_> = (0..99).map(prose).collect();
        assert_eq!(rule.highest(&learned(&texts).1), None);
        let texts: Vec<_> = (0..100).map(prose).collect();
        let (model, scores) = learned(&texts);
        let highest = rule.highest(&scores);
        assert!(highest.is_some_and(|highest| highest >= scores.quantile(0.5) + rule.margin));
        assert!(texts.iter().all(|text| rule.judge(text, &model, highest) == Ok(())));
        let rule = Gibberish { minimum_corpus_characters: 10_000_000, ..rule };
        assert_eq!(rule.highest(&scores), None);
    }

    #[test]
    fn quantiles_are_those_of_the_scores() {
        let texts: Vec<_> = (0..100).map(prose).collect();
        let (model, scores) = learned(&texts);
        let mut sorted: Vec<_> = texts.iter().map(|text| model.bits_per_character(text)).collect();
        sorted.sort_by(f64::total_cmp);
        for share in [0.0, 0.25, 0.5, 0.99] {
            assert!((scores.quantile(share) - sorted[(share * 100.0) as usize]).abs() < 1.0 / BINS_PER_BIT);
        }
    }
}
