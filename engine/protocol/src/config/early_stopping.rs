//! Early stopping.

use super::train::MAX_STEPS;
use crate::setting::{Settings as _, settings};
use crate::{Invalid, require};

settings! {
    /// Settings of early stopping (`train.early_stopping`), modelled on Keras's `EarlyStopping` callback (Prechelt 1998, "Early stopping –
    /// but when?").
    pub struct EarlyStopping: "train.early_stopping." {
        /// Consecutive evaluations without an improvement of the validation loss after which the run ends; 0 disables early stopping.
        pub patience: u64 = 0, "Patience", 0..=MAX_STEPS;
        /// Minimum decrease of the validation loss, relative to the last improvement, that counts as an improvement.
        pub min_improvement: f32 = 0.0, "Minimum improvement", 0.0..;
    }
}

impl EarlyStopping {
    /// Returns the last improvement among the evaluations (step, validation loss), and the number of later evaluations after step
    /// `from` that did not improve. The first evaluation counts as an improvement if its loss is finite.
    pub fn last_improvement(&self, evaluations: &[(u64, f32)], from: u64) -> (Option<(u64, f32)>, u64) {
        let (mut last, mut without) = (None::<(u64, f32)>, 0);
        for (step, loss) in evaluations {
            // NaN is no improvement.
            if loss.is_finite() && last.is_none_or(|(_, best)| *loss < best - self.min_improvement) {
                (last, without) = (Some((*step, *loss)), 0);
            } else if *step > from {
                without += 1;
            }
        }
        (last, without)
    }

    /// Checks all rules and names the first broken one.
    pub(super) fn validate(&self, eval_interval: u64) -> Result<(), Invalid> {
        self.check()?;
        let (field, patience) = ("train.early_stopping.patience", self.patience);
        let rule = "be 0 with train.eval_interval = 0: it counts evaluations";
        require(patience == 0 || eval_interval > 0, field, patience, rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    #[test]
    fn evaluations_without_an_improvement_are_counted() {
        let run = |losses: &[f32], min_improvement, from| {
            let evaluations: Vec<(u64, f32)> = (0..).map(|at| 10 * at).zip(losses.iter().copied()).collect();
            EarlyStopping { patience: 3, min_improvement }.last_improvement(&evaluations, from)
        };
        assert_eq!(run(&[4.0, 2.0, 1.5], 0.0, 0), (Some((20, 1.5)), 0));
        assert_eq!(run(&[4.0, 2.0, 2.0, 2.5, 1.9], 0.0, 0), (Some((40, 1.9)), 0));
        assert_eq!(run(&[4.0, 2.0, 1.95, 1.92, 1.91], 0.1, 0), (Some((10, 2.0)), 3));
        // Small decreases add up: each is compared with the last improvement.
        assert_eq!(run(&[4.0, 2.0, 1.95, 1.88, 1.87], 0.1, 0), (Some((30, 1.88)), 1));
        assert_eq!(run(&[2.2, 27.5, f32::NAN, 5.6], 0.0, 0), (Some((0, 2.2)), 3));
        // A resumed run starts a new count but keeps its last improvement.
        assert_eq!(run(&[2.2, 27.5, 8.8, 5.6], 0.0, 20), (Some((0, 2.2)), 1));
        assert_eq!(run(&[f32::NAN, 3.0], 0.0, 0), (Some((10, 3.0)), 0));
        assert_eq!(run(&[], 0.0, 0), (None, 0));
    }

    #[test]
    fn early_stopping_is_set_by_its_keys_and_needs_evaluations() {
        let mut run = presets::preset("first-stories").unwrap();
        run.model.vocabulary = 300;
        assert!(!run.to_toml().unwrap().contains("early_stopping"));
        run.set("train.early_stopping.patience=4").unwrap();
        run.set("train.early_stopping.min_improvement=0.01").unwrap();
        run.validate().unwrap();
        assert_eq!(RunConfig::from_toml(&run.to_toml().unwrap()).unwrap(), run);
        let refused = |change: &str| {
            let mut run = run.clone();
            run.set(change).unwrap();
            run.validate().unwrap_err().to_string()
        };
        assert!(
            refused("train.eval_interval=0").starts_with("train.early_stopping.patience = 4 must be 0 with")
        );
        assert!(refused("train.early_stopping.min_improvement=-1").contains("must be 0 or more"));
    }
}
