//! Counts words in a text, and their co-occurrences.

use super::Association;
use std::collections::{HashMap, VecDeque};

/// Maximum distance in words that counts as near.
pub const WINDOW: usize = 10;

/// The lower-case words of a text: runs of letters and digits.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Counts of words, and of pairs within [`WINDOW`] words in the same document.
#[derive(Clone, Debug, Default)]
pub struct Near {
    /// Numbers of the counted words.
    numbers: HashMap<String, u32>,
    counts: Vec<u64>,
    /// For each number, whether co-occurrences are counted.
    beside: Vec<bool>,
    /// By both numbers, the smaller one first.
    together: HashMap<(u32, u32), u64>,
}

impl Near {
    /// Counts the words `alone`, and those of associations also near each other.
    pub fn new<'a>(
        alone: impl IntoIterator<Item = &'a str>,
        associations: impl IntoIterator<Item = &'a Association>,
    ) -> Self {
        let mut near = Self::default();
        for word in alone.into_iter().flat_map(words) {
            near.number(word);
        }
        for association in associations {
            let word = near.number(association.word.clone());
            for other in association.more.iter().chain(&association.less) {
                let other = near.number(other.clone());
                near.together.insert(ordered(word, other), 0);
            }
        }
        near.beside = vec![false; near.counts.len()];
        let Self { together, beside, .. } = &mut near;
        for number in together.keys().flat_map(|(one, other)| [*one, *other]) {
            if let Some(beside) = beside.get_mut(number as usize) {
                *beside = true;
            }
        }
        near
    }

    fn number(&mut self, word: String) -> u32 {
        let next = self.counts.len() as u32;
        let number = *self.numbers.entry(word).or_insert(next);
        if number == next {
            self.counts.push(0);
        }
        number
    }

    /// Adds a document; its words are not near those of others.
    pub fn read(&mut self, document: &str) {
        let mut before: VecDeque<Option<u32>> = VecDeque::with_capacity(WINDOW + 1);
        for word in words(document) {
            let number = self.numbers.get(&word).copied();
            if let Some(count) = number.and_then(|number| self.counts.get_mut(number as usize)) {
                *count += 1;
            }
            let number = number.filter(|number| self.beside.get(*number as usize) == Some(&true));
            if let Some(number) = number {
                for other in before.iter().flatten() {
                    if let Some(count) = self.together.get_mut(&ordered(number, *other)) {
                        *count += 1;
                    }
                }
            }
            before.push_back(number);
            if before.len() > WINDOW {
                before.pop_front();
            }
        }
    }

    /// Count of a word; 0 if it is not tracked.
    pub fn count(&self, word: &str) -> u64 {
        let number = self.numbers.get(word);
        number.and_then(|number| self.counts.get(*number as usize)).copied().unwrap_or(0)
    }

    /// Number of co-occurrences of a word with any of some others.
    pub fn near(&self, word: &str, others: &[String]) -> u64 {
        let Some(word) = self.numbers.get(word) else { return 0 };
        let others = others.iter().filter_map(|other| self.numbers.get(other));
        others.filter_map(|other| self.together.get(&ordered(*word, *other))).sum()
    }
}

fn ordered(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn association(word: &str, more: &[&str], less: &[&str]) -> Association {
        let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Association { word: word.to_owned(), more: of(more), less: of(less) }
    }

    #[test]
    fn words_are_counted_alone_and_near_each_other() {
        let own = association("nurse", &["she", "her"], &["he"]);
        let mut near = Near::new(["The nurse's hat.", "unseen"], [&own]);
        near.read("The NURSE said she lost her hat. One two three four five six seven eight nine ten he");
        near.read("he saw the hat; nurse");
        assert_eq!(["nurse", "hat", "he", "unseen", "one"].map(|word| near.count(word)), [2, 2, 2, 0, 0]);
        assert_eq!((near.near("nurse", &own.more), near.near("nurse", &own.less)), (2, 1));
        assert_eq!(near.near("hat", &own.more), 0);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_plain_search(text in prop::collection::vec(0_usize..5, 0..60)) {
            let names = ["a", "b", "c", "d", "e"];
            let own = association("a", &["b"], &["c"]);
            let mut near = Near::new([], [&own]);
            let text: Vec<&str> = text.into_iter().map(|at| names[at]).collect();
            near.read(&text.join(" "));
            let plainly = |one: &str, other: &str| {
                let pairs = (0..text.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
                let pairs = pairs.filter(|(i, j)| i - j <= WINDOW);
                pairs.filter(|(i, j)| [(text[*i], text[*j]), (text[*j], text[*i])].contains(&(one, other))).count() as u64
            };
            prop_assert_eq!(near.near("a", &own.more), plainly("a", "b"));
            prop_assert_eq!(near.near("a", &own.less), plainly("a", "c"));
        }
    }
}
