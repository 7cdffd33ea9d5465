//! Parquet read by a module of its own.
//!
//! In a browser the reader is as large as a quarter of the engine, and few visitors drop such a file: so it is a WebAssembly
//! module that is loaded with the first one. A file that makes the library panic in spite of all checks ends that module and
//! not the engine. The two sides speak in JSON: a [`Question`] goes there with the file's bytes, [`Item`]s come back, one a line.

#[cfg(feature = "parquet")]
mod answer;
mod ask;

#[cfg(feature = "parquet")]
pub use answer::ParquetDocuments;
pub(super) use ask::Asked;

use super::find::Source;
use super::settings::Settings;
use serde::{Deserialize, Serialize};

/// How a reader outside of this program is called.
#[derive(Clone, Copy, Debug)]
pub struct ParquetModule {
    /// Begins to read a file, given the question and the file's bytes; answers with the reading's number.
    pub begin: fn(&str, &[u8]) -> Result<u32, String>,
    /// The next items of a reading, one a line; none at its end.
    pub next: fn(u32) -> Result<Option<Vec<u8>>, String>,
    /// Ends a reading, whether it came to its end or not.
    pub end: fn(u32),
}

/// Which file is read, and how.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    source: Source,
    settings: Settings,
}
