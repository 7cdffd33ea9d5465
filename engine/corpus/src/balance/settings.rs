//! Settings of the composition report.

use crate::personal::lists;
use glasshouse_documents::{Error, Result};
use glasshouse_documents::{settings, threshold::Thresholds as _};
use std::path::PathBuf;

/// Maximum number of pairs: each side has its own counts of neighbours.
const MAX_PAIRS: usize = 32;
pub(super) const MAX_WINDOW: usize = 50;

settings! {
    Settings {
        window: usize = 5, 1 to 50, "Words on each side of a term that count as neighbours.";
        shown: usize = 12, 1 to 100, "Neighbours shown for each term.";
    }
    lists {
        pairs: Vec<[String; 2]> = Vec::new(),
            "Pairs of terms to compare, for example `[[\"he/him/his\", \"she/her/hers\"], [\"doctor\", \"nurse\"]]`; `/` separates synonyms.";
        safety_words: Vec<String> = Vec::new(), "Words to count.";
        safety_file: Option<PathBuf> = None, "File of such words, one per line; lines that start with `#` are comments.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| Err(Error::Invalid(format!("balance.{reason}")));
        if self.pairs.len() > MAX_PAIRS {
            return invalid(format!("pairs: {} pairs; at most {MAX_PAIRS} are allowed", self.pairs.len()));
        }
        for term in self.pairs.iter().flatten().flat_map(|side| side.split('/')) {
            let letters = term.chars().all(|character| character.is_alphanumeric() || character == '\'');
            if term.is_empty() || term.len() > super::terms::MAX_WORD_BYTES || !letters {
                return invalid(format!(
                    "pairs: `{term}` is not a word; a term is one word of letters or digits; separate several with `/`"
                ));
            }
        }
        self.check("balance.")?;
        lists::check(&self.safety_words).or_else(|reason| invalid(format!("safety_words: {reason}")))
    }
}
