//! chrF (Popović 2015) with sacreBLEU 2.6.0's defaults: F₂ of the mean precision and recall over n-grams of 1 to 6 characters
//! without white space; best reference per row.

use super::ngrams::{count, matches, total};
use super::{OfCorpus, Row, python};

const CHARACTERS: usize = 6;

/// β²: the weight of recall relative to precision.
const BETA_SQUARED: f64 = 4.0;

/// A row's contribution, by order: n-grams of the answer, of the reference, and matching ones.
type RowCounts = [f64; 3 * CHARACTERS];

/// chrF of all rows together: sacreBLEU's chrF2.
pub fn chrf(rows: &[Row<'_>]) -> OfCorpus<{ 3 * CHARACTERS }> {
    OfCorpus::new(rows, row_counts, score, &format!("case:mixed|eff:yes|nc:{CHARACTERS}|nw:0|space:no"))
}

/// chrF from the sum of rows' counts; orders without n-grams in answers or references are skipped.
fn score(counts: RowCounts) -> f64 {
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for order in counts.chunks_exact(3) {
        if let [answered, expected, matching] = order
            && *answered > 0.0
            && *expected > 0.0
        {
            precision += matching / answered;
            recall += matching / expected;
            orders += 1.0;
        }
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    (precision, recall) = (precision / orders, recall / orders);
    100.0 * ((1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall))
}

/// Counts against the reference with the highest score; ties go to the first.
fn row_counts(row: &Row<'_>) -> RowCounts {
    let characters = |text: &str| -> Vec<char> { python::split(text).flat_map(str::chars).collect() };
    let answer = characters(row.answer);
    let (mut best, mut highest) = ([0.0; 3 * CHARACTERS], -1.0);
    for expected in row.expected {
        let counts = against(&answer, &characters(expected));
        let score = score(counts);
        if score > highest {
            (best, highest) = (counts, score);
        }
    }
    best
}

fn against(answer: &[char], expected: &[char]) -> RowCounts {
    let mut counts = [0.0; 3 * CHARACTERS];
    for (n, counts) in (1..).zip(counts.chunks_exact_mut(3)) {
        let [answered, wanted] = [answer, expected].map(|sequence| total(sequence.len(), n));
        if wanted > 0 {
            let matching = matches(&count(answer, n), &count(expected, n));
            counts.copy_from_slice(&[answered as f64, wanted as f64, matching as f64]);
        }
    }
    counts
}
