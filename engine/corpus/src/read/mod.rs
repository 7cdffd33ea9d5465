//! Documents from files of many formats, as a stream: whatever a file's size, only the document at hand is in memory.
//!
//! [`find()`] walks what a person named and says of every file how it will be read, or why it will not; [`open()`] reads one
//! of them, [`prose()`] one of them as text to learn from. [`Utf8`] is a file of plain text as a stream in UTF-8, whatever it is
//! encoded in, and [`text()`] one that is in memory. Nothing that is wrong with one file or record ends the work: it becomes a [`Trouble`], and the rest goes on.
//!
//! ```text
//! file ─ counted ─ unpacked (zip, gzip, zstd, bzip2; growth bounded) ─ any encoding turned to UTF-8 ─ the format's reader ─► Item
//! ```
//!
//! Every reader keeps to the same rules for files from outside: a length that a file states is never allocated before as
//! many bytes were seen, a line or record longer than the limit is passed over without being held, nesting is counted
//! rather than recursed into, and after a bad record the reader finds the next one.

mod archive;
mod code;
mod decode;
mod elements;
mod find;
mod format;
mod html;
mod http;
mod json;
mod json_lines;
mod lines;
mod markdown;
mod module;
mod notices;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "refused.rs"]
mod parquet;
#[cfg(feature = "pdf")]
mod pdf;
#[cfg(not(feature = "pdf"))]
#[path = "refused.rs"]
mod pdf;
mod record;
mod records;
mod settings;
mod shapes;
mod stack_exchange;
mod table;
mod text;
mod unpack;
mod warc;
mod wiki;
mod xml;

pub use archive::Member;
pub use decode::{Utf8, text};
pub use find::{Found, HEAD, Source, find};
pub use format::{Format, Packing};
pub use json::JsonArray;
#[cfg(any(feature = "parquet", feature = "pdf"))]
pub use module::FileDocuments;
pub use open::{open, prose};
pub use settings::{Limits, Missing, Settings};

pub use crate::readers::Readers;

use crate::document::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whether a file is of a kind that is read: by its name, and where that does not say so by its first bytes, [`HEAD`] of them or more.
pub fn is_known(name: &str, head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD as usize)];
    format::named(name).is_ok_and(|named| {
        named.format.is_some() || find::is_archive(name, head) || find::decide(&named, name, head).is_ok()
    })
}

/// The text that a line of JSON Lines is read as where it is a conversation, an instruction or a preference; none where it is none of
/// them, or a broken one.
pub fn conversation(line: &str) -> Option<String> {
    let record: Map<String, Value> = serde_json::from_str(line).ok()?;
    shapes::text(&record, &Settings::default().join)?.ok()
}

/// What is wrong with a file or one of its records. It is listed in the report, and the rest goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Where: a path, with `#number` for a record in it.
    pub place: String,
    /// What is wrong, in one sentence.
    pub reason: String,
}

/// What a reader yields.
pub type Item = std::result::Result<Document, Trouble>;

#[cfg(test)]
mod tests;
