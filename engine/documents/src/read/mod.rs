//! Reads documents from files of many formats as a stream: only the current document is in memory, regardless of the file's size.
//!
//! [`find()`] walks the given paths and determines how each file is read, or why it is not; [`open()`] reads a file's
//! documents, [`prose()`] reads them as training text. [`Utf8`] reads a plain-text file as a UTF-8 stream whatever its
//! encoding. A fault in one file or record does not end the work: it is reported as a [`Trouble`].
//!
//! ```text
//! file ─ counted ─ unpacked (zip, gzip, zstd, bzip2; growth bounded) ─ any encoding turned to UTF-8 ─ the format's reader ─► Item
//! ```
//!
//! All readers follow the same rules for untrusted files: they never allocate by a stated length before reading that many
//! bytes (except the page of a Parquet file, which its library allocates, within the limit on expansion), skip lines and records
//! above the limit without holding them, count nesting instead of recursing, and continue with the next record after a bad one.

mod archive;
mod code;
mod decode;
mod elements;
mod encoding;
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
mod pieces;
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
mod word;
mod work;
mod xml;

pub use archive::Member;
pub use decode::Utf8;
#[cfg(feature = "encodings")]
pub use encoding::module as encodings;
pub use find::{Found, HEAD, Source, find};
pub use format::{Format, Packing};
pub use json::JsonArray;
#[cfg(any(feature = "parquet", feature = "pdf"))]
pub use module::FileDocuments;
pub use open::{broken_off, open, prose, replacements};
pub use pieces::TextPieces;
pub use settings::{Limits, Settings};

pub use crate::readers::Readers;

use crate::document::Document;
use serde::{Deserialize, Serialize};

/// Whether a file's format is supported, by its name, else by its first bytes, of which `head` holds [`HEAD`] or more.
pub fn is_known(name: &str, head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD as usize)];
    archive::Bundle::of(name, head).is_some()
        || format::named(name).is_ok_and(|named| {
            find::decide(&named, name, head).is_ok()
                || named.format.is_some_and(|format| format != Format::Word)
        })
}

/// A fault in a file or in one of its records. It is reported, and reading continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub place: String,
    pub reason: String,
}

pub type Item = std::result::Result<Document, Trouble>;

#[cfg(test)]
mod tests;
