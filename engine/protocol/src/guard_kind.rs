//! The kinds of things that the guard sees: settings have an action for each, and reports say which it was.

use serde::{Deserialize, Serialize};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// One step's loss is far above those before it.
    LossSpike,
    /// The loss has gone up, and stays there.
    LossRise,
    /// One step's gradient is far longer than those before it.
    GradientSpike,
    /// Losses or gradients are not finite, several steps in a row.
    NonFinite,
    /// A matrix gets no gradient.
    DeadLayer,
    /// A part's weights change by much of what they are in a step, or are not finite.
    ExplodingLayer,
    /// Behind a part, activations have grown many times over.
    ExplodingActivations,
    /// A part adds nothing to the residual stream.
    SilentPart,
    /// Neither loss has fallen for several evaluations.
    Plateau,
    /// The validation loss rises while the training loss falls.
    Overfitting,
    /// The validation loss is above that of step 0.
    WorseThanStart,
    /// Samples say the same again and again.
    Repetition,
}

impl GuardKind {
    /// In a few words.
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

    /// Whether one batch may be the reason.
    pub fn is_of_batch(self) -> bool {
        matches!(self, Self::LossSpike | Self::GradientSpike | Self::NonFinite)
    }
}
