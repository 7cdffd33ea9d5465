//! Files of large formats, read by separate modules.
//!
//! In a browser the readers of Parquet and PDF together are as large as the engine, and few visitors open such files. So each
//! is a WebAssembly module that is loaded on first use. A file that makes a library panic in spite of all checks ends only the
//! module, not the engine. The two sides communicate in JSON: a [`ModuleRequest`] goes to the module with the file's bytes,
//! [`Item`](super::Item)s come back, one per line.

#[cfg(any(feature = "parquet", feature = "pdf"))]
mod answer;
mod ask;

#[cfg(any(feature = "parquet", feature = "pdf"))]
pub use answer::FileDocuments;
pub(super) use ask::Asked;

use super::find::Source;
use super::settings::Settings;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct ModuleRequest {
    source: Source,
    settings: Settings,
}
