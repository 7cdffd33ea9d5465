//! Common functions for platform differences between desktop and browser; the only part of the engine with target-specific code.

#[cfg(target_arch = "wasm32")]
mod corpus_files;
pub mod energy;
mod error;
pub mod files;
mod generated;
pub mod lanes;
mod local_server;
/// Natively used by tests only.
#[cfg_attr(not(target_arch = "wasm32"), doc(hidden))]
pub mod memory_files;
#[cfg(not(target_arch = "wasm32"))]
mod native;
pub mod network;
pub mod parallel;
#[cfg(not(target_arch = "wasm32"))]
#[path = "native_persistence.rs"]
pub mod persistence;
#[cfg(target_arch = "wasm32")]
#[path = "web_persistence/mod.rs"]
pub mod persistence;
mod pulse;
#[cfg(target_arch = "wasm32")]
mod readers;
mod remote;
#[cfg(not(target_arch = "wasm32"))]
pub mod signals;
pub mod storage;
mod templates;
#[cfg(target_arch = "wasm32")]
mod web;
#[cfg(any(target_arch = "wasm32", test))]
mod webgpu_advice;
mod yielder;

#[cfg(target_arch = "wasm32")]
pub use corpus_files::CorpusFiles;
pub use error::{Error, OrInternal, Result, advice_for_io};
pub use generated::generated_rows;
#[cfg(not(target_arch = "wasm32"))]
pub use glasshouse_documents::SystemFiles as CorpusFiles;
#[cfg(not(target_arch = "wasm32"))]
pub use glasshouse_documents::files::LockFile;
pub use local_server::LocalServer;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{
    INDEX_BYTES, KEPT_MODEL_BYTES, LENS_BYTES, MILESTONE_BYTES, SORTED_TOKENS, SharedFile, available_memory,
    begin_storing, cache_folder, exchange, fetch_corpus, id_suffix, installed_page, later, make_executable,
    page_template, passing_folder, pause, process_number, reserve, spawn_blocking, spawn_yielding, threads,
    use_small_pages, without_gpu, yield_now,
};
pub use pulse::{pulse, show_life_by};
#[cfg(target_arch = "wasm32")]
pub use readers::page_template;
pub use remote::Remote;
pub use templates::{ChatRenderer, TaskReader};
#[cfg(target_arch = "wasm32")]
pub use web::{
    INDEX_BYTES, KEPT_MODEL_BYTES, LENS_BYTES, LockFile, MILESTONE_BYTES, SORTED_TOKENS, SharedFile,
    available_memory, begin_storing, cache_folder, exchange, fetch_corpus, id_suffix, later, make_executable,
    passing_folder, pause, process_number, reserve, spawn_blocking, spawn_yielding, threads, without_gpu,
    yield_now,
};
pub use yielder::{TURN, Yielder, block_on, given_up_after};

use std::path::Path;

/// File of tuning results, in the folder of recomputable data. A browser stores it with the small records.
pub const TUNING_FILE: &str = "tuning.json";
/// File of the devices' training speeds, likewise.
pub const SPEEDS_FILE: &str = "speeds.json";

/// Events of a corpus download.
#[derive(Debug)]
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a web page may not read other sites"))]
pub enum Fetched {
    Progress(glasshouse_protocol::FetchProgress),
    /// The file's path, or the error.
    Done(Result<std::path::PathBuf>),
}

/// Lock file in a project's folder, held by the front end that has the project open.
pub const PROJECT_LOCK: &str = ".lock";

/// The error for opening a project that is open elsewhere.
pub fn project_is_open(folder: &Path) -> Error {
    Error::bad_file(
        folder,
        "this project is open in another window or tab; close it there, or open another project",
    )
}
