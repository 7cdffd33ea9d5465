//! Pairs of terms, how often each stands in a corpus, and what stands beside it.
//!
//! What tells two terms apart is ranked by the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
//! "Fightin' Words"): a plain ratio would rank words that stand there once, and a plain difference those that stand everywhere.

use super::Settings;
use crate::error::{Error, Result};
use crate::personal::lists::WordList;
use crate::report::{Column, CorpusCell, CorpusTable, Unit};
use rustc_hash::FxHashMap;

/// Neighbours that a term remembers. When there are more, the rarest are forgotten (lossy counting, Manku and Motwani 2002).
const MAX_NEIGHBOURS: usize = 16_384;
/// Bytes of a word; longer ones are no words.
pub(super) const MAX_WORD_BYTES: usize = 40;
/// What the prior is worth: a tenth of the words beside both terms, and at most so many.
const MAX_PRIOR: f64 = 1000.0;
/// A score beyond this is hardly chance: one word in forty has it where the terms do not differ.
const SURE: f64 = 1.96;
/// Words of grammar, which stand beside everything: left out of what stands beside most, and ranked like others in what tells apart.
const GRAMMAR: [&str; 64] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "for", "from", "had", "has", "have", "if", "in", "into", "is", "it", "its",
    "just", "more", "no", "not", "of", "on", "one", "or", "out", "over", "so", "some", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "to", "up", "was", "we", "were", "what",
    "when", "which", "who", "will", "with", "would",
];

/// A word beside a term.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// The word, in small letters.
    pub(super) word: String,
    /// How often it stands beside the term.
    pub(super) count: u64,
    /// How surely it belongs to this term more than to the other: the log-odds ratio over its standard deviation.
    score: f64,
}

/// Counts pairs of terms in documents that are handed over in a fixed order.
#[derive(Debug)]
pub struct Terms {
    pairs: Vec<[String; 2]>,
    window: usize,
    shown: usize,
    words: u64,
    list: WordList,
    /// Which sides an entry of the list belongs to.
    owners: Vec<Vec<usize>>,
    sides: Vec<Side>,
}

#[derive(Debug, Default)]
pub(super) struct Side {
    /// How often the term stands in the corpus.
    pub(super) count: u64,
    /// In how many documents.
    pub(super) documents: u64,
    beside: FxHashMap<Box<str>, u64>,
    /// Each count beside it may be so much too low, since memory is bounded.
    pub(super) missing: u64,
}

impl Terms {
    /// Nothing yet.
    ///
    /// # Errors
    /// Settings that break a rule.
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        let mut owned: std::collections::BTreeMap<String, Vec<usize>> = std::collections::BTreeMap::new();
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

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Counts a document's text of so many words.
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
                let before = words_before(text.get(..start).unwrap_or_default()).take(self.window);
                let after = words_after(text.get(end..).unwrap_or_default()).take(self.window);
                for word in before.chain(after).filter(|word| word.len() <= MAX_WORD_BYTES) {
                    side.meet(word, &mut small);
                }
            }
        }
    }

    /// As a table, where there are pairs.
    pub fn table(&self) -> Option<CorpusTable> {
        if self.is_empty() {
            return None;
        }
        let list = |words: &[Beside]| {
            CorpusCell::from(words.iter().map(|one| one.word.as_str()).collect::<Vec<_>>().join(", "))
        };
        let rows = self.sides().map(|(term, own, other)| {
            vec![
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
        Some(CorpusTable {
            key: "terms".to_owned(),
            title: "Pairs of terms".to_owned(),
            note: format!(
                "How often each term occurs in the kept text, and the words within {} of it: the most distinctive compared with the other term, by \
                 log-odds with a prior (Monroe et al. 2008), and the most frequent.{bound}",
                self.window
            ),
            columns: vec![
                Column::new("Term", Unit::Text),
                Column::new("Found", Unit::Count),
                Column::new("A million words", Unit::Number),
                Column::new("Documents", Unit::Count),
                Column::new("Tells it apart", Unit::Text),
                Column::new("Beside it most", Unit::Text),
            ],
            rows: rows.collect(),
        })
    }

    /// Each term as the user wrote it, what was counted of it, and of the other of its pair.
    pub(super) fn sides(&self) -> impl Iterator<Item = (&str, &Side, &Side)> {
        let terms = self.pairs.iter().flatten().zip(&self.sides).enumerate();
        terms.filter_map(|(place, (term, own))| Some((term.as_str(), own, self.sides.get(place ^ 1)?)))
    }

    /// The words beside a term, most frequent first.
    pub(super) fn most(&self, own: &Side, other: &Side) -> Vec<Beside> {
        let mut words = self.scored(own, other);
        words.retain(|beside| GRAMMAR.binary_search(&beside.word.as_str()).is_err());
        words.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.word.cmp(&other.word)));
        words.truncate(self.shown);
        words
    }

    /// The words that tell a term from its other, surest first.
    pub(super) fn typical(&self, own: &Side, other: &Side) -> Vec<Beside> {
        let mut words = self.scored(own, other);
        words.retain(|beside| beside.score >= SURE);
        words.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.word.cmp(&other.word)));
        words.truncate(self.shown);
        words
    }

    /// The words beside a term with their scores, in no order.
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
        let beside = own.beside.iter();
        beside
            .map(|(word, count)| Beside { word: word.to_string(), count: *count, score: score(word, *count) })
            .collect()
    }
}

impl Side {
    /// A word stands beside the term.
    fn meet(&mut self, word: &str, small: &mut String) {
        small.clear();
        small.extend(word.chars().flat_map(char::to_lowercase));
        if let Some(count) = self.beside.get_mut(small.as_str()) {
            *count += 1;
            return;
        }
        while self.beside.len() >= MAX_NEIGHBOURS {
            // Each loses one, as in lossy counting, so that frequent words stay whatever the order.
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

/// The log-odds ratio of a word between two sets, divided by its standard deviation (equations 16, 18 and 20 of Monroe et al. 2008).
/// Each set and the prior is given as [count of the word, words in all].
pub(super) fn log_odds(own: [f64; 2], other: [f64; 2], prior: [f64; 2]) -> f64 {
    let odds = |[count, total]: [f64; 2]| {
        let (count, total) = (count + prior[0], total + prior[1]);
        (count / (total - count).max(f64::MIN_POSITIVE)).ln()
    };
    let variance = 1.0 / (own[0] + prior[0]) + 1.0 / (other[0] + prior[0]);
    (odds(own) - odds(other)) / variance.sqrt()
}

/// Whether a character belongs to a word.
fn is_part(character: char) -> bool {
    character.is_alphanumeric()
}

/// The words of a text from its end; what stands in the way is at most a window of separators away.
fn words_before(text: &str) -> impl Iterator<Item = &str> {
    text.rsplit(|character| !is_part(character))
        .take(4 * super::settings::MAX_WINDOW)
        .filter(|word| !word.is_empty())
}

/// The words of a text from its start.
fn words_after(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_part(character))
        .take(4 * super::settings::MAX_WINDOW)
        .filter(|word| !word.is_empty())
}
