//! The one async loop between a front end's commands, the executors and events: a thread natively, a Web Worker in a browser.

use crate::protocol::{Parcel, Report, Request};
use std::path::PathBuf;

/// How a session is set up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder of all projects.
    pub shelf: PathBuf,
    /// A project folder to open at once.
    pub project: Option<PathBuf>,
}

/// Serves requests until their channel closes; then what trains is saved.
pub async fn run(
    _options: Options,
    inbox: async_channel::Receiver<Parcel<Request>>,
    _tell: impl Fn(Parcel<Report>),
) {
    while inbox.recv().await.is_ok() {}
}
