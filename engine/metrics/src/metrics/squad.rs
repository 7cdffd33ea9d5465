//! Exact match and token F1 of SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250), as in torchmetrics' `squad` but between 0 and 1:
//! lower case, without ASCII punctuation and the words a, an and the, white space collapsed; the best correct answer counts.

use super::python::{is_space, is_word};
use super::{Row, Score};
use rustc_hash::FxHashMap;

/// 1 if the answer equals a correct one, else 0.
pub fn exact(row: &Row<'_>) -> f64 {
    let answer = tokens(row.answer);
    let right = row.expected.iter().any(|expected| tokens(expected) == answer);
    f64::from(u8::from(right))
}

/// Harmonic mean of precision and recall over the bags of words, for the best correct answer. If either has no words: 1 if both
/// have none, else 0.
pub fn f1(row: &Row<'_>) -> f64 {
    let answer = tokens(row.answer);
    row.expected.iter().map(|expected| of_tokens(&answer, &tokens(expected))).fold(0.0, f64::max)
}

fn of_tokens(answer: &[String], expected: &[String]) -> f64 {
    if answer.is_empty() || expected.is_empty() {
        return f64::from(u8::from(answer == expected));
    }
    let mut left: FxHashMap<&str, u32> = FxHashMap::default();
    for token in expected {
        *left.entry(token).or_default() += 1;
    }
    let mut matches = 0;
    for token in answer {
        if let Some(count) = left.get_mut(token.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            matches += 1;
        }
    }
    Score::new(matches, answer.len(), expected.len()).f1
}

/// The words of a text. Articles are removed after punctuation: "a.m." is the word "am".
fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let kept = lower.chars().filter(|letter| !letter.is_ascii_punctuation());
    let (mut text, mut run) = (String::with_capacity(lower.len()), String::new());
    for letter in kept.chain([' ']) {
        if is_word(letter) {
            run.push(letter);
            continue;
        }
        text.push_str(if matches!(run.as_str(), "a" | "an" | "the") { " " } else { &run });
        run.clear();
        text.push(letter);
    }
    text.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
