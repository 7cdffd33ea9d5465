//! What can go wrong, in one sentence each: what happened, where, and what to do.

use std::path::PathBuf;

/// Everything that ends a cleaning. What is wrong with one document or file is a [`Trouble`](crate::read::Trouble): it is
/// listed, and the rest goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder that could not be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why. Not named `source`: the message says it already.
        cause: std::io::Error,
    },
    /// A recipe, list or folder that cannot be used.
    #[error("{}: {reason}", path.display())]
    BadFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, where, and what to do.
        reason: String,
    },
    /// A setting that breaks a rule: names it, its value and the rule.
    #[error("{0}")]
    Invalid(String),
    /// A request that cannot be met, said in one sentence.
    #[error("{0}")]
    Refused(String),
}

/// Shorthand for results of the bench.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of reading or writing; for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, cause }
    }

    /// A file that cannot be used.
    pub fn bad_file(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.into(), reason: reason.into() }
    }
}
