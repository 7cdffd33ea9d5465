//! Cached results of views that do not depend on the prompt.

use super::Lens;
use crate::weights::{AlongRun, Histograms};
use glasshouse_protocol::CheckpointSummary;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Induction scores [L, H], with the versions of the parameters.
    induction: Option<(Vec<u64>, Vec<f32>)>,
    /// Histograms of the weights, with the versions of the parameters.
    weights: Option<(Vec<u64>, Histograms)>,
    /// Changes along a run, with its folder and the checkpoints read.
    along_run: Option<(PathBuf, Vec<CheckpointSummary>, AlongRun)>,
}

impl Lens {
    /// Cached induction scores [L, H] of the current weights.
    pub(crate) fn kept_induction(&self) -> Option<&[f32]> {
        let (versions, scores) = self.kept.induction.as_ref()?;
        (*versions == self.versions).then_some(scores.as_slice())
    }

    /// Caches the induction scores [L, H] of the current weights.
    pub(crate) fn keep_induction(&mut self, scores: &[f32]) {
        self.kept.induction = Some((self.versions.clone(), scores.to_vec()));
    }

    pub(crate) fn kept_histograms(&self) -> Option<&Histograms> {
        let (versions, own) = self.kept.weights.as_ref()?;
        (*versions == self.versions).then_some(own)
    }

    pub(crate) fn keep_histograms(&mut self, own: Histograms) {
        self.kept.weights = Some((self.versions.clone(), own));
    }

    /// Cached changes of a run's weights over these checkpoints.
    pub(crate) fn kept_along_run(
        &self,
        folder: &Path,
        checkpoints: &[CheckpointSummary],
    ) -> Option<&AlongRun> {
        let (own, of, along) = self.kept.along_run.as_ref()?;
        (own == folder && of == checkpoints).then_some(along)
    }

    /// Caches changes of a run's weights over some of its checkpoints.
    pub(crate) fn keep_along_run(
        &mut self,
        folder: &Path,
        checkpoints: Vec<CheckpointSummary>,
        along: AlongRun,
    ) {
        self.kept.along_run = Some((folder.to_owned(), checkpoints, along));
    }
}
