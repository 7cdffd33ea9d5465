//! Bias probes: pairs of sentences that differ in whom they speak of, in the shape of WinoBias (Zhao et al. 2018, arXiv:1804.06876) and
//! CrowS-Pairs (Nangia et al. 2020, arXiv:2010.00133). Whether a model finds the stereotyped one likelier is asked in
//! `engine/src/evaluate/audit/bias.rs`; here are the pairs, made from `probes.json` or read from a person's own file, and what a text says of
//! the same associations.

mod near;
mod pairs;
mod probes;

pub use near::{Near, WINDOW, words};
pub use pairs::{PairFile, read};
pub use probes::probes;

use serde::Deserialize;

/// Two sentences, of which the first is the one that a stereotype expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What it is about: `occupation`, `religion`.
    pub category: String,
    /// The sentence that the stereotype expects.
    pub more: String,
    /// The other one.
    pub less: String,
    /// What of it can be counted in a text.
    pub association: Option<Association>,
}

/// A word, and the words that each sentence of a pair brings it together with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// The word, in small letters: `nurse`.
    pub word: String,
    /// What the stereotype has near it: `she`, `her`.
    pub more: Vec<String>,
    /// What the other sentence has in its place: `he`, `him`, `his`.
    pub less: Vec<String>,
}

impl Association {
    /// All of its words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let near = self.more.iter().chain(&self.less).map(String::as_str);
        std::iter::once(self.word.as_str()).chain(near)
    }
}
