//! chrF (Popović 2015) and chrF++ (Popović 2017) with sacreBLEU 2.6.0's defaults: F₂ of the mean precision and recall over
//! n-grams of 1 to 6 characters without white space, and for chrF++ also of 1 and 2 words; best reference per row.

use super::bleu::signature;
use super::ngrams::{count, matches, total};
use super::{Row, python};
use crate::statistics::Bootstrap;
use std::hash::Hash;

/// Maximum length of character n-grams.
const CHARACTERS: usize = 6;

/// Maximum length of chrF++'s word n-grams.
const WORDS: usize = 2;

/// β²: the weight of recall relative to precision.
const BETA_SQUARED: f64 = 4.0;

/// A row's contribution, by order: n-grams of the answer, of the reference, and matching ones. For chrF, those of words are 0.
pub type RowCounts = [f64; 3 * (CHARACTERS + WORDS)];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chrf {
    /// Between 0 and 100.
    pub score: f64,
    /// sacreBLEU's signature of the settings.
    pub signature: String,
    /// Each row's contribution; any subset's chrF follows from their sum.
    pub rows: Vec<RowCounts>,
}

impl Chrf {
    /// Bootstrap interval over rows; `give` is called every few milliseconds to yield.
    pub async fn interval(&self, bootstrap: &Bootstrap, give: &impl AsyncFn()) -> Option<[f64; 2]> {
        bootstrap.sums_in_turns(&self.rows, |counts| score(&counts), give).await
    }
}

/// chrF of all rows together: sacreBLEU's chrF2.
pub fn chrf(rows: &[Row<'_>]) -> Chrf {
    of_rows(rows, 0)
}

/// chrF++ of all rows together: sacreBLEU's chrF2++.
pub fn chrf_plus_plus(rows: &[Row<'_>]) -> Chrf {
    of_rows(rows, WORDS)
}

fn of_rows(rows: &[Row<'_>], words: usize) -> Chrf {
    let counts: Vec<RowCounts> = rows.iter().map(|row| row_counts(row, words)).collect();
    let mut sums = [0.0; 3 * (CHARACTERS + WORDS)];
    for row in &counts {
        sums.iter_mut().zip(row).for_each(|(sum, part)| *sum += part);
    }
    let settings = format!("case:mixed|eff:yes|nc:{CHARACTERS}|nw:{words}|space:no");
    Chrf { score: score(&sums), signature: signature(rows, &settings), rows: counts }
}

/// chrF from the sum of rows' counts; orders without n-grams in answers or references are skipped.
pub fn score(counts: &RowCounts) -> f64 {
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
fn row_counts(row: &Row<'_>, words: usize) -> RowCounts {
    let answer = CharactersAndWords::new(row.answer, words);
    let (mut best, mut highest) = ([0.0; 3 * (CHARACTERS + WORDS)], -1.0);
    for expected in row.expected {
        let counts = answer.against(&CharactersAndWords::new(expected, words));
        let score = score(&counts);
        if score > highest {
            (best, highest) = (counts, score);
        }
    }
    best
}

/// A text's characters without white space, and its words if needed.
struct CharactersAndWords<'a> {
    characters: Vec<u32>,
    words: Vec<&'a str>,
}

impl<'a> CharactersAndWords<'a> {
    fn new(text: &'a str, words: usize) -> Self {
        Self {
            characters: python::split(text).flat_map(str::chars).map(u32::from).collect(),
            words: if words == 0 { Vec::new() } else { python::split(text).flat_map(apart).collect() },
        }
    }

    fn against(&self, expected: &Self) -> RowCounts {
        let mut counts = [0.0; 3 * (CHARACTERS + WORDS)];
        let (of_characters, of_words) = counts.split_at_mut(3 * CHARACTERS);
        fill(of_characters, &self.characters, &expected.characters);
        fill(of_words, &self.words, &expected.words);
        counts
    }
}

/// Fills in the counts per order, three numbers each.
fn fill<T: Eq + Hash>(counts: &mut [f64], answer: &[T], expected: &[T]) {
    for (n, counts) in (1..).zip(counts.chunks_exact_mut(3)) {
        let [answered, wanted] = [answer, expected].map(|sequence| total(sequence.len(), n));
        if wanted > 0 {
            let matching = matches(&count(answer, n), &count(expected, n));
            counts.copy_from_slice(&[answered as f64, wanted as f64, matching as f64]);
        }
    }
}

/// Separates a word's punctuation: the last character if it is punctuation, else the first.
fn apart(word: &str) -> impl Iterator<Item = &str> {
    let first = word.chars().next().map_or(0, char::len_utf8);
    let last = word.len() - word.chars().next_back().map_or(0, char::len_utf8);
    let marks = |part: &str| part.chars().all(|letter| letter.is_ascii_punctuation());
    let parts = if last == 0 {
        (word, "")
    } else if marks(&word[last..]) {
        word.split_at(last)
    } else if marks(&word[..first]) {
        word.split_at(first)
    } else {
        (word, "")
    };
    [parts.0, parts.1].into_iter().filter(|part| !part.is_empty())
}
