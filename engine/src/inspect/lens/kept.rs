//! What views found that no prompt has a say in: the next one need not wait for it.

use super::Lens;
use crate::inspect::weights::{AlongRun, Histograms};
use crate::protocol::CheckpointSummary;
use std::path::{Path, PathBuf};

/// What is kept for the next prompt.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Induction scores [L, H], and the versions of the parameters that they are of.
    induction: Option<(Vec<u64>, Vec<f32>)>,
    /// What parameters are like, and the versions of them that it is of.
    weights: Option<(Vec<u64>, Histograms)>,
    /// How a run's weights change, by its folder and the checkpoints that were read.
    along_run: Option<(PathBuf, Vec<CheckpointSummary>, AlongRun)>,
}

impl Lens {
    /// Induction scores [L, H] of the weights as they are, where they were kept.
    pub(in crate::inspect) fn kept_induction(&self) -> Option<&[f32]> {
        let (versions, scores) = self.kept.induction.as_ref()?;
        (*versions == self.versions).then_some(scores.as_slice())
    }

    /// Keeps the induction scores [L, H] of the weights as they are.
    pub(in crate::inspect) fn keep_induction(&mut self, scores: &[f32]) {
        self.kept.induction = Some((self.versions.clone(), scores.to_vec()));
    }

    /// What the weights as they are are like, where it was kept.
    pub(in crate::inspect) fn kept_histograms(&self) -> Option<&Histograms> {
        let (versions, own) = self.kept.weights.as_ref()?;
        (*versions == self.versions).then_some(own)
    }

    /// Keeps what the weights as they are are like.
    pub(in crate::inspect) fn keep_histograms(&mut self, own: Histograms) {
        self.kept.weights = Some((self.versions.clone(), own));
    }

    /// How the weights of a run change over some of its checkpoints, where it was kept.
    pub(in crate::inspect) fn kept_along_run(
        &self,
        folder: &Path,
        checkpoints: &[CheckpointSummary],
    ) -> Option<&AlongRun> {
        let (own, of, along) = self.kept.along_run.as_ref()?;
        (own == folder && of == checkpoints).then_some(along)
    }

    /// Keeps how the weights of a run change over some of its checkpoints.
    pub(in crate::inspect) fn keep_along_run(
        &mut self,
        folder: &Path,
        checkpoints: Vec<CheckpointSummary>,
        along: AlongRun,
    ) {
        self.kept.along_run = Some((folder.to_owned(), checkpoints, along));
    }
}
