//! The engine in a Web Worker.

use glasshouse_protocol::{Parcel, Report, Request};

/// The worker's two ends.
#[derive(Debug)]
pub struct EngineLink {}

impl EngineLink {
    pub(super) fn send(&mut self, _request: Parcel<Request>) {}

    pub(super) fn receive(&mut self) -> Option<Parcel<Report>> {
        None
    }

    pub(super) fn lost(&self) -> Option<String> {
        None
    }

    pub(super) fn restart(&mut self) -> Result<(), String> {
        Err("reload the page to start the engine again".to_owned())
    }
}
