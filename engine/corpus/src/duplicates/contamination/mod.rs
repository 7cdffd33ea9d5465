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
//! Each distinct n-gram of the items takes between 22 and 43 bytes; the corpus takes none. At most sixteen million n-grams are
//! kept; held-out documents beyond that are not compared, which the report says.

mod read;
mod set;
#[cfg(test)]
mod tests;

pub use set::{Overlap, Set};

use std::path::PathBuf;

use glasshouse_documents::{Error, Result};
use glasshouse_documents::{settings, threshold::Thresholds as _};

settings! {
    Settings {
        words: u32 = 13, 3 to 32, "Words in an n-gram: 13, as for GPT-3.";
        smallest_item_words: u32 = 8, 3 to 32, "Minimum number of words of an item: 8, as for GPT-3.";
        minimum_ngrams as "runs": u32 = 1, 1 to 1_000_000, "Minimum number of distinct n-grams shared with a document.";
        share: f64 = 0.2, 0 to 1, "Minimum fraction of the item's n-grams found in the document, or of the document's found in the item.";
        common_items: u32 = 10, 1 to 1000,
            "Maximum number of items that share an n-gram; beyond it, the n-gram does not count. For held-out documents, the same limit applies to the training documents that contain it, and a twentieth of a small corpus (at least three).";
    }
    lists {
        against: Vec<PathBuf> = Vec::new(),
            "Files of evaluation items: JSONL or JSON (all strings of a record belong to its item), or text with items separated by empty lines.";
        held_out: bool = true, "Whether to search the training documents for held-out text.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.check("contamination.")?;
        let Self { words, smallest_item_words: least, .. } = self;
        if least > words {
            let reason =
                format!("contamination.smallest_item_words is {least}, but must be from 3 to {words}");
            return Err(Error::Invalid(reason));
        }
        Ok(())
    }
}
