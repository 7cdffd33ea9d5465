//! Estimated disk usage of a run.

use crate::graph::Parameter;
use crate::optimizer::Optimizer;
use glasshouse_protocol::{Milestones, TrainConfig};

/// Checkpoints that exist at once: the latest, the previous one, the best, and the one being written.
const CHECKPOINTS: u64 = 4;
/// Additional checkpoints kept for an acting guard to roll back to.
const KEPT: u64 = 2;
/// Bytes per step, evaluation and sampled token in `metrics.jsonl` and TensorBoard events together, rounded up from existing
/// runs. Steps of pair and reinforcement-learning objectives take twice as much.
const STEP: u64 = 480;
const EVALUATION: u64 = 320;
const SAMPLE_TOKEN: u64 = 8;

/// Maximum bytes of a run's files over all steps: checkpoints with moments, half-precision milestones, and metrics. The
/// tokenized dataset is not included: it exists before the run.
pub fn bytes_of_run(parameters: &[Parameter], train: &TrainConfig) -> u64 {
    let trained = parameters.iter().filter(|own| own.trainable).map(|own| own.ty.bytes()).sum::<u64>();
    let weights = parameters.iter().map(|own| own.ty.bytes()).sum::<u64>();
    let optimizer = Optimizer::new(train);
    let moments = u64::from(optimizer.first_moments()) + u64::from(optimizer.second_moments());
    let averages = u64::from(train.ema > 0.0);
    let checkpoint = weights + (moments + averages) * trained;
    let times = |interval| times(train, interval);
    let sample = SAMPLE_TOKEN.saturating_mul(train.sample_tokens as u64).saturating_add(EVALUATION);
    let kept = if train.guard.acts() { KEPT } else { 0 };
    [
        (CHECKPOINTS + kept) * checkpoint,
        bytes_of_milestones(parameters, train),
        // Steps with pairs or completions also report metrics of these.
        train.steps.saturating_mul(if train.objective.compares_answers() { 2 * STEP } else { STEP }),
        times(train.eval_interval).saturating_mul(EVALUATION),
        // One more, triggered by time.
        (times(train.sample_interval) + 1).saturating_mul(sample),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// Bytes of a run's milestones, all of which are kept.
pub fn bytes_of_milestones(parameters: &[Parameter], train: &TrainConfig) -> u64 {
    let count = times(train, train.milestone_interval).saturating_add(train.milestone_steps().len() as u64);
    count.saturating_mul(2 * entries(parameters))
}

/// Resolves `milestones = auto`: logarithmically spaced milestones if they take at most `most` bytes, else none.
pub fn settle_milestones(parameters: &[Parameter], train: &mut TrainConfig, most: u64) {
    if train.milestones == Milestones::Auto {
        let bytes = (train.milestone_steps().len() as u64).saturating_mul(2 * entries(parameters));
        train.milestones = if bytes <= most { Milestones::Log } else { Milestones::Off };
    }
}

fn entries(parameters: &[Parameter]) -> u64 {
    parameters.iter().map(|parameter| parameter.ty.count() as u64).sum()
}

/// Upper bound of how often an interval comes due.
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
        // An explicit setting is kept.
        let mut config = presets::preset("nanogpt-gpu").unwrap();
        config.train.milestones = Milestones::Log;
        let own = parameters(&config.model, &config.train).unwrap();
        settle_milestones(&own, &mut config.train, 0);
        assert_eq!(config.train.milestones, Milestones::Log);
    }
}
