//! Files of large formats, read by modules of their own.
//!
//! In a browser the readers of Parquet and PDF are together as large as the engine, and few visitors drop such a file: so each is a
//! WebAssembly module that is loaded with its first one. A file that makes a library panic in spite of all checks ends that module and
//! not the engine. The two sides speak in JSON: a [`ModuleRequest`] goes there with the file's bytes, [`Item`](super::Item)s come back, one a
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

/// Which file is read, and how.
#[derive(Debug, Serialize, Deserialize)]
struct ModuleRequest {
    source: Source,
    settings: Settings,
}
