//! The way to the engine: commands out, events in. Natively the engine is a thread of this process, in a browser a worker.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::EngineLink;
#[cfg(target_arch = "wasm32")]
pub use web::EngineLink;

use glasshouse_protocol::{Command, Parcel, Report, Request};

/// A link to an engine, or to a recording of one.
#[derive(Debug)]
pub enum Link {
    /// A living engine.
    Engine(EngineLink),
    /// Reports laid up beforehand, for tests; what is sent is kept.
    Script {
        /// Sent so far.
        sent: Vec<Parcel<Request>>,
        /// To come.
        reports: std::collections::VecDeque<Parcel<Report>>,
    },
}

impl Link {
    /// Sends a command.
    pub fn send(&mut self, request: Parcel<Request>) {
        match self {
            Self::Engine(engine) => engine.send(request),
            Self::Script { sent, .. } => sent.push(request),
        }
    }

    /// The next event, if one has come.
    pub fn receive(&mut self) -> Option<Parcel<Report>> {
        match self {
            Self::Engine(engine) => engine.receive(),
            Self::Script { reports, .. } => reports.pop_front(),
        }
    }
}

/// Commands that pages want sent, in order; the app sends them after drawing.
#[derive(Debug, Default)]
pub struct Outbox {
    last: u64,
    waiting: Vec<Parcel<Request>>,
}

impl Outbox {
    /// Puts a command in and returns its number.
    pub fn send(&mut self, command: Command) -> u64 {
        self.send_with(command, Vec::new())
    }

    /// The same with files beside it.
    pub fn send_with(&mut self, command: Command, bytes: Vec<Vec<u8>>) -> u64 {
        self.last += 1;
        self.waiting.push(Parcel { body: Request { id: self.last, command }, bytes });
        self.last
    }

    /// Everything that waits.
    pub fn take(&mut self) -> Vec<Parcel<Request>> {
        std::mem::take(&mut self.waiting)
    }
}
