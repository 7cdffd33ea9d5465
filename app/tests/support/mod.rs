//! Shared by the tests. For the command line: [`program`] runs it, [`play`] a session's commands in this process, [`serving`] a
//! server; [`tuning`] has fine-tuning runs, and [`labelled`] texts for them. For the window: an application with a scripted
//! engine and made-up events, which are sent by hand; [`scene`] has an engine that answers each command, [`session`] the real one.

#[cfg(feature = "window")]
mod application;
#[cfg(feature = "window")]
pub mod bench;
#[cfg(feature = "window")]
pub mod dictionaries;
#[cfg(feature = "window")]
pub mod engine;
#[cfg(feature = "window")]
pub mod evaluation;
#[cfg(feature = "window")]
pub mod figures;
#[cfg(feature = "window")]
pub mod inspect;
pub mod labelled;
pub mod play;
pub mod program;
#[cfg(feature = "window")]
pub mod scene;
pub mod serving;
#[cfg(feature = "window")]
pub mod session;
pub mod small;
pub mod tuning;

#[cfg(feature = "window")]
pub use application::*;

use std::path::{Path, PathBuf};

/// The root of the checkout under test, read at run time: checkouts may share build output.
pub fn repository() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo and nextest set it")).join("..")
}
