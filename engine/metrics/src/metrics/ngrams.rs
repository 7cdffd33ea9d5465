//! Counts of n-grams.

use rustc_hash::FxHashMap;
use std::hash::Hash;

pub(super) type Counts<'a, T> = FxHashMap<&'a [T], u32>;

/// Counts the n-grams of a sequence; `n` must be positive.
pub(super) fn count<T: Eq + Hash>(sequence: &[T], n: usize) -> Counts<'_, T> {
    let mut counts = Counts::default();
    for ngram in sequence.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

/// Number of n-grams in a sequence of `length`.
pub(super) fn total(length: usize, n: usize) -> usize {
    (length + 1).saturating_sub(n)
}

/// Number of common n-grams, each counted as often as in both.
pub(super) fn matches<T: Eq + Hash>(first: &Counts<'_, T>, second: &Counts<'_, T>) -> usize {
    let least = |(ngram, count): (&&[T], &u32)| second.get(ngram).map_or(0, |other| *count.min(other));
    first.iter().map(least).map(|count| count as usize).sum()
}

/// Numbers words; equal words get equal numbers.
#[derive(Default)]
pub(super) struct Numbers(FxHashMap<String, u32>);

impl Numbers {
    pub(super) fn of(&mut self, word: &str) -> u32 {
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        let number = self.0.len() as u32;
        self.0.insert(word.to_owned(), number);
        number
    }
}
