//! The way to the engine: commands out, events in. Natively the engine is a thread of this process, in a browser a worker.
//! Beside it, what else differs between the two: picking and saving files, and keeping preferences.

#[cfg(not(target_arch = "wasm32"))]
mod address_native;
#[cfg(target_arch = "wasm32")]
mod address_web;
#[cfg(not(target_arch = "wasm32"))]
mod dialogs;
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod files_native;
#[cfg(target_arch = "wasm32")]
mod files_web;
pub mod mirror;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod preferences_native;
#[cfg(target_arch = "wasm32")]
mod preferences_web;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use address_native::page_address;
#[cfg(target_arch = "wasm32")]
pub use address_web::page_address;
pub use files::{Answer, Chosen, ENDINGS, NoFiles, PACKED, Wish, is_document, model_file};
#[cfg(not(target_arch = "wasm32"))]
pub use files_native::{FOLDERS, HERE, bytes_of, expanded, pick, read_dropped, save};
#[cfg(target_arch = "wasm32")]
pub use files_web::{FOLDERS, HERE, bytes_of, chosen_files, expanded, pick, read_dropped, save};
#[cfg(not(target_arch = "wasm32"))]
pub use native::EngineLink;
#[cfg(not(target_arch = "wasm32"))]
pub use preferences_native::{load_preferences, shelf, store_preferences};
#[cfg(target_arch = "wasm32")]
pub use preferences_web::{load_preferences, store_preferences};
#[cfg(target_arch = "wasm32")]
pub use web::EngineLink;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{boot, fonts, mirrored};

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
    /// A link to nobody, for tests: nothing is to come.
    pub fn script() -> Self {
        Self::Script { sent: Vec::new(), reports: Default::default() }
    }

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

    /// Why the engine cannot be reached any more; `None` while it can.
    pub fn lost(&self) -> Option<String> {
        match self {
            Self::Engine(engine) => engine.lost(),
            Self::Script { .. } => None,
        }
    }

    /// Starts a lost engine again.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn restart(&mut self) -> Result<(), String> {
        match self {
            Self::Engine(engine) => engine.restart(),
            Self::Script { .. } => Ok(()),
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
