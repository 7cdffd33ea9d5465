//! Task metrics, each equal to its referee package to 1e-9; a module names its referee and how the metric is defined there.
//!
//! They are our own code. Crates were tried: `rougers` equals rouge-score, but holds five Unicode crates at one version, brings ICU's
//! tables into the browser's engine and keeps a table of length × length; `bleuscore` has neither sacreBLEU's smoothing nor its
//! signature; `rusev` counts in 32 bits; `porter-stemmer` and `rust-stemmers` give other stems than NLTK ("dai", "alwai").

pub mod bleu;
pub mod calibration;
pub mod chrf;
pub mod classification;
pub mod entities;
mod lcs;
mod ngrams;
mod porter;
mod python;
pub mod rouge;
pub mod squad;
#[cfg(test)]
mod tests;

pub use bleu::bleu;
pub use chrf::{chrf, chrf_plus_plus};
pub use classification::classification;
pub use entities::entities;
pub use rouge::rouge;
pub use squad::{exact, f1};

/// A row of a task: what the model answered, and what would have been right.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The model's answer.
    pub answer: &'a str,
    /// Right answers, of which the best match counts. None scores 0.
    pub expected: &'a [String],
}

/// Precision, recall and their harmonic mean, each between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// The share of what was answered that is right.
    pub precision: f64,
    /// The share of what is right that was answered.
    pub recall: f64,
    /// 2PR / (P + R), 0 where both are.
    pub f1: f64,
}

impl Score {
    /// The score of `matches` among what was answered and what was expected; a share of nothing is 0.
    fn of(matches: usize, answered: usize, expected: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { matches as f64 / of as f64 };
        let (precision, recall) = (share(answered), share(expected));
        let sum = precision + recall;
        Self { precision, recall, f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 } }
    }
}
