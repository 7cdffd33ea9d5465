//! Milestones: checkpoints that are kept permanently.

use crate::TrainConfig;
use crate::order;
use crate::setting::choices;

/// Maximum number of logarithmically spaced milestones.
pub const MAX_MILESTONES: u64 = 32;

choices! {
    /// Whether a run keeps milestones (weights in half precision) at logarithmically spaced steps: a model changes most at the beginning.
    /// Those of `train.milestone_interval` are kept in addition.
    pub enum Milestones = Off {
        /// As `log` if the milestones are small, else `off`. The run is recorded with the decision.
        Auto = "auto", "if they are small";
        /// The untrained weights, the last ones and milestones between them, at most [`MAX_MILESTONES`].
        Log = "log", "dense at first, then sparse";
        /// No milestones. The default of a file without this setting.
        Off = "off", "none";
    }
}

impl Milestones {
    pub fn is_off(self) -> bool {
        self == Self::Off
    }
}

impl TrainConfig {
    /// Steps of the logarithmically spaced milestones, ascending, from 0 to the last step; empty if they are off. `auto` counts as
    /// `log`: it is resolved when a run starts.
    pub fn milestone_steps(&self) -> Vec<u64> {
        if self.milestones.is_off() {
            return Vec::new();
        }
        // Step 0, the last step, and a geometric series between them.
        let ratios = (MAX_MILESTONES - 2) as f64;
        let spaced = (0..MAX_MILESTONES - 1).map(|nth| {
            let step = libm::pow(self.steps as f64, nth as f64 / ratios);
            (libm::round(step) as u64).min(self.steps)
        });
        order::distinct(std::iter::once(0).chain(spaced).chain([self.steps]))
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
            // Rounding may make a gap one step smaller than the previous one.
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
