//! BLEU (Papineni et al. 2002) with sacreBLEU 2.6.0's defaults (Post 2018, arXiv:1804.08771): n-grams of 1 to 4 tokens over the
//! whole corpus, tokenisation 13a, exponential smoothing, length of the closest reference, mixed case.

use super::ngrams::{Counts, Numbers, count};
use super::{Row, python};
use crate::statistics::Bootstrap;

/// Maximum n-gram length.
const ORDERS: usize = 4;

/// A row's contribution: tokens of the answer, tokens of the closest reference, matching n-grams by order, n-grams by order.
pub type RowCounts = [f64; 2 + 2 * ORDERS];

/// BLEU of a corpus and its components.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bleu {
    /// Between 0 and 100.
    pub score: f64,
    /// Matching n-grams by order.
    pub counts: [u64; ORDERS],
    /// N-grams of the answers by order.
    pub totals: [u64; ORDERS],
    /// Precision by order, 0 to 100, smoothed if nothing matches.
    pub precisions: [f64; ORDERS],
    /// Factor for short answers.
    pub brevity_penalty: f64,
    /// Tokens of the answers.
    pub length: u64,
    /// Tokens of the closest references.
    pub reference_length: u64,
    /// sacreBLEU's signature of the settings.
    pub signature: String,
    /// Each row's contribution; any subset's BLEU follows from their sum.
    pub rows: Vec<RowCounts>,
}

impl Bleu {
    /// Bootstrap interval over rows; `give` is called every few milliseconds to yield.
    pub async fn interval(&self, bootstrap: &Bootstrap, give: &impl AsyncFn()) -> Option<[f64; 2]> {
        bootstrap.sums_in_turns(&self.rows, |counts| score(&counts), give).await
    }
}

/// BLEU of all rows together. A row without references counts as having an empty one.
pub fn bleu(rows: &[Row<'_>]) -> Bleu {
    let counts: Vec<RowCounts> = rows.iter().map(row_counts).collect();
    let mut sums = [0.0; 2 + 2 * ORDERS];
    for row in &counts {
        sums.iter_mut().zip(row).for_each(|(sum, part)| *sum += part);
    }
    let (precisions, brevity_penalty, score) = of_counts(&sums);
    let [length, reference_length, c1, c2, c3, c4, t1, t2, t3, t4] = sums.map(|sum| sum as u64);
    Bleu {
        score,
        counts: [c1, c2, c3, c4],
        totals: [t1, t2, t3, t4],
        precisions,
        brevity_penalty,
        length,
        reference_length,
        signature: signature(rows, "case:mixed|eff:no|tok:13a|smooth:exp"),
        rows: counts,
    }
}

/// BLEU from the sum of rows' counts.
pub fn score(counts: &RowCounts) -> f64 {
    of_counts(counts).2
}

/// A signature as printed by sacreBLEU 2.6.0, beginning with the number of references.
pub(super) fn signature(rows: &[Row<'_>], settings: &str) -> String {
    let references = rows.first().map_or(0, |row| row.expected.len());
    let number = if rows.iter().all(|row| row.expected.len() == references) {
        references.to_string()
    } else {
        "var".to_owned()
    };
    format!("nrefs:{number}|{settings}|version:2.6.0")
}

/// Precisions, brevity penalty and score.
fn of_counts(counts: &RowCounts) -> ([f64; ORDERS], f64, f64) {
    let [length, reference_length, rest @ ..] = counts;
    let (matching, totals) = rest.split_at(ORDERS);
    let brevity_penalty = if length >= reference_length {
        1.0
    } else if *length > 0.0 {
        libm::exp(1.0 - reference_length / length)
    } else {
        0.0
    };
    let mut precisions = [0.0; ORDERS];
    if matching.iter().all(|count| *count == 0.0) {
        return (precisions, brevity_penalty, 0.0);
    }
    let mut smoothing = 1.0;
    for (precision, (matching, total)) in precisions.iter_mut().zip(matching.iter().zip(totals)) {
        if *total == 0.0 {
            break;
        }
        *precision = if *matching == 0.0 {
            smoothing *= 2.0;
            100.0 / (smoothing * total)
        } else {
            100.0 * matching / total
        };
    }
    // Corpora of answers with fewer than four tokens have no 4-grams, which makes the geometric mean 0.
    let logarithms: f64 = precisions.iter().map(|precision| libm::log(*precision)).sum();
    (precisions, brevity_penalty, brevity_penalty * libm::exp(logarithms / ORDERS as f64))
}

fn row_counts(row: &Row<'_>) -> RowCounts {
    let mut numbers = Numbers::default();
    let mut tokens =
        |text: &str| -> Vec<u32> { python::split(&tokenize(text)).map(|token| numbers.of(token)).collect() };
    let answer = tokens(row.answer);
    let references: Vec<Vec<u32>> = row.expected.iter().map(|text| tokens(text)).collect();
    let closest =
        references.iter().map(Vec::len).min_by_key(|length| (length.abs_diff(answer.len()), *length));
    let mut counts = [0.0; 2 + 2 * ORDERS];
    let [length, reference_length, rest @ ..] = &mut counts;
    (*length, *reference_length) = (answer.len() as f64, closest.unwrap_or(0) as f64);
    let (matching, totals) = rest.split_at_mut(ORDERS);
    for (n, (matching, total)) in (1..).zip(matching.iter_mut().zip(totals)) {
        let references: Vec<Counts<'_, u32>> = references.iter().map(|tokens| count(tokens, n)).collect();
        for (ngram, times) in count(&answer, n) {
            let most = references.iter().filter_map(|counts| counts.get(ngram)).max();
            *matching += f64::from(most.map_or(0, |most| times.min(*most)));
            *total += f64::from(times);
        }
    }
    counts
}

/// Tokenises like mteval-v13a, with spaces between tokens: four rules in sequence, each from left to right.
fn tokenize(text: &str) -> String {
    let text = text.trim_end_matches(python::is_space);
    let mut text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if text.contains('&') {
        for (entity, letter) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            text = text.replace(entity, letter);
        }
    }
    let mut spaced = String::with_capacity(2 * text.len());
    for letter in format!(" {text} ").chars() {
        // Punctuation and symbols, except the four that can occur inside a number or word.
        if letter == ' ' || (letter.is_ascii_punctuation() && !matches!(letter, '\'' | ',' | '-' | '.')) {
            spaced.extend([' ', letter, ' ']);
        } else {
            spaced.push(letter);
        }
    }
    let ends = |letter: char| matches!(letter, '.' | ',');
    let digit = |letter: char| letter.is_ascii_digit();
    let text = pairs(&spaced, |a, b| !digit(a) && ends(b), |out, a, b| out.extend([a, ' ', b, ' ']));
    let text = pairs(&text, |a, b| ends(a) && !digit(b), |out, a, b| out.extend([' ', a, ' ', b]));
    pairs(&text, |a, b| digit(a) && b == '-', |out, a, b| out.extend([a, ' ', b, ' ']))
}

/// Rewrites adjacent pairs from left to right without overlap.
fn pairs(text: &str, is: impl Fn(char, char) -> bool, rewrite: impl Fn(&mut String, char, char)) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.next_if(|next| is(letter, *next)) {
            Some(next) => rewrite(&mut out, letter, next),
            None => out.push(letter),
        }
    }
    out
}
