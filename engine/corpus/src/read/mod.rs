//! Documents from files of many formats, as a stream: whatever a file's size, only the document at hand is in memory.

use crate::document::Document;

/// What is wrong with a file or one of its records. It is listed in the report, and the rest goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where: a path, with `#number` for a record in it.
    pub place: String,
    /// What is wrong, in one sentence.
    pub reason: String,
}

/// What a reader yields.
pub type Item = std::result::Result<Document, Trouble>;
