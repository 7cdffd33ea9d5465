//! Evaluations: made for a front end, and kept with their runs.

use super::Session;
use super::training::Live;
use crate::error::{Error, Result};
use crate::protocol::{EvaluateSettings, WeightSource};
use std::path::PathBuf;

impl Session {
    /// Evaluates a model.
    pub(super) async fn evaluate(
        &mut self,
        _id: u64,
        _source: &WeightSource,
        _settings: EvaluateSettings,
        _files: Vec<Vec<u8>>,
        _live: Option<Live<'_, '_>>,
    ) -> Result<()> {
        Err(Error::Refused("nothing evaluates yet".to_owned()))
    }

    /// Answers with what is kept of evaluations and audits, and with how the runs compare.
    pub(super) async fn read_evaluations(&mut self, _id: u64, _runs: &[String]) -> Result<()> {
        Err(Error::Refused("nothing evaluates yet".to_owned()))
    }

    /// Writes a run's card.
    pub(super) fn write_card(
        &mut self,
        _id: u64,
        _run: &str,
        _to: Option<PathBuf>,
        _keep: bool,
    ) -> Result<()> {
        Err(Error::Refused("nothing evaluates yet".to_owned()))
    }
}
