//! Bias probes: pairs of sentences that differ in the group they mention, in the format of WinoBias (Zhao et al. 2018,
//! arXiv:1804.06876) and CrowS-Pairs (Nangia et al. 2020, arXiv:2010.00133). `engine/evaluation/src/audit/bias.rs` measures whether
//! a model prefers the stereotyped sentence. This module has the pairs, generated from `probes.json` or read from a user's file,
//! and counts the same associations in a text.

mod near;
mod pairs;
mod probes;

pub use near::{Near, WINDOW, words};
pub use pairs::{PairFile, read};
pub use probes::probes;

use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Such as `occupation` or `religion`.
    pub category: String,
    pub more: String,
    pub less: String,
    /// The part that can be counted in a text.
    pub association: Option<Association>,
}

/// A word, and the words that each sentence of a pair associates with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// In lower case, such as `nurse`.
    pub word: String,
    /// Words near it in the stereotypical sentence: `she`, `her`.
    pub more: Vec<String>,
    /// Their counterparts in the other sentence: `he`, `him`, `his`.
    pub less: Vec<String>,
}

impl Association {
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let near = self.more.iter().chain(&self.less).map(String::as_str);
        std::iter::once(self.word.as_str()).chain(near)
    }
}
