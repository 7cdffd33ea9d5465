//! Events on their way out.

use crate::error::Error;
use crate::protocol::{Command, ErrorReport, Event, Parcel, Report};
use std::cell::Cell;
use web_time::{Duration, Instant};

/// How often the engine says that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// Says what happened.
pub(super) struct Outlet<Tell> {
    tell: Tell,
    last_beat: Cell<Instant>,
    busy: String,
}

impl<Tell: Fn(Parcel<Report>)> Outlet<Tell> {
    pub(super) fn new(tell: Tell) -> Self {
        Self { tell, last_beat: Cell::new(Instant::now()), busy: String::new() }
    }

    /// Notes what is being done.
    pub(super) fn begin(&mut self, command: &Command) {
        self.busy = match command {
            Command::TrainTokenizer { .. } | Command::CompareTokenizers { .. } => "training a tokenizer",
            Command::Measure { .. } | Command::Bench { .. } => "measuring",
            Command::ListDocuments { .. } | Command::AddDocuments { .. } => "reading documents",
            Command::FetchCorpus { .. } => "fetching a corpus",
            Command::ExportProject { .. } | Command::ImportProject { .. } => "packing",
            _ => "",
        }
        .to_owned();
    }

    /// Says that the engine lives, when it has not for a second.
    pub(super) fn beat(&self, busy: &str) {
        if self.last_beat.get().elapsed() >= BEAT {
            self.last_beat.set(Instant::now());
            self.say(Event::Heartbeat {
                busy: if busy.is_empty() { self.busy.clone() } else { busy.to_owned() },
            });
        }
    }

    /// An event that answers a request.
    pub(super) fn answer(&self, request: u64, event: Event) {
        self.send(Some(request), event, Vec::new());
    }

    /// The same with files beside it.
    pub(super) fn answer_with(&self, request: u64, event: Event, bytes: Vec<Vec<u8>>) {
        self.send(Some(request), event, bytes);
    }

    /// An event that happened by itself.
    pub(super) fn say(&self, event: Event) {
        self.send(None, event, Vec::new());
    }

    pub(super) fn notice(&self, text: impl Into<String>) {
        self.say(Event::Notice { text: text.into() });
    }

    pub(super) fn finished(&self, request: u64) {
        self.answer(request, Event::Finished);
    }

    pub(super) fn failed(&self, request: Option<u64>, error: &Error) {
        self.send(request, Event::Failed { error: ErrorReport::from(error) }, Vec::new());
    }

    fn send(&self, request: Option<u64>, event: Event, bytes: Vec<Vec<u8>>) {
        (self.tell)(Parcel { body: Report { request, event }, bytes });
    }
}
