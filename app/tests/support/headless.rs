//! What tests share that need no window.

#[path = "labelled.rs"]
pub mod labelled;
#[path = "tuning.rs"]
pub mod tuning;

use std::path::{Path, PathBuf};

/// The root of the checkout that the tests run in. Asked when they run: checkouts may share what was built.
pub fn repository() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo and nextest set it")).join("..")
}
