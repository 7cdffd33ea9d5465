//! Settings of the guard, which monitors a run's health.

use super::train::MAX_STEPS;
use crate::setting::{Settings as _, above_to, choices, settings};
use crate::{GuardKind, Invalid, require};

choices! {
    pub enum GuardMode = Note {
        /// Report problems without changing anything.
        Note = "note", "reports only";
        /// Also take the configured actions: after a loss spike, return to a checkpoint.
        Act = "act", "returns to a checkpoint after a loss spike";
        /// Disable all checks.
        Off = "off", "off";
    }
}

choices! {
    pub enum GuardAction = Note {
        /// Only report it.
        Note = "note";
        Lower = "lower";
        /// Return to the last good checkpoint and replace the offending batch.
        Skip = "skip";
        /// Return to the last good checkpoint and continue with other batches and a lower learning rate.
        GoBack = "go_back";
    }
}

settings! {
    /// Settings of the guard (`train.guard`). The checks and their sources are documented in `docs/guard.md`.
    pub struct GuardSettings: "train.guard." {
        /// Monitors the health of a run: loss spikes, non-finite gradients, layers that learn nothing, overfitting, repetitive samples.
        pub mode: GuardMode = GuardMode::Note, "Guard";
        /// Number of recent steps with which a loss and a gradient norm are compared. Standard deviations over fewer than 16 are unreliable.
        pub window: usize = 128, "Window", 16..=4096;
        /// Standard deviations above the window's mean at which a step's loss is a spike.
        pub loss_z: f32 = 6.0;
        /// Standard deviations above the window's mean at which a gradient norm is a spike.
        pub gradient_z: f32 = 8.0;
        /// Threshold for a rise of the loss: the median of the window's last eighth lies this many standard deviations (of a single step's
        /// loss) above the mean of the rest.
        pub rise: f32 = 3.0, "Rising loss", 0.1..=1000.0;
        /// Steps between checks of the activations, each a forward pass of one micro-batch; 0 disables them.
        pub activation_interval: u64 = 100, "Check activations every", 0..=MAX_STEPS;
        /// Action on a spike of the loss. A second spike within `window` steps is treated as a rise: the batch was not the cause.
        pub on_spike: GuardAction = GuardAction::Skip;
        /// Action on a rise of the loss.
        pub on_rise: GuardAction = GuardAction::GoBack;
        /// Action when no gradient is finite any more.
        pub on_non_finite: GuardAction = GuardAction::GoBack;
        /// Action on a spike of the gradient norm; `note` by default, since gradient clipping handles it.
        pub on_gradient_spike: GuardAction = GuardAction::Note;
        /// Action on exploding weights; not `skip`, since no single batch is known to be the cause.
        pub on_exploding_layer: GuardAction = GuardAction::Note;
        /// Action on a matrix without a gradient; not `skip`.
        pub on_dead_layer: GuardAction = GuardAction::Note;
        /// Action on exploding activations; not `skip`.
        pub on_exploding_activations: GuardAction = GuardAction::Note;
        /// Action on a part of the model that adds nothing; not `skip`.
        pub on_silent_part: GuardAction = GuardAction::Note;
        /// Action on overfitting: `note` or `lower`, since repeating earlier steps does not help.
        pub on_overfitting: GuardAction = GuardAction::Note;
        /// Action on a plateau: `note` or `lower`.
        pub on_plateau: GuardAction = GuardAction::Note;
        /// Action on a validation loss above that of step 0: `note` or `lower`.
        pub on_worse_than_start: GuardAction = GuardAction::Note;
        /// Action on repetitive samples: `note` or `lower`.
        pub on_repetition: GuardAction = GuardAction::Note;
        /// Factor on the learning rate when it is lowered. If the problem recurs within `window` steps, the factor is applied again.
        pub rate_factor: f32 = 0.5, "Rate factor", above_to(0.0, 1.0);
        /// Number of steps with the lowered rate; 0 means the rest of the run.
        pub rate_steps: u64 = 0, "Steps at the lowered rate", 0..=MAX_STEPS;
        /// Maximum number of actions per run.
        pub retries: u32 = 3, "Actions", 0..=100;
    }
}

impl GuardSettings {
    pub fn acts(&self) -> bool {
        self.mode == GuardMode::Act
    }

    pub fn action(&self, kind: GuardKind) -> GuardAction {
        match kind {
            GuardKind::LossSpike => self.on_spike,
            GuardKind::LossRise => self.on_rise,
            GuardKind::GradientSpike => self.on_gradient_spike,
            GuardKind::NonFinite => self.on_non_finite,
            GuardKind::DeadLayer => self.on_dead_layer,
            GuardKind::ExplodingLayer => self.on_exploding_layer,
            GuardKind::ExplodingActivations => self.on_exploding_activations,
            GuardKind::SilentPart => self.on_silent_part,
            GuardKind::Plateau => self.on_plateau,
            GuardKind::Overfitting => self.on_overfitting,
            GuardKind::WorseThanStart => self.on_worse_than_start,
            GuardKind::Repetition => self.on_repetition,
        }
    }

    /// Checks all rules and names the first broken one.
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        // No value can lie further than this from the mean of a window that contains it.
        let count = self.window as f32;
        let furthest = (count - 1.0).sqrt();
        for (field, z) in [("train.guard.loss_z", self.loss_z), ("train.guard.gradient_z", self.gradient_z)] {
            let rule = format!(
                "be at least 1 and below {furthest:.1}, the most that a window of {} steps allows",
                self.window
            );
            require((1.0..furthest).contains(&z), field, z, rule)?;
        }
        let (lower, back): (&[&str], &[&str]) = (&["note", "lower"], &["note", "lower", "go_back"]);
        for (field, action, fitting) in [
            ("train.guard.on_exploding_layer", self.on_exploding_layer, back),
            ("train.guard.on_dead_layer", self.on_dead_layer, back),
            ("train.guard.on_exploding_activations", self.on_exploding_activations, back),
            ("train.guard.on_silent_part", self.on_silent_part, back),
            ("train.guard.on_overfitting", self.on_overfitting, lower),
            ("train.guard.on_plateau", self.on_plateau, lower),
            ("train.guard.on_worse_than_start", self.on_worse_than_start, lower),
            ("train.guard.on_repetition", self.on_repetition, lower),
        ] {
            let rule = format!("be one of {}", fitting.join(", "));
            require(fitting.contains(&action.name()), field, action.name(), rule)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    #[test]
    fn a_guard_is_set_by_its_keys_and_left_out_as_it_is_by_default() {
        let mut run = presets::preset("first-stories").unwrap();
        assert_eq!(run.train.guard.mode, GuardMode::Note);
        assert!(!run.to_toml().unwrap().contains("guard"));
        for change in [
            "mode=act",
            "gradient_z=6",
            "window=64",
            "loss_z=5",
            "on_rise=lower",
            "rate_factor=0.25",
            "rate_steps=200",
            "activation_interval=50",
            "retries=1",
            "on_gradient_spike=skip",
            "on_dead_layer=go_back",
            "on_plateau=lower",
        ] {
            run.set(&format!("train.guard.{change}")).unwrap();
            run.validate().unwrap();
        }
        let guard = &run.train.guard;
        assert_eq!((guard.mode, guard.window, guard.on_rise), (GuardMode::Act, 64, GuardAction::Lower));
        assert_eq!((guard.loss_z, guard.rate_factor, guard.rate_steps), (5.0, 0.25, 200));
        assert_eq!(guard.activation_interval, 50);
        let set = [GuardKind::GradientSpike, GuardKind::DeadLayer, GuardKind::Plateau, GuardKind::Repetition];
        let actions = [GuardAction::Skip, GuardAction::GoBack, GuardAction::Lower, GuardAction::Note];
        assert_eq!(set.map(|kind| guard.action(kind)), actions);
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        let reason = run.set("train.guard.mode=axt").unwrap_err();
        assert!(reason.contains("act"), "{reason}");
    }

    #[test]
    fn a_guard_that_could_never_see_anything_is_refused() {
        for (change, said) in [
            ("window=8", "train.guard.window = 8 must be between 16 and 4096"),
            ("loss_z=12", "train.guard.loss_z = 12 must be at least 1 and below 11.3"),
            ("gradient_z=nan", "train.guard.gradient_z = NaN must be at least 1"),
            ("rate_factor=0", "train.guard.rate_factor = 0 must be above 0 and at most 1"),
            ("on_plateau=go_back", "train.guard.on_plateau = go_back must be one of note, lower"),
            ("on_silent_part=skip", "train.guard.on_silent_part = skip must be one of note, lower, go_back"),
        ] {
            let mut run = presets::preset("first-stories").unwrap();
            run.model.vocabulary = 300;
            run.set(&format!("train.guard.{change}")).unwrap();
            let reason = run.validate().unwrap_err().to_string();
            assert!(reason.starts_with(said), "{reason}");
        }
    }
}
