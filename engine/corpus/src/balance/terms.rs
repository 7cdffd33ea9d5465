//! Frequencies of pairs of terms, and of their neighbouring words.
//!
//! The words that distinguish two terms are ranked by the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi
//! and Quinn 2008, "Fightin' Words"): a plain ratio would favour words that occur once, a plain difference those that occur
//! everywhere.

use super::Settings;
use crate::personal::lists::WordList;
use crate::report::{CorpusCell, CorpusTable, Unit};
use glasshouse_documents::{Error, Result};
use rustc_hash::FxHashMap;

/// Maximum number of neighbours per term; beyond it, the rarest are forgotten (lossy counting, Manku and Motwani 2002).
const MAX_NEIGHBOURS: usize = 16_384;
/// Maximum bytes of a word; longer ones are ignored.
pub(super) const MAX_WORD_BYTES: usize = 40;
/// Maximum weight of the prior, which is a tenth of the words next to both terms.
const MAX_PRIOR: f64 = 1000.0;
/// Significance threshold of a score: one word in forty exceeds it if the terms do not differ.
const SURE: f64 = 1.96;
/// Function words, which occur next to everything: excluded from the most frequent neighbours, but not from the distinguishing
/// ones.
const GRAMMAR: [&str; 64] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "for", "from", "had", "has", "have", "if", "in", "into", "is", "it", "its",
    "just", "more", "no", "not", "of", "on", "one", "or", "out", "over", "so", "some", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "to", "up", "was", "we", "were", "what",
    "when", "which", "who", "will", "with", "would",
];

#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// In lower case.
    pub(super) word: String,
    pub(super) count: u64,
    /// Significance of belonging to this term rather than the other: the log-odds ratio divided by its standard deviation.
    score: f64,
}

#[derive(Debug)]
pub struct Terms {
    pairs: Vec<[String; 2]>,
    window: usize,
    shown: usize,
    words: u64,
    list: WordList,
    owners: Vec<Vec<usize>>,
    sides: Vec<Side>,
}

#[derive(Debug, Default)]
pub(super) struct Side {
    /// Number of occurrences in the corpus.
    pub(super) count: u64,
    pub(super) documents: u64,
    beside: FxHashMap<Box<str>, u64>,
    /// Maximum undercount of each neighbour, due to bounded memory.
    pub(super) missing: u64,
}

impl Terms {
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        let mut owned = std::collections::BTreeMap::<String, Vec<usize>>::new();
        for (side, terms) in settings.pairs.iter().flatten().enumerate() {
            for term in terms.split('/') {
                owned.entry(term.to_lowercase()).or_default().push(side);
            }
        }
        let (entries, owners): (Vec<String>, Vec<Vec<usize>>) = owned.into_iter().unzip();
        let list = WordList::new(&entries, true)
            .map_err(|reason| Error::Invalid(format!("balance.pairs: {reason}")))?;
        Ok(Self {
            pairs: settings.pairs.clone(),
            window: settings.window,
            shown: settings.shown,
            words: 0,
            list,
            owners,
            sides: std::iter::repeat_with(Side::default).take(2 * settings.pairs.len()).collect(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn add(&mut self, text: &str, words: u64) {
        if self.is_empty() {
            return;
        }
        self.words = self.words.saturating_add(words);
        let mut seen = vec![false; self.sides.len()];
        let mut small = String::new();
        for (entry, start, end) in self.list.find(text) {
            for owner in self.owners.get(entry).into_iter().flatten() {
                let (Some(side), Some(seen)) = (self.sides.get_mut(*owner), seen.get_mut(*owner)) else {
                    continue;
                };
                side.count += 1;
                side.documents += u64::from(!*seen);
                *seen = true;
                let before = in_reach(text.get(..start).unwrap_or_default().rsplit(is_between));
                let after = in_reach(text.get(end..).unwrap_or_default().split(is_between));
                let beside = before.take(self.window).chain(after.take(self.window));
                for word in beside.filter(|word| word.len() <= MAX_WORD_BYTES) {
                    side.meet(word, &mut small);
                }
            }
        }
    }

    pub fn table(&self) -> Option<CorpusTable> {
        if self.is_empty() {
            return None;
        }
        let list = |words: &[Beside]| {
            CorpusCell::from(words.iter().map(|one| one.word.as_str()).collect::<Vec<_>>().join(", "))
        };
        let rows = self.sides().map(|(term, own, other)| {
            [
                term.into(),
                own.count.into(),
                (own.count as f64 * 1e6 / self.words as f64).into(),
                own.documents.into(),
                list(&self.typical(own, other)),
                list(&self.most(own, other)),
            ]
        });
        let missing = self.sides.iter().map(|side| side.missing).max().unwrap_or(0);
        let bound = if missing > 0 {
            format!(" Memory is bounded: each neighbour may be undercounted by up to {missing}.")
        } else {
            String::new()
        };
        let note = format!(
            "How often each term occurs in the kept text, and the words within {} of it: the most distinctive compared with the other term, by \
             log-odds with a prior (Monroe et al. 2008), and the most frequent.{bound}",
            self.window
        );
        let columns = [
            ("Term", Unit::Text),
            ("Found", Unit::Count),
            ("Per million words", Unit::Number),
            ("Documents", Unit::Count),
            ("Most distinctive", Unit::Text),
            ("Most frequent", Unit::Text),
        ];
        Some(CorpusTable::new(["terms", "Pairs of terms", &note], columns, rows))
    }

    /// Each term as written by the user, with its counts and those of the other term of the pair.
    pub(super) fn sides(&self) -> impl Iterator<Item = (&str, &Side, &Side)> {
        let terms = self.pairs.iter().flatten().zip(&self.sides).enumerate();
        terms.filter_map(|(place, (term, own))| Some((term.as_str(), own, self.sides.get(place ^ 1)?)))
    }

    /// The most frequent neighbours of a term in descending order.
    pub(super) fn most(&self, own: &Side, other: &Side) -> Vec<Beside> {
        let mut words = self.scored(own, other);
        words.retain(|beside| GRAMMAR.binary_search(&beside.word.as_str()).is_err());
        glasshouse_protocol::order::sort_by(&mut words, |one, other| {
            other.count.cmp(&one.count).then_with(|| one.word.cmp(&other.word))
        });
        words.truncate(self.shown);
        words
    }

    /// The words that distinguish a term from the other, most significant first.
    pub(super) fn typical(&self, own: &Side, other: &Side) -> Vec<Beside> {
        let mut words = self.scored(own, other);
        words.retain(|beside| beside.score >= SURE);
        glasshouse_protocol::order::sort_by(&mut words, |one, other| {
            other.score.total_cmp(&one.score).then_with(|| one.word.cmp(&other.word))
        });
        words.truncate(self.shown);
        words
    }

    fn scored(&self, own: &Side, other: &Side) -> Vec<Beside> {
        let (own_total, other_total) = (own.total(), other.total());
        let all = (own_total + other_total) as f64;
        let strength = (all / 10.0).min(MAX_PRIOR);
        let score = |word: &str, count: u64| {
            let (own_count, other_count) =
                (count as f64, other.beside.get(word).copied().unwrap_or(0) as f64);
            log_odds(
                [own_count, own_total as f64],
                [other_count, other_total as f64],
                [strength * (own_count + other_count) / all, strength],
            )
        };
        let beside = own.beside.iter().map(|(word, count)| (word.to_string(), *count, score(word, *count)));
        beside.map(|(word, count, score)| Beside { word, count, score }).collect()
    }
}

impl Side {
    fn meet(&mut self, word: &str, small: &mut String) {
        small.clear();
        small.extend(word.chars().flat_map(char::to_lowercase));
        if let Some(count) = self.beside.get_mut(small.as_str()) {
            *count += 1;
            return;
        }
        while self.beside.len() >= MAX_NEIGHBOURS {
            // Lossy counting: each count loses one, so that frequent words stay in any order of documents.
            self.missing += 1;
            self.beside.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
        self.beside.insert(small.as_str().into(), 1);
    }

    fn total(&self) -> u64 {
        self.beside.values().sum()
    }
}

/// The log-odds ratio of a word between two sets, divided by its standard deviation (equations 16, 18 and 20 of Monroe et al.
/// 2008). Each set and the prior is given as [count of the word, number of words].
pub(super) fn log_odds(own: [f64; 2], other: [f64; 2], prior: [f64; 2]) -> f64 {
    let odds = |[count, total]: [f64; 2]| {
        let (count, total) = (count + prior[0], total + prior[1]);
        (count / (total - count).max(f64::MIN_POSITIVE)).ln()
    };
    let variance = 1.0 / (own[0] + prior[0]) + 1.0 / (other[0] + prior[0]);
    (odds(own) - odds(other)) / variance.sqrt()
}

fn is_between(character: char) -> bool {
    !character.is_alphanumeric()
}

/// The words among the parts of a text, skipping at most a window of separators.
fn in_reach<'a>(parts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    parts.take(4 * super::settings::MAX_WINDOW).filter(|word| !word.is_empty())
}
