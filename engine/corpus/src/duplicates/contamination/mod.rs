//! Contamination: overlap with evaluation sets and with documents held out for validation.
//!
//! A model that was trained on the answers cannot be evaluated. As for GPT-3 (Brown et al. 2020, appendix C), texts are
//! compared by 13-grams of words, lower-cased and with punctuation folded. An item shorter than that is one n-gram of all its
//! words, unless it has fewer than 8, which are too unspecific. GPT-3 called an item contaminated at the first shared n-gram;
//! since web corpora share phrases with everything, a document is dropped here if it shares a given fraction of an item's
//! n-grams (or of its own): a fifth, below which Llama 2 (Touvron et al. 2023, appendix A.6) calls an item clean. As for GPT-3,
//! n-grams shared by more than ten items are instructions and templates and do not count. For held-out documents, n-grams in
//! more than ten training documents, or in more than a twentieth of a small corpus, do not count either: what many documents
//! contain is not a leak.
//!
//! Each distinct n-gram of the items takes between 22 and 43 bytes; the corpus takes none. For held-out documents at most a
//! million n-grams are kept, sampled if there are more, so that memory does not grow with the corpus.

mod read;
mod set;
#[cfg(test)]
mod tests;

pub use set::{Overlap, Set};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::Result;
use crate::error::within;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    Drop,
    /// Only count and name it.
    Report,
}

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Files of evaluation items: JSONL or JSON (all strings of a record belong to its item), or text with items separated by
    /// empty lines.
    pub against: Vec<PathBuf>,
    #[default = true]
    pub held_out: bool,
    /// Words in an n-gram: 13, as for GPT-3.
    #[default = 13]
    pub words: u32,
    /// Minimum words of an item: 8, as for GPT-3.
    #[default = 8]
    pub smallest_item_words: u32,
    /// Minimum number of distinct n-grams shared with a document.
    #[default = 1]
    pub runs: u32,
    /// Minimum fraction of the item's n-grams found in the document, or of the document's found in the item.
    #[default = 0.2]
    pub share: f64,
    /// Maximum number of items that share an n-gram; beyond it, the n-gram does not count. For held-out documents, the same
    /// limit applies to the training documents that contain it, and a twentieth of a small corpus (at least three).
    #[default = 10]
    pub common_items: u32,
    pub action: Action,
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        within("contamination.words", self.words, 3, 32)?;
        within("contamination.smallest_item_words", self.smallest_item_words, 3, self.words)?;
        within("contamination.runs", self.runs, 1, 1_000_000)?;
        within("contamination.common_items", self.common_items, 1, 1000)?;
        within("contamination.share", self.share, 0.0, 1.0)
    }
}
