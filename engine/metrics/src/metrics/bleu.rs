//! BLEU (Papineni et al. 2002) with sacreBLEU 2.6.0's defaults (Post 2018, arXiv:1804.08771): n-grams of 1 to 4 tokens over the
//! whole corpus, tokenisation 13a, exponential smoothing, length of the closest reference, mixed case.

use super::ngrams::{Counts, Numbers, count};
use super::{OfCorpus, Row, python};

const ORDERS: usize = 4;

/// A row's contribution: tokens of the answer, tokens of the closest reference, matching n-grams by order, n-grams by order.
type RowCounts = [f64; 2 + 2 * ORDERS];

/// BLEU of all rows together. A row without references counts as having an empty one.
pub fn bleu(rows: &[Row<'_>]) -> OfCorpus<{ 2 + 2 * ORDERS }> {
    OfCorpus::new(rows, row_counts, score, "case:mixed|eff:no|tok:13a|smooth:exp")
}

/// BLEU from the sum of rows' counts.
fn score([length, reference_length, rest @ ..]: RowCounts) -> f64 {
    let (matching, totals) = rest.split_at(ORDERS);
    if matching.iter().all(|count| *count == 0.0) {
        return 0.0;
    }
    let brevity_penalty =
        if length >= reference_length { 1.0 } else { libm::exp(1.0 - reference_length / length) };
    // By order, 0 to 100.
    let mut precisions = [0.0; ORDERS];
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
    brevity_penalty * libm::exp(logarithms / ORDERS as f64)
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
