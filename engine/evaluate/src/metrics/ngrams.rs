//! Counts of n-grams.

use rustc_hash::FxHashMap;
use std::hash::Hash;

/// How often each n-gram occurs.
pub(super) type Counts<'a, T> = FxHashMap<&'a [T], u32>;

/// Counts the n-grams of a sequence; `n` is above 0.
pub(super) fn count<T: Eq + Hash>(sequence: &[T], n: usize) -> Counts<'_, T> {
    let mut counts = Counts::default();
    for ngram in sequence.windows(n) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

/// How many n-grams a sequence of `length` has.
pub(super) fn total(length: usize, n: usize) -> usize {
    (length + 1).saturating_sub(n)
}

/// N-grams that both have, each as often as it is in the one that has fewer.
pub(super) fn matches<T: Eq + Hash>(first: &Counts<'_, T>, second: &Counts<'_, T>) -> usize {
    let least = |(ngram, count): (&&[T], &u32)| second.get(ngram).map_or(0, |other| *count.min(other));
    first.iter().map(least).map(|count| count as usize).sum()
}

/// Numbers for words, the same for the same word.
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
