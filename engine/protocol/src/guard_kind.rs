//! Kinds of problems that the guard detects. Settings have an action for each; reports name the kind.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// A step's loss is far above the previous ones.
    LossSpike,
    /// The loss has risen and stays high.
    LossRise,
    /// A step's gradient norm is far above the previous ones.
    GradientSpike,
    /// Losses or gradients are not finite for several consecutive steps.
    NonFinite,
    /// A matrix gets no gradient.
    DeadLayer,
    /// A part's weights change by a large fraction in one step, or are not finite.
    ExplodingLayer,
    /// The activations grow many times over across a part.
    ExplodingActivations,
    /// A part adds nothing to the residual stream.
    SilentPart,
    /// Neither loss has improved for several evaluations.
    Plateau,
    /// The validation loss rises while the training loss falls.
    Overfitting,
    /// The validation loss is above that of step 0.
    WorseThanStart,
    /// Samples are repetitive.
    Repetition,
}

impl GuardKind {
    /// The display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LossSpike => "loss spike",
            Self::LossRise => "rising loss",
            Self::GradientSpike => "gradient spike",
            Self::NonFinite => "no finite gradient",
            Self::DeadLayer => "dead layer",
            Self::ExplodingLayer => "exploding layer",
            Self::ExplodingActivations => "exploding activations",
            Self::SilentPart => "silent part",
            Self::Plateau => "plateau",
            Self::Overfitting => "overfitting",
            Self::WorseThanStart => "worse than the start",
            Self::Repetition => "repetition",
        }
    }

    /// Whether a single batch may be the cause.
    pub fn is_of_batch(self) -> bool {
        matches!(self, Self::LossSpike | Self::GradientSpike | Self::NonFinite)
    }
}
