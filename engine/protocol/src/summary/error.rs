//! What went wrong, as front ends are told.

use serde::{Deserialize, Serialize};

/// What sort of error it is, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A setting breaks a rule.
    Invalid,
    /// It cannot be done as things stand.
    Refused,
    /// Nothing has the name that was given.
    Unknown,
    /// A file cannot be read or written.
    Io,
    /// The storage has no room left.
    StorageFull,
    /// A file is not what it should be.
    BadFile,
    /// A device is missing, or lacks something.
    Device,
    /// A device stopped answering.
    DeviceLost,
    /// More is needed than the device has.
    TooLarge,
    /// The system had no memory left.
    OutOfMemory,
    /// The engine stopped: the front end says so.
    EngineLost,
    /// Something else is under way.
    Busy,
    /// It was cancelled.
    Cancelled,
    /// A fault of the program.
    Internal,
    /// No error: a sentence of the front end's own.
    Notice,
}

impl ErrorKind {
    /// All that are errors.
    pub const ALL: [Self; 14] = [
        Self::Invalid,
        Self::Refused,
        Self::Unknown,
        Self::Io,
        Self::StorageFull,
        Self::BadFile,
        Self::Device,
        Self::DeviceLost,
        Self::TooLarge,
        Self::OutOfMemory,
        Self::EngineLost,
        Self::Busy,
        Self::Cancelled,
        Self::Internal,
    ];
}

/// An error as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What sort of error it is.
    pub kind: ErrorKind,
    /// What happened, and what to do about it: the engine's own sentence.
    pub message: String,
    /// The setting that breaks a rule, as `model.heads`; a form shows the message beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The run whose training stands in the way: it can be done when that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl ErrorReport {
    /// An error that is about no setting and no run.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, run: None }
    }
}

impl From<crate::Invalid> for ErrorReport {
    fn from(invalid: crate::Invalid) -> Self {
        Self { field: Some(invalid.field.clone()), ..Self::new(ErrorKind::Invalid, invalid.to_string()) }
    }
}
