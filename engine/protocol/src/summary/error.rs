//! Errors as reported to front ends.

use crate::Hint;
use crate::setting::choices;
use serde::{Deserialize, Serialize};

choices! {
    /// Kind of error, by the remedy.
    pub enum ErrorKind {
        Invalid = "invalid";
        /// The request is not possible in the current state.
        Refused = "refused";
        /// No item has the given name.
        Unknown = "unknown";
        /// A file cannot be read or written.
        Io = "io";
        StorageFull = "storage_full";
        /// A file has the wrong format or content.
        BadFile = "bad_file";
        /// A device is missing or lacks a feature.
        Device = "device";
        DeviceLost = "device_lost";
        /// The request needs more than the device has.
        TooLarge = "too_large";
        OutOfMemory = "out_of_memory";
        /// The engine stopped; reported by the front end itself.
        EngineLost = "engine_lost";
        /// Another request is in progress.
        Busy = "busy";
        /// The request was made for a project that is no longer open. Nothing was changed.
        Stale = "stale";
        Cancelled = "cancelled";
        /// A bug in the program.
        Internal = "internal";
    }
    unlisted {
        /// Not an error, but a message of the front end itself.
        Notice = "notice";
    }
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
