//! How commands and events travel: numbered, so that an answer finds its question, with bulk bytes beside the text.

use crate::{Command, Event};
use serde::{Deserialize, Serialize};

/// Version of the messages. Page and worker are built together; a recorded log and a page kept by a browser may be older.
pub const VERSION: u32 = 1;

/// A command on its way to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The sender's number for it; every event that answers it carries the same. Numbers grow and start at 1.
    pub id: u64,
    /// What is asked.
    pub command: Command,
}

/// An event on its way to the front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The request that it answers; `None` where it happened by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// What happened.
    pub event: Event,
}

/// A message with the bytes that go with it (files, archives), which a browser transfers without copying.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel<T> {
    /// The message.
    pub body: T,
    /// Whole files, in the order that the message names them.
    pub bytes: Vec<Vec<u8>>,
}

impl<T> Parcel<T> {
    /// A message without bytes.
    pub fn plain(body: T) -> Self {
        Self { body, bytes: Vec::new() }
    }
}

/// A line of a recorded session: `--record FILE` writes them, a test replays them. Bytes are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the recording began.
    pub at_ms: u64,
    /// What was sent, or what came.
    #[serde(flatten)]
    pub message: LogMessage,
}

/// Which way a recorded message went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogMessage {
    /// To the engine.
    Request(Request),
    /// From the engine.
    Report(Box<Report>),
}
