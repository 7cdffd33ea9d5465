//! Duplicates: exact copies, near copies, and contamination with evaluation data.
//!
//! ```text
//!                                ┌► exact::ExactIndex (in order): a copy goes at once
//! text ─ Marker (any thread) ─ Mark
//!                                └► near::Index (in order): keys only … end of the corpus … decide: near copies go
//!                                                                           │
//!                             kept texts, in order ◄────────────────────────┘
//!                                └► contamination::Set::contaminating (any thread): overlap with evaluation items, with what is held out
//! ```
//!
//! Expensive steps are pure and run on any thread; stateful steps run in corpus order and are cheap, so that decisions depend
//! neither on the number of threads nor on batch sizes. Texts are not kept: near copies are read again if they must be
//! compared. Memory grows with the corpus only as stated in this table.
//!
//! | part | default | bytes | for each |
//! |------|---------|------:|----------|
//! | [`exact`] | on; case, white space and, in long texts, punctuation folded | 19–39, half as much again while the table grows | document kept |
//! | [`near`] | on; 128 permutations, 16 bands × 8 rows, shingles of 5 words, similarity 0.5, the first is kept | 4 × bands + 4 = 68 | document that passed `exact` |
//! | … while it decides | one band at a time | 12, and 24 | document, and document in a cluster |
//! | … whatever the corpus | texts read, comparisons remembered | about 120 MB | |
//! | [`contamination`] | on for held-out documents; 13-grams of words, a fifth of an item | 22–43, at most about 0.6 GB | distinct n-gram of the items |
//!
//! A million documents take at most 127 MB while they are read, and 119 MB plus the texts read again while near copies are decided.
//! Marks are computed at about 200 MB/s per core (an EPYC with AVX-512; MinHash takes a fifth of the time, the words the rest),
//! where `datatrove` signs 0.7 MB/s. `tests/benches/datatrove/planted.py` compares what both find.
//!
//! Other parameters change the cost: bands take four bytes per document each; permutations take time; rows and bands together
//! determine how likely documents of a similarity are to meet (see [`near`]). To find copies down to
//! 0.7, set `similarity = 0.7`, `bands = 25`, `rows = 5`: 99 % meet, at 104 bytes per document and many more comparisons.

pub mod contamination;
pub mod exact;
pub mod near;
mod shingles;
#[cfg(test)]
mod tests;
mod words;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use glasshouse_documents::{Error, Result};
use words::Visitor;
pub(crate) use words::mixed;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Earlier corpora, whose copies are dropped: folders of cleanings, or files and folders of documents.
    pub against: Vec<PathBuf>,
    pub exact: exact::Settings,
    pub near: near::Settings,
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.near.validate()
    }

    pub fn bytes_per_document(&self) -> u64 {
        let exact = if self.exact.enabled { exact::BYTES_PER_DOCUMENT } else { 0 };
        let near = if self.near.enabled { self.near.bytes_per_document() } else { 0 };
        exact + near
    }
}

/// Document numbers have 32 bits.
fn too_many() -> Error {
    Error::Refused("the corpus has more than 4,294,967,295 documents: clean it in parts".into())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// For [`exact::ExactIndex`].
    pub fingerprint: exact::Fingerprint,
    /// For [`near::Index`]; `None` if near copies are not searched, or the document is shorter than 50 words.
    pub keys: Option<near::Keys>,
}

#[derive(Clone, Debug)]
pub struct Marker {
    signer: Option<near::Signer>,
}

impl Marker {
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        Ok(Self { signer: settings.near.enabled.then(|| near::Signer::new(&settings.near)) })
    }

    /// The mark of source code: its exact bytes, since an operator, a sign or a capital changes a program; and no keys, since
    /// they ignore changed operators.
    pub fn mark_code(&self, text: &str) -> Mark {
        Mark { fingerprint: exact::Fingerprint::of_bytes(text), keys: None }
    }

    pub fn mark(&self, text: &str) -> Mark {
        let Some(signer) = &self.signer else {
            return Mark { fingerprint: exact::Fingerprint::of_words(text), keys: None };
        };
        let mut both = Both { lanes: exact::Lanes::default(), signature: signer.begin() };
        words::scan(text, &mut both);
        let keys = if both.lanes.is_short() { None } else { both.signature.finish() };
        Mark { fingerprint: both.lanes.finish(text), keys }
    }
}

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
        self.lanes.word(hash);
        self.signature.word(hash);
    }
}
