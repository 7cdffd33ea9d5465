//! Files of large formats, read by modules of their own.
//!
//! In a browser the readers of Parquet and PDF are together as large as the engine, and few visitors drop such a file: so each is a
//! WebAssembly module that is loaded with its first one. A file that makes a library panic in spite of all checks ends that module and
//! not the engine. The two sides speak in JSON: a [`Question`] goes there with the file's bytes, [`Item`](super::Item)s come back, one a
//! line.

#[cfg(any(feature = "parquet", feature = "pdf"))]
mod answer;
mod ask;

#[cfg(any(feature = "parquet", feature = "pdf"))]
pub use answer::FileDocuments;
pub(super) use ask::Asked;

use super::find::Source;
use super::settings::Settings;
use serde::{Deserialize, Serialize};

/// How readers outside of this program are called.
#[derive(Clone, Copy, Debug)]
pub struct Readers {
    /// Begins to read a file, given the reader's name (`parquet` or `pdf`), the question and the file's bytes; answers with the reading's
    /// number.
    pub begin: fn(&str, &str, &[u8]) -> Result<u32, String>,
    /// The next items of a reading, one a line; none at its end.
    pub next: fn(u32) -> Result<Option<Vec<u8>>, String>,
    /// Ends a reading, whether it came to its end or not.
    pub end: fn(u32),
    /// Takes the text of a web page, given the settings and the page; both and the answer are JSON, a [`Page`](crate::extract::html::Page).
    pub page: fn(&str, &str) -> Result<String, String>,
}

/// Which file is read, and how.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    source: Source,
    settings: Settings,
}
