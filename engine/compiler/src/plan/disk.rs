//! What a run writes to its project, estimated before it starts.

use crate::graph::Parameter;
use crate::optimizer::Optimizer;
use glasshouse_protocol::TrainConfig;

/// Checkpoints that are there at once: the latest, the one before it, the best, and the one that is being written.
const CHECKPOINTS: u64 = 4;
/// Bytes that a step, an evaluation and a sample's token take in `metrics.jsonl` and TensorBoard events together, rounded up
/// from what runs have written.
const STEP: u64 = 480;
const EVALUATION: u64 = 320;
const SAMPLE_TOKEN: u64 = 8;

/// Bytes of a run's files at their most, over all steps: checkpoints with moments, milestones in half precision, metrics. The
/// tokens are not among them; they are there before it starts.
pub fn bytes_of_run(parameters: &[Parameter], train: &TrainConfig) -> u64 {
    let count = |trained_alone: bool| -> u64 {
        let counted = parameters.iter().filter(|parameter| parameter.trainable || !trained_alone);
        counted.map(|parameter| parameter.ty.count() as u64).sum()
    };
    let optimizer = Optimizer::of(train);
    let moments = u64::from(optimizer.first_moments()) + u64::from(optimizer.second_moments());
    let checkpoint = 4 * (count(false) + moments * count(true));
    let times = |interval: u64| train.steps.checked_div(interval).map_or(0, |times| times + 2);
    let milestones = times(train.milestone_interval).saturating_mul(2 * count(false));
    let sample = SAMPLE_TOKEN.saturating_mul(train.sample_tokens as u64).saturating_add(EVALUATION);
    [
        CHECKPOINTS * checkpoint,
        milestones,
        train.steps.saturating_mul(STEP),
        times(train.eval_interval).saturating_mul(EVALUATION),
        // One more by the clock.
        (times(train.sample_interval) + 1).saturating_mul(sample),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}
