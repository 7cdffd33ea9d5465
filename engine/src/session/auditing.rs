//! Audits: made for a front end, and kept with their runs.

use super::Session;
use super::training::Live;
use crate::error::{Error, Result};
use crate::protocol::{AuditSettings, WeightSource};

impl Session {
    /// Looks for bias, memorised and personal text in what a model writes.
    pub(super) async fn audit(
        &mut self,
        _id: u64,
        _source: &WeightSource,
        _settings: AuditSettings,
        _live: Option<Live<'_, '_>>,
    ) -> Result<()> {
        Err(Error::Refused("nothing audits yet".to_owned()))
    }
}
