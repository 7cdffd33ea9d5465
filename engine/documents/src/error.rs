//! Errors, each in one sentence: what happened, where, and what to do.

use glasshouse_protocol::Hint;
use std::path::PathBuf;

/// Errors that end a cleaning. A fault in one document or file is a [`Trouble`](crate::read::Trouble) instead: it is reported,
/// and the cleaning continues.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cause is not named `source`, since the message already contains it.
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    /// A recipe, list or folder cannot be used.
    #[error("{}: {reason}", path.display())]
    BadFile { path: PathBuf, reason: String },
    /// A setting breaks a rule: names it, its value and the rule.
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Refused(String),
    /// Another error, with a remedy.
    #[error("{error}")]
    Hinted { error: Box<Self>, hint: Hint },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an I/O error; for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, cause }
    }

    pub fn bad_file(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.into(), reason: reason.into() }
    }

    #[must_use]
    pub fn hint(self, hint: Hint) -> Self {
        Self::Hinted { error: Box::new(self), hint }
    }
}
