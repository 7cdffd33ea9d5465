//! Task metrics, each equal to a reference package within 1e-9; each module names its reference package and the metric's
//! definition.
//!
//! They are our own code, because existing crates did not fit: `rougers` equals rouge-score, but pins five Unicode crates to one
//! version, adds ICU's tables to the browser build and stores a table of length × length; `bleuscore` has neither sacreBLEU's
//! smoothing nor its signature; `rusev` counts in 32 bits; `porter-stemmer` and `rust-stemmers` give other stems than NLTK
//! ("dai", "alwai").

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
pub use chrf::chrf;
pub use classification::classification;
pub use entities::entities;
pub use rouge::rouge;
pub use squad::{exact, f1};

use crate::statistics::{Bootstrap, sum};

/// A row of a task, with the model's answer and the correct ones.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub answer: &'a str,
    /// Correct answers, of which the best match counts. The score is 0 if empty.
    pub expected: &'a [String],
}

/// A metric of all rows together, which follows from sums of `N` numbers per row.
#[derive(Clone, Debug)]
pub struct OfCorpus<const N: usize> {
    /// Between 0 and 100.
    pub score: f64,
    /// As printed by sacreBLEU 2.6.0.
    pub signature: String,
    pub rows: Vec<[f64; N]>,
    pub(crate) of: fn([f64; N]) -> f64,
}

impl<const N: usize> OfCorpus<N> {
    fn new(
        rows: &[Row<'_>],
        counts: fn(&Row<'_>) -> [f64; N],
        of: fn([f64; N]) -> f64,
        settings: &str,
    ) -> Self {
        let counts: Vec<_> = rows.iter().map(counts).collect();
        let references = rows.first().map_or(0, |row| row.expected.len());
        let is_same = rows.iter().all(|row| row.expected.len() == references);
        let number = if is_same { references.to_string() } else { "var".to_owned() };
        let signature = format!("nrefs:{number}|{settings}|version:2.6.0");
        Self { score: of(sum(&counts)), signature, rows: counts, of }
    }

    /// Bootstrap interval over rows; `yield_now` is called every few milliseconds to yield.
    pub async fn interval(&self, bootstrap: &Bootstrap, yield_now: &impl AsyncFn()) -> Option<[f64; 2]> {
        bootstrap.sums_in_turns(&self.rows, self.of, yield_now).await
    }
}

/// Precision, recall and their harmonic mean, each between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub precision: f64,
    pub recall: f64,
    /// 2PR / (P + R), or 0 if both are 0.
    pub f1: f64,
}

impl Score {
    /// The score of `matches` among answered and expected items; ratios with denominator 0 are 0.
    fn new(matches: usize, answered: usize, expected: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { matches as f64 / of as f64 };
        let (precision, recall) = (share(answered), share(expected));
        let sum = precision + recall;
        Self { precision, recall, f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 } }
    }
}
