//! Training of byte-pair merges (Sennrich et al. 2016) for BPE and for WordPiece's vocabulary.
//!
//! The `tokenizers` crate's trainer is not used, because it iterates over randomly keyed hash maps: WordPiece gets different ids
//! on every run, and BPE different ranks when merges tie. Here, words are sorted, ties go to the smaller pair of ids, and counts
//! are 64-bit, so a text gives the same vocabulary on every machine.

use glasshouse_platform::Yielder;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

type Pair = (u32, u32);

/// Words between two yields.
const COUNTED: usize = 4096;

/// A word as tokens, and its count in the text.
struct Word {
    tokens: Vec<u32>,
    count: u64,
}

pub(super) struct Merges {
    /// The vocabulary by id: the given alphabet, then merged tokens.
    pub tokens: Vec<String>,
    pub pairs: Vec<(String, String)>,
}

/// Merges the most frequent pair until the vocabulary has `limit` tokens or no pair occurs `min_frequency` times.
///
/// `words` are sorted spellings over `alphabet` with their counts. Inside a word (not at its start), characters are prefixed with
/// `prefix`, which is removed when two tokens merge.
pub(super) async fn train(
    words: &[(String, u64)],
    alphabet: Vec<String>,
    prefix: &str,
    limit: usize,
    min_frequency: u64,
    yielder: &Yielder,
) -> Merges {
    let mut tokens = alphabet;
    let mut ids: HashMap<String, u32> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32)).collect();
    let mut words: Vec<Word> =
        words.iter().map(|(word, count)| Word { tokens: spell(word, prefix, &ids), count: *count }).collect();
    let mut pairs = Pairs::default();
    for (index, word) in words.iter().enumerate() {
        pairs.add(index, word);
        if index.is_multiple_of(COUNTED) {
            yielder.maybe_yield().await;
        }
    }
    let mut queue: BinaryHeap<(u64, Reverse<Pair>)> =
        pairs.counts.iter().map(|(pair, count)| (*count, Reverse(*pair))).collect();
    let mut merged: Vec<(String, String)> = Vec::new();
    while tokens.len() < limit {
        let Some((count, Reverse(pair))) = queue.pop() else { break };
        yielder.maybe_yield().await;
        let current = pairs.counts.get(&pair).copied().unwrap_or(0);
        if count != current {
            // Earlier merges made this pair rarer: requeue it with its current count.
            if current > 0 {
                queue.push((current, Reverse(pair)));
            }
            continue;
        }
        if count < min_frequency.max(1) {
            break;
        }
        let (Some(left), Some(right)) = (tokens.get(pair.0 as usize), tokens.get(pair.1 as usize)) else {
            break;
        };
        let joined = format!("{left}{}", right.strip_prefix(prefix).unwrap_or(right));
        merged.push((left.clone(), right.clone()));
        let id = *ids.entry(joined.clone()).or_insert_with(|| {
            tokens.push(joined);
            tokens.len() as u32 - 1
        });
        let mut grown = BTreeSet::new();
        for index in pairs.places.remove(&pair).unwrap_or_default() {
            let Some(word) = words.get_mut(index) else { continue };
            pairs.subtract(word);
            merge(&mut word.tokens, pair, id);
            pairs.add(index, word);
            grown.extend(word.tokens.windows(2).filter_map(pair_of).filter(|(a, b)| *a == id || *b == id));
        }
        queue.extend(grown.into_iter().filter_map(|pair| Some((*pairs.counts.get(&pair)?, Reverse(pair)))));
    }
    Merges { tokens, pairs: merged }
}

/// A word's characters as ids; characters outside the alphabet are dropped.
fn spell(word: &str, prefix: &str, ids: &HashMap<String, u32>) -> Vec<u32> {
    word.chars()
        .enumerate()
        .filter_map(|(index, character)| {
            let spelling = if index == 0 { character.to_string() } else { format!("{prefix}{character}") };
            ids.get(&spelling).copied()
        })
        .collect()
}

fn pair_of(window: &[u32]) -> Option<Pair> {
    match window {
        [left, right] => Some((*left, *right)),
        _ => None,
    }
}

/// Replaces every occurrence of the pair, from left to right.
fn merge(tokens: &mut Vec<u32>, pair: Pair, id: u32) {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let [first, tail @ ..] = rest {
        match tail {
            [second, after @ ..] if (*first, *second) == pair => {
                kept.push(id);
                rest = after;
            }
            _ => {
                kept.push(*first);
                rest = tail;
            }
        }
    }
    *tokens = kept;
}

/// Counts of pairs, and the words that may contain them.
#[derive(Default)]
struct Pairs {
    counts: HashMap<Pair, u64>,
    places: HashMap<Pair, BTreeSet<usize>>,
}

impl Pairs {
    fn add(&mut self, index: usize, word: &Word) {
        for pair in word.tokens.windows(2).filter_map(pair_of) {
            *self.counts.entry(pair).or_default() += word.count;
            self.places.entry(pair).or_default().insert(index);
        }
    }

    /// Subtracts a word's pairs from the counts; its places stay, because they are only a superset.
    fn subtract(&mut self, word: &Word) {
        for pair in word.tokens.windows(2).filter_map(pair_of) {
            if let Some(count) = self.counts.get_mut(&pair) {
                *count = count.saturating_sub(word.count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    fn alphabet(letters: &str, prefix: &str) -> Vec<String> {
        let inside = letters.chars().filter(|_| !prefix.is_empty()).map(|letter| format!("{prefix}{letter}"));
        letters.chars().map(String::from).chain(inside).collect()
    }

    #[test]
    fn merges_follow_frequency_then_ids() {
        // Sennrich et al.'s example: low 5, lower 2, newest 6, widest 3.
        let words: Vec<(String, u64)> = [("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]
            .map(|(word, count)| (word.to_owned(), count))
            .to_vec();
        let merges = block_on(train(&words, alphabet("deilnorstw", ""), "", 14, 2, &Yielder::none()));
        assert_eq!(
            merges.pairs,
            [("e", "s"), ("es", "t"), ("l", "o"), ("lo", "w")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(merges.tokens[10..], ["es", "est", "lo", "low"]);
    }

    #[test]
    fn a_prefix_marks_what_continues_a_word() {
        let words = [("abab".to_owned(), 3)];
        let merges = block_on(train(&words, alphabet("ab", "…"), "…", 9, 2, &Yielder::none()));
        assert_eq!(merges.tokens, ["a", "b", "…a", "…b", "ab", "…ab", "abab"]);
    }

    #[test]
    fn rare_pairs_stay_apart_and_runs_merge_from_the_left() {
        let merges =
            block_on(train(&[("aaa".to_owned(), 1)], alphabet("a", ""), "", 10, 2, &Yielder::none()));
        assert_eq!(merges.pairs.len(), 1, "one pair occurs twice: {:?}", merges.pairs);
        let mut tokens = vec![0, 0, 0];
        merge(&mut tokens, (0, 0), 1);
        assert_eq!(tokens, [1, 0]);
    }
}
