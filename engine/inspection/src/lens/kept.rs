//! Cached results of views that do not depend on the prompt, each with what it was computed from.

use crate::weights::{AlongRun, Histograms};
use glasshouse_protocol::CheckpointSummary;
use std::path::PathBuf;

#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Induction scores [L, H], with the versions of the parameters.
    pub(crate) induction: Option<(Vec<u64>, Vec<f32>)>,
    /// Histograms of the weights, with the versions of the parameters.
    pub(crate) histograms: Option<(Vec<u64>, Histograms)>,
    /// Changes along a run, with its folder and the checkpoints read.
    pub(crate) along_run: Option<((PathBuf, Vec<CheckpointSummary>), AlongRun)>,
}

/// The cached result, if it was computed from this.
pub(crate) fn of<'kept, From: PartialEq, Found>(
    kept: &'kept Option<(From, Found)>,
    from: &From,
) -> Option<&'kept Found> {
    kept.as_ref().filter(|(own, _)| own == from).map(|(_, found)| found)
}
