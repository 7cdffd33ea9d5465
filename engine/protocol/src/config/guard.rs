//! Settings of the guard, which looks after a run's health.

use crate::{GuardKind, Invalid, require};
use serde::{Deserialize, Serialize};

/// Most steps of [`GuardSettings::window`].
const MAX_WINDOW: usize = 4096;
/// Fewest: standard deviations of less say little.
const MIN_WINDOW: usize = 16;

/// Whether the guard looks, and whether it acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardMode {
    /// It says what it sees, and changes nothing.
    #[default]
    Note,
    /// It also does what the settings say against trouble.
    Act,
    /// It does not look.
    Off,
}

impl GuardMode {
    /// Each as it is written in a configuration.
    pub const ALL: [Self; 3] = [Self::Note, Self::Act, Self::Off];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Act => "act",
            Self::Off => "off",
        }
    }
}

/// What is done against trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardAction {
    /// It is told.
    #[default]
    Note,
    /// The learning rate is lowered.
    Lower,
    /// The run goes back to the last good checkpoint, and on with another batch in the place of the one that was odd.
    Skip,
    /// The run goes back to the last good checkpoint, and on with other batches and a lower learning rate.
    GoBack,
}

impl GuardAction {
    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Lower => "lower",
            Self::Skip => "skip",
            Self::GoBack => "go_back",
        }
    }
}

/// Settings of the guard (`train.guard`). What it looks for, and where that is from, is in `docs/guard.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSettings {
    /// Whether it looks, and whether it acts.
    pub mode: GuardMode,
    /// Steps that a loss and a gradient norm are compared with, 16 to 4096.
    pub window: usize,
    /// Standard deviations above the window's mean from which a step's loss is a spike.
    pub loss_z: f32,
    /// Likewise for the norm of its gradient.
    pub gradient_z: f32,
    /// Standard deviations of a single step's loss by which the median of the window's last eighth is above the mean of the rest
    /// where the loss has risen.
    pub rise: f32,
    /// Steps from one look at activations to the next; 0: none. A look is the forward pass of one micro-batch.
    pub activation_interval: u64,
    /// What is done against a spike of the loss. A second one within a window's length is treated as a rise: it was not the batch.
    pub on_spike: GuardAction,
    /// What is done against a loss that has risen.
    pub on_rise: GuardAction,
    /// What is done where no gradient is finite any more.
    pub on_non_finite: GuardAction,
    /// What is done against a spike of the gradient's norm; nothing by default, since clipping does that.
    pub on_gradient_spike: GuardAction,
    /// What is done against weights that explode: all but `skip`, since no single batch is known to be the reason.
    pub on_exploding_layer: GuardAction,
    /// Likewise against a matrix without a gradient.
    pub on_dead_layer: GuardAction,
    /// Likewise against activations that explode.
    pub on_exploding_activations: GuardAction,
    /// Likewise against a part that adds nothing.
    pub on_silent_part: GuardAction,
    /// What is done against overfitting: `note` or `lower`, since what was learned before is no better learned again.
    pub on_overfitting: GuardAction,
    /// Likewise against a plateau.
    pub on_plateau: GuardAction,
    /// Likewise against a validation loss above that of step 0.
    pub on_worse_than_start: GuardAction,
    /// Likewise against samples that go round in circles.
    pub on_repetition: GuardAction,
    /// What the learning rate is multiplied by where it is lowered, above 0 and at most 1. Where trouble comes back within a window's length
    /// of that, the next factor is this times the last.
    pub rate_factor: f32,
    /// Steps that it stays lowered for; 0 is the rest of the run.
    pub rate_steps: u64,
    /// How often the guard acts in a run at most.
    pub retries: u32,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            mode: GuardMode::Note,
            window: 128,
            loss_z: 6.0,
            gradient_z: 8.0,
            rise: 3.0,
            activation_interval: 100,
            on_spike: GuardAction::Skip,
            on_rise: GuardAction::GoBack,
            on_non_finite: GuardAction::GoBack,
            on_gradient_spike: GuardAction::Note,
            on_exploding_layer: GuardAction::Note,
            on_dead_layer: GuardAction::Note,
            on_exploding_activations: GuardAction::Note,
            on_silent_part: GuardAction::Note,
            on_overfitting: GuardAction::Note,
            on_plateau: GuardAction::Note,
            on_worse_than_start: GuardAction::Note,
            on_repetition: GuardAction::Note,
            rate_factor: 0.5,
            rate_steps: 0,
            retries: 3,
        }
    }
}

impl GuardSettings {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it acts.
    pub fn acts(&self) -> bool {
        self.mode == GuardMode::Act
    }

    /// What is done against a kind of trouble.
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

    /// Checks every rule; the first broken one is named.
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let window = (MIN_WINDOW..=MAX_WINDOW).contains(&self.window);
        let rule = format!("lie between {MIN_WINDOW} and {MAX_WINDOW}");
        require(window, "train.guard.window", self.window, rule)?;
        // No value of a window that holds it is further from the window's mean.
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
        let (rise, factor) = (self.rise, self.rate_factor);
        require((0.1..=1000.0).contains(&rise), "train.guard.rise", rise, "lie between 0.1 and 1000")?;
        let rule = "be above 0 and at most 1";
        require(factor > 0.0 && factor <= 1.0, "train.guard.rate_factor", factor, rule)?;
        let rule = "be at most 4294967296";
        require(self.rate_steps <= 1 << 32, "train.guard.rate_steps", self.rate_steps, rule)?;
        let interval = self.activation_interval;
        require(interval <= 1 << 32, "train.guard.activation_interval", interval, rule)?;
        require(self.retries <= 100, "train.guard.retries", self.retries, "be at most 100")
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
            ("window=8", "train.guard.window = 8 must lie between 16 and 4096"),
            ("loss_z=12", "train.guard.loss_z = 12 must be at least 1 and below 11.3"),
            ("gradient_z=nan", "train.guard.gradient_z = NaN must be at least 1"),
            ("rise=0", "train.guard.rise = 0 must lie between"),
            ("rate_factor=0", "train.guard.rate_factor = 0 must be above 0"),
            ("rate_factor=1.5", "train.guard.rate_factor = 1.5 must be above 0"),
            ("retries=101", "train.guard.retries = 101 must be at most 100"),
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
