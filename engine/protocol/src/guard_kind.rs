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
    crate::names::named! {
        LossSpike = "loss spike", LossRise = "rising loss", GradientSpike = "gradient spike", NonFinite = "no finite gradient",
        DeadLayer = "dead layer", ExplodingLayer = "exploding layer", ExplodingActivations = "exploding activations",
        SilentPart = "silent part", Plateau = "plateau", Overfitting = "overfitting", WorseThanStart = "worse than the start",
        Repetition = "repetition"
    }

    /// Whether a single batch may be the cause.
    pub fn is_of_batch(self) -> bool {
        matches!(self, Self::LossSpike | Self::GradientSpike | Self::NonFinite)
    }
}
