//! What differs between a desktop and a browser, under the same names: the only place of the engine with a target in its
//! conditions.

pub mod files;
pub mod lanes;
#[cfg(any(target_arch = "wasm32", test))]
mod memory_files;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod native_storage;
pub mod parallel;
#[cfg(target_arch = "wasm32")]
mod web;
#[cfg(target_arch = "wasm32")]
mod web_storage;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Mapping, available_memory, map, process_number, sleep, yield_now};
#[cfg(not(target_arch = "wasm32"))]
pub use native_storage as storage;
#[cfg(target_arch = "wasm32")]
pub use web::{Mapping, available_memory, map, process_number, sleep, yield_now};
#[cfg(target_arch = "wasm32")]
pub use web_storage as storage;

use crate::error::Error;
use std::path::Path;

/// The file in a project's folder that a front end holds while it has the project open.
pub const PROJECT_LOCK: &str = ".lock";

/// What the second front end that opens a project is told.
fn project_is_open(folder: &Path) -> Error {
    let reason = "this project is open in another window or tab; close it there, or open another project";
    Error::bad_file(folder, reason)
}
