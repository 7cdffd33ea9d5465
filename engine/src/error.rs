//! The engine's one error type. A message says what happened, where, and what to do about it.

use std::path::PathBuf;

/// Everything that can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {cause}{}", path.display(), advice_for_io(cause))]
    Io {
        /// Which.
        path: PathBuf,
        /// Why. Not named `source`: the message says it already.
        cause: std::io::Error,
    },
    /// Text, a tokenizer or a project file that cannot be used.
    #[error("{}: {reason}", path.display())]
    BadFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, where, and what to do.
        reason: String,
    },
    /// A configuration that breaks a rule.
    #[error(transparent)]
    Invalid(#[from] glasshouse_protocol::Invalid),
    /// A configuration or request that cannot be met, said in one sentence.
    #[error("{0}")]
    Refused(String),
    /// A run, kernel or the like that there is none of by the name that was given.
    #[error("{0}")]
    Unknown(String),
    /// A node of the graph whose inputs do not fit it.
    #[error(transparent)]
    Graph(#[from] crate::graph::GraphError),
    /// The device is missing, or cannot do what is asked.
    #[error("{0}")]
    Device(String),
    /// The device went away: opened again, it may do.
    #[error("{0}")]
    DeviceLost(String),
    /// The model and its batch need more memory than the device or one of its buffers offers.
    #[error("{what} needs {needed} bytes and the device offers {available}; {advice}")]
    TooLarge {
        /// What does not fit.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        available: u64,
        /// A setting that would fit.
        advice: String,
    },
    /// The device has no memory left for what is needed; how much it had is not told.
    #[error("{what} needs {needed} bytes, and the device has no memory left for it; {advice}")]
    OutOfMemory {
        /// What found no place.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes that were found before, where all that a model needs was asked for: settings that take no more fit.
        held: Option<u64>,
        /// What may help.
        advice: String,
    },
    /// The person ended it; nothing is wrong.
    #[error("{0} was cancelled; nothing was changed")]
    Cancelled(String),
    /// It must wait for something that is under way.
    #[error("{0}")]
    Busy(String),
    /// It must wait for a run's training.
    #[error("{run} is training; {advice}")]
    Training {
        /// The run's name.
        run: String,
        /// What to do.
        advice: &'static str,
    },
    /// A fault of ours: an invariant that should hold does not.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

/// Shorthand for results of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to do where the system refuses a file, as the end of a message; nothing where the error says it itself.
pub fn advice_for_io(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => "; free some space and try again: all finished work is safe",
        std::io::ErrorKind::OutOfMemory => {
            "; not enough memory for it: close other tabs and programs, or use a smaller file or model"
        }
        // Of reading and writing alike, in a window too.
        std::io::ErrorKind::PermissionDenied => "; change its permissions, or choose another file or folder",
        std::io::ErrorKind::ReadOnlyFilesystem => "; this place is read-only: choose another place",
        std::io::ErrorKind::NotFound => "; check the name, and that the folder around it is there",
        std::io::ErrorKind::AlreadyExists => "; choose another name",
        std::io::ErrorKind::NotADirectory => "; a file stands where a folder should: choose another place",
        std::io::ErrorKind::IsADirectory => "; it is a folder: name a file",
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

    /// A file that cannot be used, and why.
    pub fn bad_file(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::BadFile { path: path.into(), reason: reason.into() }
    }
}

impl From<glasshouse_compiler::Error> for Error {
    fn from(error: glasshouse_compiler::Error) -> Self {
        use glasshouse_compiler::Error as Compiler;
        match error {
            Compiler::Invalid(invalid) => Self::Invalid(invalid),
            Compiler::Refused(reason) => Self::Refused(reason),
            Compiler::Graph(error) => Self::Graph(error),
            Compiler::TooLarge { what, needed, available, advice } => {
                Self::TooLarge { what, needed, available, advice }
            }
            Compiler::Internal(reason) => Self::Internal(reason),
        }
    }
}

impl Error {
    /// A decoder that has a text in every place.
    pub(crate) fn no_place() -> Self {
        Self::Busy("every place of the decoder has a text; wait until one ends, or release one".to_owned())
    }
}

impl From<glasshouse_corpus::Error> for Error {
    fn from(error: glasshouse_corpus::Error) -> Self {
        use glasshouse_corpus::Error as Corpus;
        match error {
            Corpus::Io { path, cause } => Self::Io { path, cause },
            Corpus::BadFile { path, reason } => Self::BadFile { path, reason },
            Corpus::Invalid(reason) | Corpus::Refused(reason) => Self::Refused(reason),
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
            Error::Refused(_) | Error::Graph(_) => ErrorKind::Refused,
            Error::Unknown(_) => ErrorKind::Unknown,
            Error::Device(_) => ErrorKind::Device,
            Error::DeviceLost(_) => ErrorKind::DeviceLost,
            Error::TooLarge { .. } => ErrorKind::TooLarge,
            Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Error::Busy(_) | Error::Training { .. } => ErrorKind::Busy,
            Error::Cancelled(_) => ErrorKind::Cancelled,
            Error::Internal(_) => ErrorKind::Internal,
        };
        let (field, run) = match error {
            Error::Invalid(invalid) => (Some(invalid.field.clone()), None),
            Error::Training { run, .. } => (None, Some(run.clone())),
            _ => (None, None),
        };
        Self { kind, message: error.to_string(), field, run }
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
}
