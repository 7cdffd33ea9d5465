//! Paths and helpers for the workspace's integration tests, which are the modules of `tests/main.rs` in this crate. `tests/run`
//! sets the environment variables; without it, the same defaults apply.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: a panic names the place")]

pub mod blocking;
pub mod campaign;
pub mod referee;

use std::path::PathBuf;
use std::process::Command;

/// The root of the checkout that the tests run in. Read at run time because checkouts may share build output.
pub fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    package.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// A file in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures").join(name)
}

/// A file in the folder shared between checkouts (`GLASSHOUSE_SHARED`, or else `../shared` next to the repository), such as
/// `data/tinyshakespeare.txt`.
pub fn shared(path: &str) -> PathBuf {
    std::env::var_os("GLASSHOUSE_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from)
        .join(path)
}

/// A path in the folder of files that `tests/run` downloads or builds (`GLASSHOUSE_CACHE`, or else `~/.cache/glasshouse`).
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

/// Part of the name of the adapter for GPU tests: `GLASSHOUSE_TEST_ADAPTER`, or else Mesa's software adapter.
pub fn adapter() -> String {
    std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned())
}

/// A command that runs a script in `tests/python` with the Python that has its packages (`GLASSHOUSE_PYTHON`, or else the one
/// that `tests/run` installs). Tests that call it have `python_` in their name, which excludes them from the quick lane.
pub fn python(script: &str) -> Command {
    let interpreter =
        std::env::var_os("GLASSHOUSE_PYTHON").map_or_else(|| cache("venv/bin/python"), PathBuf::from);
    let mut command = Command::new(interpreter);
    // Threads that spin while they wait would take the other tests' cores.
    command.env("OMP_WAIT_POLICY", "passive").arg(repository().join("tests/python").join(script));
    command
}

/// Standard output of a command that must succeed.
pub fn output_of(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
