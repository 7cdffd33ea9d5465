//! Folders of this machine.

use std::path::PathBuf;

/// Default folder of all projects.
pub fn shelf() -> PathBuf {
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    home.unwrap_or_else(|| PathBuf::from(".")).join("Glasshouse")
}

/// An environment variable that holds an absolute path.
pub fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
