//! Shared by tests without a window.

#[path = "labelled.rs"]
pub mod labelled;
#[path = "tuning.rs"]
pub mod tuning;

use std::path::{Path, PathBuf};

/// The root of the checkout under test, read at run time: checkouts may share build output.
pub fn repository() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo and nextest set it")).join("..")
}
