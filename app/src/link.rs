//! The connection to the engine: commands out, events in. Natively the engine is a thread of this process, in a browser a worker.
//! Other platform differences are here, too: choosing and saving files, and storing preferences.

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
pub use crate::places::shelf;
#[cfg(not(target_arch = "wasm32"))]
pub use address_native::page_address;
#[cfg(target_arch = "wasm32")]
pub use address_web::page_address;
pub use files::{Answer, Chosen, NoFiles, Picks, Wish, is_document, own_name};
#[cfg(not(target_arch = "wasm32"))]
pub use files_native::{FOLDERS, bytes_of, expanded, here, pick, read_dropped, save};
#[cfg(target_arch = "wasm32")]
pub use files_web::{FOLDERS, bytes_of, dropped, expanded, here, pick, read_dropped, save};
#[cfg(not(target_arch = "wasm32"))]
pub use native::EngineLink;
#[cfg(not(target_arch = "wasm32"))]
pub use preferences_native::{load_preferences, store_preferences};
#[cfg(target_arch = "wasm32")]
pub use preferences_web::{load_preferences, store_preferences};
#[cfg(target_arch = "wasm32")]
pub use web::EngineLink;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{boot, fonts, mirrored};

use glasshouse_protocol::{Command, Envelope, Report, Request};

#[derive(Debug)]
pub enum Link {
    /// An engine in another thread, or in a browser's worker.
    Engine(EngineLink),
    /// A prepared list of reports, for tests; sent requests are recorded.
    Script { sent: Vec<Envelope<Request>>, reports: std::collections::VecDeque<Envelope<Report>> },
}

impl Link {
    /// An empty script, for tests.
    pub fn script() -> Self {
        Self::Script { sent: Vec::new(), reports: Default::default() }
    }

    pub fn send(&mut self, request: Envelope<Request>) {
        match self {
            Self::Engine(engine) => engine.send(request),
            Self::Script { sent, .. } => sent.push(request),
        }
    }

    pub fn receive(&mut self) -> Option<Envelope<Report>> {
        match self {
            Self::Engine(engine) => engine.receive(),
            Self::Script { reports, .. } => reports.pop_front(),
        }
    }

    /// Why the engine is unreachable; `None` while it is reachable.
    pub fn lost(&self) -> Option<String> {
        match self {
            Self::Engine(engine) => engine.lost(),
            Self::Script { .. } => None,
        }
    }

    /// Restarts a lost engine.
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

/// Commands of the pages in order; the app sends them after drawing.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Number of the last request.
    pub last: u64,
    /// Number of the project that the pages show, as in [`Request::opening`].
    pub opening: Option<u64>,
    waiting: Vec<Envelope<Request>>,
}

impl Outbox {
    /// Queues a command and returns its request number.
    pub fn send(&mut self, command: impl Into<Command>) -> u64 {
        self.send_with(command.into(), Vec::new())
    }

    pub fn send_with(&mut self, command: impl Into<Command>, bytes: Vec<Vec<u8>>) -> u64 {
        self.last += 1;
        let command = command.into();
        let opening = self.opening.filter(|_| command.is_about_open_project());
        self.waiting.push(Envelope { body: Request { id: self.last, opening, command }, bytes });
        self.last
    }

    pub fn take(&mut self) -> Vec<Envelope<Request>> {
        std::mem::take(&mut self.waiting)
    }
}
