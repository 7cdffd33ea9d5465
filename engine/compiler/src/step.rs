//! Inputs and outputs of a training step, shared by trainer, executors and self-test.

use glasshouse_protocol::PreferenceMetrics;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A target that does not count in the loss.
pub const IGNORED: u32 = u32::MAX;

/// The weights and the optimizer state, in the layout of [`crate::plan::arena::ArenaLayout`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArenaState {
    /// Weights: `layout.length` floats, or `layout.floats_end` if `stored` has the others.
    pub parameters: Arc<Vec<f32>>,
    /// Words of the frozen matrices stored in fewer bits; empty if `parameters` has these too.
    pub stored: Arc<Vec<u32>>,
    /// First moments, `layout.trained_end` floats; empty if the optimizer has none.
    pub first_moments: Vec<f32>,
    /// Second moments, `layout.trained_end` floats; empty if the optimizer has none.
    pub second_moments: Vec<f32>,
    /// Dynamic loss scaling state, in mixed precision.
    pub loss_scale: Option<LossScale>,
    /// Average of the trained weights, `layout.trained_end` floats; empty without `train.ema`. The trainer keeps it; executors ignore it.
    pub average: Vec<f32>,
}

impl ArenaState {
    /// Weights without moments.
    pub fn from_weights(parameters: impl Into<Arc<Vec<f32>>>) -> Self {
        Self { parameters: parameters.into(), ..Self::default() }
    }

    /// The weights for modification, copied if others hold them.
    pub fn weights_mut(&mut self) -> &mut Vec<f32> {
        Arc::make_mut(&mut self.parameters)
    }

    /// Exchanges the trained weights for their average, if there is one.
    pub fn exchange_average(&mut self) {
        let count = self.average.len();
        if count > 0 && count <= self.parameters.len() {
            Arc::make_mut(&mut self.parameters)[..count].swap_with_slice(&mut self.average);
        }
    }
}

/// State of dynamic loss scaling (Micikevicius et al. 2018). The device updates it, in `gradient_norm.wgsl`: a non-finite
/// gradient halves the scale, [`LossScale::INTERVAL`] finite ones in a row double it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// Factor on the loss.
    pub scale: f32,
    /// Steps since the last change of the scale or the last skipped step.
    pub good_steps: u32,
}

impl LossScale {
    /// For runs in 32 bits, where it never changes.
    pub const ONE: Self = Self { scale: 1.0, good_steps: 0 };
    /// Initial scale, as in PyTorch's `GradScaler`.
    pub const FIRST: Self = Self { scale: 65536.0, good_steps: 0 };
    /// Good steps after which the scale doubles, as in PyTorch's `GradScaler`.
    pub const INTERVAL: u32 = 2000;
    /// Number of halvings from the first scale to the minimum, 1.
    pub const HALVINGS: u32 = 16;
}

/// Token ids of a micro-batch, B·T each, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MicroBatch {
    pub tokens: Vec<u32>,
    /// The id after each token, or [`IGNORED`].
    pub targets: Vec<u32>,
    /// The position within its row of the first token of each token's document, if a row holds several that do not attend to
    /// each other: at most the token's own position, never decreasing. `None` if each row is one document.
    pub document_starts: Option<Vec<u32>>,
    pub seed: [u32; 2],
    /// Divisor of the sum of target losses in training, above 0; `None` for the number of counted targets.
    pub loss_denominator: Option<f32>,
    /// Per-batch constants of the objective, if its graph takes [`crate::graph::Input::Scores`]; see
    /// [`crate::graph::ops::Preference`] and [`crate::graph::ops::Policy`].
    pub scores: Option<Vec<f32>>,
}

impl MicroBatch {
    /// Divides the losses of a step's micro-batches by their mean number of counted targets, so that the step's loss, the mean
    /// over micro-batches, is the mean over all its targets (`num_items_in_batch` in TRL and transformers). Does nothing if all
    /// have the same number. `ignored` is the target that does not count.
    pub fn normalise_over_step(micro_batches: &mut [Self], ignored: Option<u32>) {
        let count = |batch: &Self| batch.targets.iter().filter(|target| Some(**target) != ignored).count();
        let counts: Vec<usize> = micro_batches.iter().map(count).collect();
        let total: usize = counts.iter().sum();
        if total > 0 && counts.iter().any(|count| Some(count) != counts.first()) {
            let mean = total as f32 / counts.len() as f32;
            micro_batches.iter_mut().for_each(|batch| batch.loss_denominator = Some(mean));
        }
    }

    /// Divides the token weights, which are the scores, by their mean sum per micro-batch of the step.
    pub fn normalise_weights_over_step(micro_batches: &mut [Self]) {
        let weights = micro_batches.iter().filter_map(|batch| batch.scores.as_ref()).flatten();
        let mean = weights.map(|weight| f64::from(*weight)).sum::<f64>() / micro_batches.len().max(1) as f64;
        for weight in micro_batches.iter_mut().filter_map(|batch| batch.scores.as_mut()).flatten() {
            *weight = (f64::from(*weight) / mean) as f32;
        }
    }

    /// Divides ORPO's losses of chosen tokens by their mean number per micro-batch of the step, through the first score
    /// ([`crate::graph::ops::Preference`]). The chosen answers are every other row of `time` positions.
    pub fn normalise_chosen_over_step(micro_batches: &mut [Self], time: usize, ignored: Option<u32>) {
        let counts = micro_batches.iter().map(|batch| {
            let chosen = batch.targets.chunks(time.max(1)).step_by(2).flatten();
            chosen.filter(|target| Some(**target) != ignored).count()
        });
        let total: usize = counts.sum();
        let mean = total as f32 / micro_batches.len().max(1) as f32;
        for first in micro_batches.iter_mut().filter_map(|batch| batch.scores.as_mut()?.first_mut()) {
            *first = mean;
        }
    }

    /// [`crate::graph::Input::Shares`]: equal, except that padding has none. It follows the last target that counts in a row of `time`
    /// positions, as in transformers' attention mask.
    pub fn shares(&self, time: usize, ignored: Option<u32>) -> Vec<f32> {
        let length = |row: &[u32]| row.iter().rposition(|id| Some(*id) != ignored).map_or(0, |last| last + 1);
        let lengths: Vec<usize> = self.targets.chunks(time.max(1)).map(length).collect();
        let share = 1.0 / lengths.iter().sum::<usize>().max(1) as f32;
        let rows = self.targets.chunks(time.max(1)).zip(lengths);
        rows.flat_map(|(row, length)| (0..row.len()).map(move |at| if at < length { share } else { 0.0 }))
            .collect()
    }

    /// Refuses document starts or scores that a graph does not take; see `check_starts` and `check_scores`.
    pub fn check(&self, time: Option<usize>, scores: Option<usize>) -> crate::Result<()> {
        self.check_starts(time).and_then(|()| self.check_scores(scores)).map_err(crate::Error::Refused)
    }

    /// Refuses its scores, unless the graph takes as many, or none.
    fn check_scores(&self, wanted: Option<usize>) -> Result<(), String> {
        match (self.scores.as_ref().map(Vec::len), wanted) {
            (given, wanted) if given == wanted => Ok(()),
            (Some(_), None) => {
                Err("a micro-batch has scores, but the graph was built without them".to_owned())
            }
            (given, wanted) => {
                let (given, wanted) = (given.unwrap_or(0), wanted.unwrap_or(0));
                Err(format!("a micro-batch has {given} scores, but the graph was built for {wanted}"))
            }
        }
    }

    /// Refuses its starts, unless the graph takes them for rows of `time` positions, or takes none.
    fn check_starts(&self, time: Option<usize>) -> Result<(), String> {
        let (starts, time) = match (&self.document_starts, time) {
            (None, None) => return Ok(()),
            (Some(_), None) => {
                return Err(
                    "a micro-batch has document starts, but the model was built without them".to_owned()
                );
            }
            (None, Some(_)) => return Err("a micro-batch has no document starts".to_owned()),
            (Some(starts), Some(time)) => (starts, time),
        };
        let (count, tokens) = (starts.len(), self.tokens.len());
        if count != tokens {
            return Err(format!("a micro-batch has {count} document starts for {tokens} tokens"));
        }
        for row in starts.chunks(time.max(1)) {
            let mut before = 0;
            for (t, start) in row.iter().enumerate() {
                if *start as usize > t || *start < before {
                    return Err(format!("the document at position {t} of a row cannot start at {start}"));
                }
                before = *start;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct StepInput {
    /// Step number from 0; t = step + 1 in Adam's bias corrections.
    pub step: u64,
    pub learning_rate: f32,
    /// As many as the plan accumulates.
    pub micro_batches: Vec<MicroBatch>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss over the micro-batches.
    pub loss: f32,
    /// Global norm of the averaged gradient before clipping.
    pub gradient_norm: f32,
    /// The gradient was not finite: weights and moments are unchanged.
    pub skipped: bool,
    /// Metrics of the step's pairs before the update, for pair objectives.
    pub preference: Option<PreferenceMetrics>,
}

/// Entries of a value, for graphs that are run on their own (op tests, probes).
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_has_no_share() {
        let targets = vec![IGNORED, 5, IGNORED, IGNORED, 1, IGNORED, 2, 3];
        let batch = MicroBatch { targets, ..MicroBatch::default() };
        assert_eq!(
            batch.shares(4, Some(IGNORED)),
            [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0].map(|of| of / 6.0)
        );
        assert_eq!(batch.shares(4, None), [0.125; 8]);
        assert_eq!(MicroBatch { targets: vec![IGNORED; 2], ..batch }.shares(2, Some(IGNORED)), [0.0; 2]);
    }

    #[test]
    fn starts_never_fall_and_never_lie_ahead() {
        let fault = |starts: Option<&[u32]>, time| {
            let (tokens, starts) = (vec![0; 6], starts.map(<[u32]>::to_vec));
            MicroBatch { tokens, document_starts: starts, ..MicroBatch::default() }.check_starts(time).err()
        };
        assert_eq!(fault(None, None), None);
        assert_eq!(fault(Some(&[0, 0, 2, 0, 1, 1]), Some(3)), None);
        assert_eq!(fault(Some(&[0, 0, 2, 3, 3, 3]), Some(6)), None);
        for (starts, time) in [
            (None, Some(3)),
            (Some(&[0; 6][..]), None),
            (Some(&[0; 5]), Some(3)),
            (Some(&[0, 0, 2, 1, 1, 1]), Some(3)),
            (Some(&[0, 1, 0, 0, 1, 1]), Some(3)),
            (Some(&[0, 1, 3, 0, 1, 1]), Some(6)),
        ] {
            assert!(fault(starts, time).is_some(), "{starts:?} {time:?}");
        }
    }
}
