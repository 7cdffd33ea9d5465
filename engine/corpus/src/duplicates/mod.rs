//! Duplicates: whole documents, near copies, paragraphs, and overlap with what models are measured on.
//!
//! ```text
//! texts ─ Marker (any thread) ─► Mark ─► exact::Index (in order): a copy goes at once
//!                                 └────► near::Index (in order): keys only … end of corpus … decide: near copies go
//! ```

pub mod contamination;
pub mod exact;
pub mod near;
pub mod paragraphs;
mod shingles;
mod table;
mod words;

use serde::{Deserialize, Serialize};

use crate::Result;
use words::Visitor;

/// The recipe's table `[duplicates]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Documents with the same words.
    pub exact: exact::Settings,
    /// Documents with nearly the same words.
    pub near: near::Settings,
    /// Paragraphs that earlier documents had.
    pub paragraphs: paragraphs::Settings,
}

impl Settings {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the field, its value and the rule it breaks.
    pub fn validate(&self) -> Result<()> {
        self.near.validate()?;
        self.paragraphs.validate()
    }

    /// How many bytes are kept for each document while a corpus is read.
    pub fn bytes_per_document(&self) -> u64 {
        let exact = if self.exact.enabled { exact::BYTES_PER_DOCUMENT } else { 0 };
        let near = if self.near.enabled { self.near.bytes_per_document() } else { 0 };
        exact + near
    }
}

/// What is remembered of a document to find its copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// For [`exact::Index`].
    pub fingerprint: exact::Fingerprint,
    /// For [`near::Index`]; none where near copies are not looked for, or the document has no words.
    pub keys: Option<near::Keys>,
}

/// Makes marks of texts, on as many threads as there are: everything that takes time.
#[derive(Clone, Debug)]
pub struct Marker {
    normalised: bool,
    signer: Option<near::Signer>,
}

impl Marker {
    /// For these settings.
    ///
    /// # Errors
    /// They break a rule.
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        Ok(Self {
            normalised: settings.exact.normalised,
            signer: settings.near.enabled.then(|| near::Signer::new(&settings.near)),
        })
    }

    /// The mark of a text, in one pass over it.
    pub fn mark(&self, text: &str) -> Mark {
        let Some(signer) = &self.signer else {
            return Mark { fingerprint: self.fingerprint(text), keys: None };
        };
        let mut both = Both { lanes: exact::Lanes::default(), signature: signer.begin() };
        words::scan(text, &mut both);
        let fingerprint =
            if self.normalised { both.lanes.finish(text) } else { exact::Fingerprint::of_bytes(text) };
        Mark { fingerprint, keys: both.signature.finish() }
    }

    /// Only the hash that finds exact copies.
    pub fn fingerprint(&self, text: &str) -> exact::Fingerprint {
        if self.normalised { exact::Fingerprint::of_words(text) } else { exact::Fingerprint::of_bytes(text) }
    }
}

/// Hash and signature at once.
struct Both<'a> {
    lanes: exact::Lanes,
    signature: near::Signature<'a>,
}

impl Visitor for Both<'_> {
    #[inline(always)]
    fn chunk(&mut self, packed: u64, continues: bool) {
        self.lanes.chunk(packed, continues);
    }

    #[inline(always)]
    fn word(&mut self, hash: u64) {
        self.signature.word(hash);
    }
}
