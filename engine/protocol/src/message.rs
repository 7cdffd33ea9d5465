//! Envelopes of commands and events: numbered, so that answers can be matched to requests, with bulk bytes attached.

use crate::{Command, Event};
use serde::{Deserialize, Serialize};

/// Version of the protocol. A page and its worker are built together, but a page cached by a browser may be older.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The sender's number, from 1, ascending; all events that answer the request carry it.
    pub id: u64,
    /// [`OpenedProject::opening`](crate::OpenedProject::opening) of the project that the command was made for. If another project is
    /// open by then, the request is refused as [`ErrorKind::Stale`](crate::ErrorKind::Stale), with its bytes attached to the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<u64>,
    pub command: Command,
}

impl Request {
    /// A request to whichever project is open.
    pub fn new(id: u64, command: Command) -> Self {
        Self { id, opening: None, command }
    }
}

/// An event sent to a front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The request it answers; `None` for unsolicited events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    pub event: Event,
}

/// A message with attached bytes (files, archives), which a browser transfers without copying.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<T> {
    pub body: T,
    /// Whole files, in the order in which the message names them.
    pub bytes: Vec<Vec<u8>>,
}

impl<T> Envelope<T> {
    /// A message without attachments.
    pub fn plain(body: T) -> Self {
        Self { body, bytes: Vec::new() }
    }
}
