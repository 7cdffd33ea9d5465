//! Errors as reported to front ends.

use crate::Hint;
use serde::{Deserialize, Serialize};

/// Kind of error, by the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    Invalid,
    /// The request is not possible in the current state.
    Refused,
    /// No item has the given name.
    Unknown,
    /// A file cannot be read or written.
    Io,
    StorageFull,
    /// A file has the wrong format or content.
    BadFile,
    /// A device is missing or lacks a feature.
    Device,
    DeviceLost,
    /// The request needs more than the device has.
    TooLarge,
    OutOfMemory,
    /// The engine stopped; reported by the front end itself.
    EngineLost,
    /// Another request is in progress.
    Busy,
    Cancelled,
    /// A bug in the program.
    Internal,
    /// Not an error, but a message of the front end itself.
    Notice,
}

impl ErrorKind {
    /// All kinds except [`Self::Notice`].
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    pub kind: ErrorKind,
    /// What happened and what to do about it.
    pub message: String,
    /// The invalid setting, as in `model.heads`; a form shows the message next to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The run whose training blocks the request; it is possible once that run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

impl ErrorReport {
    /// An error without a setting, run or hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, run: None, hints: Vec::new() }
    }
}

impl From<crate::Invalid> for ErrorReport {
    fn from(invalid: crate::Invalid) -> Self {
        let hints = invalid.hint.into_iter().collect();
        let report = Self::new(ErrorKind::Invalid, invalid.to_string());
        Self { field: Some(invalid.field), hints, ..report }
    }
}
