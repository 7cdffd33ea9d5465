//! Integration tests of the workspace are the modules of `tests/main.rs` beside this crate; here is where they find their surroundings.
//! `tests/run` sets the variables; without it, the same defaults hold.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: a panic names the place")]

pub mod referee;

use std::path::PathBuf;
use std::process::Command;

/// The repository's root: of the checkout that the tests run in, since checkouts may share what was built.
pub fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    package.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// A file in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures").join(name)
}

/// A file of the folder shared between checkouts (`GLASSHOUSE_SHARED`, else `../shared` beside the repository), such as
/// `data/tinyshakespeare.txt`.
pub fn shared(path: &str) -> PathBuf {
    std::env::var_os("GLASSHOUSE_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from)
        .join(path)
}

/// Something that `tests/run` downloads or builds (`GLASSHOUSE_CACHE`, else `~/.cache/glasshouse`).
pub fn cache(path: &str) -> PathBuf {
    let folder = std::env::var_os("GLASSHOUSE_CACHE").map_or_else(
        || {
            let home = std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from);
            home.join(".cache/glasshouse")
        },
        PathBuf::from,
    );
    folder.join(path)
}

/// Runs a script of `tests/python` with the Python that has its packages (`GLASSHOUSE_PYTHON`, else the one that `tests/run`
/// installs). Tests that call it have `python_` in their name, which leaves them out of the quick lane.
pub fn python(script: &str) -> Command {
    let interpreter =
        std::env::var_os("GLASSHOUSE_PYTHON").map_or_else(|| cache("venv/bin/python"), PathBuf::from);
    let mut command = Command::new(interpreter);
    command.arg(repository().join("tests/python").join(script));
    command
}
