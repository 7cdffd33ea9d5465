//! The data bench of the open project: its recipe, samples judged by it, and the cleaning itself.

use super::Session;
use crate::error::{Error, Result};
use crate::protocol::{Command, Parcel, Report};

impl<Tell: Fn(Parcel<Report>)> Session<Tell> {
    /// Serves the bench's commands.
    pub(super) async fn clean(&mut self, _: u64, command: Command) -> Result<()> {
        Err(Error::Internal(format!("{command:?} is no command of the bench")))
    }
}
