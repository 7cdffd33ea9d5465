//! Overlap with what models are measured on: evaluation sets, and documents held out for validation.
//!
//! A model that has read the answers is not being measured. As for GPT-3 (Brown et al. 2020, appendix C), texts are held against
//! each other by 13-grams of words, lower-cased, punctuation folded; an item shorter than that is one run of all its
//! words, unless it has fewer than 8, which say too little. GPT-3 called an item contaminated at the first run; a web corpus
//! shares phrases with everything, so a document is dropped here where a stated share of an item's runs stands in it (or
//! of its own in the item): a fifth, below which Llama 2 (Touvron et al. 2023, appendix A.6) calls an item clean. Runs that
//! more than ten items share are instructions and templates and do not count, as for GPT-3; of documents held out, nor do those that more
//! than ten training documents share, or in a small corpus more than a twentieth: what many documents say is no answer given away.
//!
//! Each different run of the items takes between 22 and 43 bytes; the corpus itself takes none. Of documents held out at most a
//! million runs are held, a sample where they have more, so that memory does not grow with the corpus.

mod read;
mod set;
#[cfg(test)]
mod tests;

pub use set::{Overlap, Set};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use super::within;
use crate::Result;

/// What becomes of a document that overlaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is dropped.
    #[default]
    Drop,
    /// It is only counted and named.
    Report,
}

/// The recipe's table `[contamination]`.
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Files of evaluation items: JSONL or JSON (every string of a record belongs to its item), or text, whose items are parted
    /// by empty lines.
    pub against: Vec<PathBuf>,
    /// Whether training documents are held against those held out for validation as well.
    #[default = true]
    pub held_out: bool,
    /// Words in a run: 13, as for GPT-3.
    #[default = 13]
    pub words: u32,
    /// Fewest words of an item that is looked for: 8, as for GPT-3.
    #[default = 8]
    pub smallest_item_words: u32,
    /// Fewest different runs of an item in a document.
    #[default = 1]
    pub runs: u32,
    /// Smallest share of an item's runs that stand in the document, or of the document's that stand in the item.
    #[default = 0.2]
    pub share: f64,
    /// Most items that have a run; one in more of them counts for none. Nor does a held-out document's run that is in more training documents,
    /// or in more than a twentieth of a small corpus (three at least).
    #[default = 10]
    pub common_items: u32,
    /// What becomes of a document that overlaps: `drop` or `report`.
    pub action: Action,
}

impl Settings {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the field, its value and the rule it breaks.
    pub fn validate(&self) -> Result<()> {
        within("contamination.words", self.words, 3, 32)?;
        within("contamination.smallest_item_words", self.smallest_item_words, 3, self.words)?;
        within("contamination.runs", self.runs, 1, 1_000_000)?;
        within("contamination.common_items", self.common_items, 1, 1000)?;
        within("contamination.share", self.share, 0.0, 1.0)
    }
}
