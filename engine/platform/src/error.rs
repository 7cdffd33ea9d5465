//! The engine's error type. A message says what happened, where, and what to do.

use crate::storage::known;
use glasshouse_protocol::Hint;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {cause}{}", known(path).display(), advice_for_io(cause))]
    Io {
        path: PathBuf,
        /// Not named `source`: the message includes it already.
        cause: std::io::Error,
    },
    /// A text, tokenizer or project file that cannot be used.
    #[error("{}: {reason}", known(path).display())]
    BadFile {
        path: PathBuf,
        /// The fault, its location and the remedy.
        reason: String,
    },
    /// A configuration that breaks a rule.
    #[error(transparent)]
    Invalid(#[from] glasshouse_protocol::Invalid),
    /// A configuration or request that cannot be fulfilled; one sentence.
    #[error("{0}")]
    Refused(String),
    /// Training cannot continue because its numbers are no longer finite.
    #[error("{0}")]
    Diverged(String),
    /// No run, kernel or the like has the given name.
    #[error("{0}")]
    Unknown(String),
    /// A graph node with unsuitable inputs.
    #[error(transparent)]
    Graph(#[from] glasshouse_compiler::graph::GraphError),
    /// The device is missing, or lacks a capability.
    #[error("{0}")]
    Device(String),
    /// The device was lost; reopening it may help.
    #[error("{0}")]
    DeviceLost(String),
    /// The model and its batch need more memory than the device, or one of its buffers, offers.
    #[error("{what} needs {needed} bytes and the device offers {available}; {advice}")]
    TooLarge {
        what: String,
        needed: u64,
        available: u64,
        /// A setting that would fit.
        advice: String,
    },
    /// The device ran out of memory; its capacity is unknown.
    #[error("{what} needs {needed} bytes, but the device has no memory left; {advice}")]
    OutOfMemory {
        /// The object that could not be allocated.
        what: String,
        needed: u64,
        /// Bytes that were allocated before, if the whole model was requested: settings that need no more than this fit.
        held: Option<u64>,
        advice: String,
    },
    #[error("{0} was cancelled; nothing was changed")]
    Cancelled(String),
    /// Another operation is in progress.
    #[error("{0}")]
    Busy(String),
    /// The request was made for a project that is no longer open.
    #[error("{what} meant for {project}, which is no longer open; nothing was changed")]
    Stale {
        /// What was requested, with its verb: `the changed settings were`.
        what: &'static str,
        /// Name of the project.
        project: String,
    },
    /// The operation must wait until the run's training ends.
    #[error("{run} is training; {advice}")]
    Training {
        run: String,
        /// What to do, as the end of the message.
        advice: &'static str,
    },
    /// A bug: an invariant does not hold.
    #[error("internal error: {0}; please report it")]
    Internal(String),
    /// Another error, with remedies.
    #[error("{error}")]
    Hinted { error: Box<Self>, hints: Vec<Hint> },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Returns [`Error::Refused`] with a formatted sentence.
#[macro_export]
macro_rules! refuse {
    ($($sentence:tt)+) => {
        return Err($crate::Error::Refused(format!($($sentence)+)))
    };
}

/// For values that exist unless there is a bug.
pub trait OrInternal<T> {
    /// Fails with [`Error::Internal`] if there is none.
    fn or_internal(self, missing: &str) -> Result<T>;
}

impl<T> OrInternal<T> for Option<T> {
    fn or_internal(self, missing: &str) -> Result<T> {
        self.ok_or_else(|| Error::Internal(missing.to_owned()))
    }
}

/// Advice for an I/O error, as the end of a message; empty if the error explains itself.
pub fn advice_for_io(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => "; free some space and try again: all finished work is safe",
        std::io::ErrorKind::OutOfMemory => {
            "; not enough memory for it: close other tabs and programs, or use a smaller file or model"
        }
        // Applies to reading and writing, on the command line and in a window.
        std::io::ErrorKind::PermissionDenied => "; change its permissions, or choose another file or folder",
        std::io::ErrorKind::ReadOnlyFilesystem => "; this place is read-only: choose another place",
        std::io::ErrorKind::NotFound => "; check the name and that its folder exists",
        std::io::ErrorKind::AlreadyExists => "; choose another name",
        std::io::ErrorKind::InvalidFilename => "; choose a shorter name",
        std::io::ErrorKind::NotADirectory => {
            "; part of the path is a file, not a folder: choose another place"
        }
        std::io::ErrorKind::IsADirectory => "; it is a folder: choose a file",
        _ if error.raw_os_error().is_some() => {
            "; check that the place can be read and written, then try again"
        }
        _ => "",
    }
}

impl Error {
    /// Wraps an I/O error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, cause }
    }

    pub fn bad_file(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.into(), reason: reason.into() }
    }

    /// Adds a remedy.
    #[must_use]
    pub fn hint(self, hint: Hint) -> Self {
        match self {
            Self::Hinted { error, mut hints } => {
                hints.push(hint);
                Self::Hinted { error, hints }
            }
            error => Self::Hinted { error: Box::new(error), hints: vec![hint] },
        }
    }

    /// Whether the system could not read a file. Its content may be intact, so that it must be neither skipped nor replaced.
    pub fn is_unread(&self) -> bool {
        use std::io::ErrorKind::{NotFound, UnexpectedEof};
        matches!(self, Self::Io { cause, .. } if ![NotFound, UnexpectedEof].contains(&cause.kind()))
    }

    pub fn hints(&self) -> &[Hint] {
        match self {
            Self::Hinted { hints, .. } => hints,
            Self::Invalid(invalid) => invalid.hint.as_slice(),
            _ => &[],
        }
    }

    /// Names files inside a folder by their path in it: that of a temporary folder means nothing to the user.
    #[must_use]
    pub fn inside(self, folder: &Path) -> Self {
        let short = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
        self.map(|error| match error {
            Self::Io { path, cause } => Self::Io { path: short(path), cause },
            Self::BadFile { path, reason } => Self::BadFile { path: short(path), reason },
            other => other,
        })
    }

    /// Changes the error, keeping its hints.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Self) -> Self) -> Self {
        match self {
            Self::Hinted { error, hints } => Self::Hinted { error: Box::new(change(*error)), hints },
            error => change(error),
        }
    }
}

impl From<glasshouse_compiler::Error> for Error {
    fn from(error: glasshouse_compiler::Error) -> Self {
        use glasshouse_compiler::Error as Compiler;
        match error {
            Compiler::Invalid(invalid) => Self::Invalid(invalid),
            Compiler::Refused(reason) => Self::Refused(reason),
            Compiler::NoHalf(reason) => Self::Refused(reason).hint(Hint::F32),
            Compiler::Graph(error) => Self::Graph(error),
            Compiler::TooLarge { what, needed, available, advice } => {
                Self::TooLarge { what, needed, available, advice }
            }
            Compiler::Internal(reason) => Self::Internal(reason),
        }
    }
}

impl Error {
    /// Error for a decoder with a text in every place.
    pub fn no_place() -> Self {
        Self::Busy("all decoder slots are in use; wait for a text to end, or release one".to_owned())
    }
}

impl From<glasshouse_documents::Error> for Error {
    fn from(error: glasshouse_documents::Error) -> Self {
        use glasshouse_documents::Error as Corpus;
        match error {
            Corpus::Io { path, cause } => Self::Io { path, cause },
            Corpus::BadFile { path, reason } => Self::BadFile { path, reason },
            Corpus::Invalid(reason) | Corpus::Refused(reason) => Self::Refused(reason),
            Corpus::Hinted { error, hint } => Self::from(*error).hint(hint),
        }
    }
}

impl From<&Error> for glasshouse_protocol::ErrorReport {
    fn from(error: &Error) -> Self {
        use glasshouse_protocol::ErrorKind;
        let kind = match error {
            Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::StorageFull => {
                ErrorKind::StorageFull
            }
            Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::OutOfMemory => {
                ErrorKind::OutOfMemory
            }
            Error::Io { .. } => ErrorKind::Io,
            Error::BadFile { .. } => ErrorKind::BadFile,
            Error::Invalid(_) => ErrorKind::Invalid,
            Error::Refused(_) | Error::Diverged(_) | Error::Graph(_) => ErrorKind::Refused,
            Error::Unknown(_) => ErrorKind::Unknown,
            Error::Device(_) => ErrorKind::Device,
            Error::DeviceLost(_) => ErrorKind::DeviceLost,
            Error::TooLarge { .. } => ErrorKind::TooLarge,
            Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Error::Busy(_) | Error::Training { .. } => ErrorKind::Busy,
            Error::Stale { .. } => ErrorKind::Stale,
            Error::Cancelled(_) => ErrorKind::Cancelled,
            Error::Internal(_) => ErrorKind::Internal,
            Error::Hinted { error, hints } => return Self { hints: hints.clone(), ..Self::from(&**error) },
        };
        let report = Self::new(kind, error.to_string());
        match error {
            Error::Invalid(invalid) => Self::from(invalid.clone()),
            Error::Training { run, .. } => Self { run: Some(run.clone()), ..report },
            _ => report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn advice_on_files_is_the_same_in_every_front_end() {
        for kind in [
            ErrorKind::PermissionDenied,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::StorageFull,
            ErrorKind::OutOfMemory,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::NotADirectory,
            ErrorKind::IsADirectory,
        ] {
            let told = Error::io("notes.txt")(kind.into()).to_string();
            assert!(told.starts_with("notes.txt: ") && told.matches("; ").count() == 1, "{told}");
            assert!(!told.contains("--"), "a window has no options: {told}");
        }
    }

    #[test]
    fn reports_carry_hints() {
        use glasshouse_protocol::{ErrorReport, Hint};
        let report = |error: Error| ErrorReport::from(&error);
        let hinted = Error::bad_file("model.gguf", "already exists").hint(Hint::Replace).hint(Hint::Run);
        let changed = hinted.map(|error| Error::Refused(format!("no: {error}")));
        let refused = glasshouse_protocol::ErrorKind::Refused;
        let told = report(changed);
        assert_eq!((told.kind, told.message.as_str()), (refused, "no: model.gguf: already exists"));
        assert_eq!(told.hints, [Hint::Replace, Hint::Run]);
        let half = report(glasshouse_compiler::Error::trains_without_half("a GPU").into());
        assert_eq!((half.kind, half.hints), (refused, vec![Hint::F32]));
        let invalid = glasshouse_protocol::Invalid::new("a", 1, "be 2").hint(Hint::Start);
        let told = report(invalid.into());
        assert_eq!((told.field.as_deref(), told.hints), (Some("a"), vec![Hint::Start]));
    }
}
