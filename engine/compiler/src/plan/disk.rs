//! What a run writes to its project, estimated before it starts.

use crate::graph::Parameter;
use crate::optimizer::Optimizer;
use glasshouse_protocol::{Milestones, TrainConfig};

/// Checkpoints that are there at once: the latest, the one before it, the best, and the one that is being written.
const CHECKPOINTS: u64 = 4;
/// And those that a guard that acts may go back to.
const KEPT: u64 = 2;
/// Bytes that a step, an evaluation and a sample's token take in `metrics.jsonl` and TensorBoard events together, rounded up
/// from what runs have written. One that learns of pairs or of its own answers writes as much of them again.
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
    let times = |interval| times(train, interval);
    let sample = SAMPLE_TOKEN.saturating_mul(train.sample_tokens as u64).saturating_add(EVALUATION);
    let kept = if train.guard.acts() { KEPT } else { 0 };
    [
        (CHECKPOINTS + kept) * checkpoint,
        bytes_of_milestones(parameters, train),
        train.steps.saturating_mul(if measures_steps(train) { 2 * STEP } else { STEP }),
        times(train.eval_interval).saturating_mul(EVALUATION),
        // One more by the clock.
        (times(train.sample_interval) + 1).saturating_mul(sample),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// Whether each step says what its pairs or its answers came to.
fn measures_steps(train: &TrainConfig) -> bool {
    train.objective.compares_answers()
}

/// Bytes of a run's milestones, all of which stay.
pub fn bytes_of_milestones(parameters: &[Parameter], train: &TrainConfig) -> u64 {
    let count = times(train, train.milestone_interval).saturating_add(train.milestone_steps().len() as u64);
    count.saturating_mul(2 * entries(parameters))
}

/// What a run that is to begin makes of `auto`: milestones spaced by the logarithm where they take at most so many bytes.
pub fn settle_milestones(parameters: &[Parameter], train: &mut TrainConfig, most: u64) {
    if train.milestones == Milestones::Auto {
        let bytes = (train.milestone_steps().len() as u64).saturating_mul(2 * entries(parameters));
        train.milestones = if bytes <= most { Milestones::Log } else { Milestones::Off };
    }
}

fn entries(parameters: &[Parameter]) -> u64 {
    parameters.iter().map(|parameter| parameter.ty.count() as u64).sum()
}

/// How often something is due at most.
fn times(train: &TrainConfig, interval: u64) -> u64 {
    train.steps.checked_div(interval).map_or(0, |times| times + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parameters;
    use glasshouse_protocol::presets;

    #[test]
    fn milestones_are_kept_where_they_are_small() {
        for (name, most, expected) in [
            ("first-stories", 256 << 20, Milestones::Log),
            ("first-stories", 64 << 20, Milestones::Log),
            ("first-stories", 32 << 20, Milestones::Off),
            ("nanogpt-gpu", 256 << 20, Milestones::Off),
        ] {
            let mut config = presets::preset(name).unwrap();
            let own = parameters(&config.model, &config.train).unwrap();
            settle_milestones(&own, &mut config.train, most);
            assert_eq!(config.train.milestones, expected, "{name}");
            let bytes = bytes_of_milestones(&own, &config.train);
            assert!(bytes <= most && (bytes > 0) == (expected == Milestones::Log), "{name}: {bytes}");
            let without = TrainConfig { milestones: Milestones::Off, ..config.train.clone() };
            assert_eq!(bytes_of_run(&own, &config.train) - bytes_of_run(&own, &without), bytes);
        }
        // What a person asked for is not taken back.
        let mut config = presets::preset("nanogpt-gpu").unwrap();
        config.train.milestones = Milestones::Log;
        let own = parameters(&config.model, &config.train).unwrap();
        settle_milestones(&own, &mut config.train, 0);
        assert_eq!(config.train.milestones, Milestones::Log);
    }
}
