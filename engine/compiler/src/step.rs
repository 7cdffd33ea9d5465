//! What goes into a training step and comes out of it, in the words that trainer, executors and self-test share.

use glasshouse_protocol::PreferenceMetrics;
use serde::{Deserialize, Serialize};

/// The weights and the optimizer state, laid out as [`crate::plan::arena::ArenaLayout`] says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArenaState {
    /// Weights, `layout.length` floats.
    pub parameters: Vec<f32>,
    /// First moments, `layout.trained_end` floats; empty where the optimizer has none.
    pub first_moments: Vec<f32>,
    /// Second moments, likewise.
    pub second_moments: Vec<f32>,
    /// Where the search for a loss scale stands, in a run of mixed precision.
    pub loss_scale: Option<LossScale>,
}

/// The state of dynamic loss scaling (Micikevicius et al. 2018). The device keeps it up, in `gradient_norm.wgsl`: a gradient that
/// is not finite halves the scale, [`LossScale::INTERVAL`] finite ones in a row double it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// Factor on the loss.
    pub scale: f32,
    /// Steps since it changed or a step was skipped.
    pub good_steps: u32,
}

impl LossScale {
    /// Of a run in 32 bits, where it never changes.
    pub const ONE: Self = Self { scale: 1.0, good_steps: 0 };
    /// Where the search begins, as in PyTorch's GradScaler.
    pub const FIRST: Self = Self { scale: 65536.0, good_steps: 0 };
    /// Good steps after which the scale doubles, likewise.
    pub const INTERVAL: u32 = 2000;
    /// How often the first scale can be halved until it is 1, where it stays.
    pub const HALVINGS: u32 = 16;
}

/// Token ids of a micro-batch, B·T each, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MicroBatch {
    /// Input ids.
    pub tokens: Vec<u32>,
    /// The id that follows each.
    pub targets: Vec<u32>,
    /// The first position, within its row, of the document that each token belongs to, where a row holds several that do not see each
    /// other: at most the token's own position, and never less than that of the token before. `None` where each row is one.
    pub starts: Option<Vec<u32>>,
    /// Dropout's seed.
    pub seed: [u32; 2],
    /// What the sum of its targets' losses is divided by in training, above 0; `None` where that is the number of its targets that count.
    pub counted: Option<f32>,
    /// What the objective knows of it beforehand, where its graph asks for that ([`crate::graph::Input::Scores`]), as
    /// [`crate::graph::ops::Preference`] and [`crate::graph::ops::Policy`] have it.
    pub scores: Option<Vec<f32>>,
}

impl MicroBatch {
    /// Has the losses of a step's micro-batches divided by the mean number of targets that count in each, so that the step's loss,
    /// their mean, is that over all its targets: a micro-batch with few of them weighs no more than they do (TRL's and transformers'
    /// `num_items_in_batch`). Nothing is to be done where all have as many. `ignored` is the target that does not count.
    pub fn normalise_over_step(micro_batches: &mut [Self], ignored: Option<u32>) {
        let count = |batch: &Self| batch.targets.iter().filter(|target| Some(**target) != ignored).count();
        let counts: Vec<usize> = micro_batches.iter().map(count).collect();
        let total: usize = counts.iter().sum();
        if total > 0 && counts.iter().any(|count| Some(count) != counts.first()) {
            let mean = total as f32 / counts.len() as f32;
            micro_batches.iter_mut().for_each(|batch| batch.counted = Some(mean));
        }
    }

    /// Divides the weights of tokens, which are the scores, by their mean sum in each of a step's micro-batches, likewise.
    pub fn normalise_weights_over_step(micro_batches: &mut [Self]) {
        let weights = micro_batches.iter().filter_map(|batch| batch.scores.as_ref()).flatten();
        let mean = weights.map(|weight| f64::from(*weight)).sum::<f64>() / micro_batches.len().max(1) as f64;
        for weight in micro_batches.iter_mut().filter_map(|batch| batch.scores.as_mut()).flatten() {
            *weight = (f64::from(*weight) / mean) as f32;
        }
    }

    /// Has ORPO's losses of chosen tokens divided by the mean number of them in each of a step's micro-batches, likewise: the first score
    /// says so ([`crate::graph::ops::Preference`]). The chosen answers are every other row of `time` positions.
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

    /// What is wrong with its scores, in a sentence, for a graph that takes so many, or none.
    pub fn scores_fault(&self, wanted: Option<usize>) -> Option<String> {
        let given = self.scores.as_ref().map(Vec::len);
        (given != wanted).then(|| match (given, wanted) {
            (Some(_), None) => "a micro-batch has scores, and the graph was built without".to_owned(),
            (given, wanted) => {
                let (given, wanted) = (given.unwrap_or(0), wanted.unwrap_or(0));
                format!("a micro-batch has {given} scores where the graph was built for {wanted}")
            }
        })
    }

    /// What is wrong with its starts, in a sentence, for a graph that takes them for rows of so many positions, or takes none.
    pub fn starts_fault(&self, time: Option<usize>) -> Option<String> {
        let (starts, time) = match (&self.starts, time) {
            (None, None) => return None,
            (Some(_), None) => {
                return Some(
                    "a micro-batch says where documents start, and the model was built without".to_owned(),
                );
            }
            (None, Some(_)) => return Some("a micro-batch does not say where documents start".to_owned()),
            (Some(starts), Some(time)) => (starts, time),
        };
        if starts.len() != self.tokens.len() {
            return Some(format!(
                "a micro-batch has {} starts of documents for {} tokens",
                starts.len(),
                self.tokens.len()
            ));
        }
        for row in starts.chunks(time.max(1)) {
            let mut before = 0;
            for (t, start) in row.iter().enumerate() {
                if *start as usize > t || *start < before {
                    return Some(format!("the document at position {t} of a row cannot start at {start}"));
                }
                before = *start;
            }
        }
        None
    }
}

/// One optimizer step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepInput {
    /// Step number from 0; t = step + 1 in Adam's bias corrections.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f32,
    /// As many as the plan accumulates.
    pub micro_batches: Vec<MicroBatch>,
}

/// What a step reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss over the micro-batches.
    pub loss: f32,
    /// Global norm of the averaged gradient before clipping.
    pub gradient_norm: f32,
    /// The gradient was not finite: weights and moments are as before.
    pub skipped: bool,
    /// What the step's pairs came to before the update, where the objective has them.
    pub preference: Option<PreferenceMetrics>,
}

/// Entries of a value, fed into or read out of a graph that is run by itself (op tests, probes).
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats.
    F32(Vec<f32>),
    /// Ids and indices.
    U32(Vec<u32>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_never_fall_and_never_lie_ahead() {
        let fault = |starts: Option<&[u32]>, time| {
            let (tokens, starts) = (vec![0; 6], starts.map(<[u32]>::to_vec));
            MicroBatch { tokens, starts, ..MicroBatch::default() }.starts_fault(time)
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
