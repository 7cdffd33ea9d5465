//! Settings of the composition report.

use crate::error::{Error, Result, within};
use crate::personal::lists;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::path::PathBuf;

/// Maximum number of pairs: each side has its own counts of neighbours.
const MAX_PAIRS: usize = 32;
pub(super) const MAX_WINDOW: usize = 50;
const MAX_SHOWN: usize = 100;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Pairs of terms to compare, for example `[["he/him/his", "she/her/hers"], ["doctor", "nurse"]]`; `/` separates synonyms.
    pub pairs: Vec<[String; 2]>,
    /// Words on each side of a term that count as neighbours.
    #[default = 5]
    pub window: usize,
    #[default = 12]
    pub shown: usize,
    pub safety_words: Vec<String>,
    /// File of such words, one per line; lines that start with `#` are comments.
    pub safety_file: Option<PathBuf>,
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
        within("balance.window", self.window, 1, MAX_WINDOW)?;
        within("balance.shown", self.shown, 1, MAX_SHOWN)?;
        lists::check(&self.safety_words).or_else(|reason| invalid(format!("safety_words: {reason}")))
    }
}
