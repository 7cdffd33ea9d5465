//! Which steps of a run are kept for good.

use crate::TrainConfig;
use serde::{Deserialize, Serialize};

/// Most milestones that a run keeps where their steps are spaced by the logarithm.
pub const MAX_MILESTONES: u64 = 32;

/// Whether a run keeps milestones, weights in half precision, at steps each of which is about as many times the one before: a model
/// changes most at its beginning. Those of `train.milestone_interval` come on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestones {
    /// None. What a file means that does not say.
    #[default]
    Off,
    /// The untrained weights, the last, and those between, [`MAX_MILESTONES`] at most.
    Log,
    /// The same where they take little room. A run that begins so is recorded with what was decided.
    Auto,
}

impl Milestones {
    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Log => "log",
            Self::Auto => "auto",
        }
    }

    /// None are kept.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl TrainConfig {
    /// Steps of milestones spaced by the logarithm, ascending, from 0 to the last; none where those are off. `auto` counts as `log`:
    /// whoever begins a run decides.
    pub fn milestone_steps(&self) -> Vec<u64> {
        if self.milestones.is_off() {
            return Vec::new();
        }
        // 0 and the last, and a ratio between that gives as many as may be.
        let ratios = (MAX_MILESTONES - 2) as f64;
        let spaced = (0..MAX_MILESTONES - 1).map(|nth| {
            let step = libm::pow(self.steps as f64, nth as f64 / ratios);
            (libm::round(step) as u64).min(self.steps)
        });
        let mut steps: Vec<u64> = std::iter::once(0).chain(spaced).chain([self.steps]).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    #[test]
    fn milestones_are_close_at_first_and_far_apart_later() {
        for steps in [0, 1, 2, 60, 650, 2400, 100_000, 1 << 40] {
            let train = TrainConfig { steps, milestones: Milestones::Log, ..TrainConfig::default() };
            let kept = train.milestone_steps();
            assert!(kept.len() as u64 <= MAX_MILESTONES, "{steps}: {kept:?}");
            assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&steps)));
            assert!(kept.is_sorted_by(|one, other| one < other), "{kept:?}");
            let gaps: Vec<u64> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            // Rounded steps may be one nearer than the gap before.
            assert!(gaps.windows(2).all(|pair| pair[1] + 1 >= pair[0]), "{gaps:?}");
        }
        let train = TrainConfig { steps: 2400, milestones: Milestones::Log, ..TrainConfig::default() };
        let kept = train.milestone_steps();
        assert!(kept.starts_with(&[0, 1, 2, 3, 4, 5, 6, 8]) && kept.len() >= 27, "{kept:?}");
        assert!(TrainConfig::default().milestone_steps().is_empty());
    }

    #[test]
    fn a_file_without_milestones_has_none_and_a_new_run_has_some_where_they_are_small() {
        let preset = presets::preset("first-stories").unwrap();
        assert_eq!(preset.train.milestones, Milestones::Auto);
        let text = preset.to_toml().unwrap();
        assert!(text.contains("milestones = \"auto\""), "{text}");
        assert_eq!(RunConfig::from_toml(&text).unwrap(), preset);
        let without = text.replace("milestones = \"auto\"\n", "");
        assert_eq!(RunConfig::from_toml(&without).unwrap().train.milestones, Milestones::Off);
    }
}
