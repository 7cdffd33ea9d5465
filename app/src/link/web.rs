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
}
