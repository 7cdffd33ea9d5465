//! Kinds of problems that the guard detects. Settings have an action for each; reports name the kind.

use crate::setting::choices;

choices! {
    #[derive(PartialOrd, Ord, Hash)]
    pub enum GuardKind {
        /// A step's loss is far above the previous ones.
        LossSpike = "loss_spike", "loss spike";
        /// The loss has risen and stays high.
        LossRise = "loss_rise", "rising loss";
        /// A step's gradient norm is far above the previous ones.
        GradientSpike = "gradient_spike", "gradient spike";
        /// Losses or gradients are not finite for several consecutive steps.
        NonFinite = "non_finite", "no finite gradient";
        /// A matrix gets no gradient.
        DeadLayer = "dead_layer", "dead layer";
        /// A part's weights change by a large fraction in one step, or are not finite.
        ExplodingLayer = "exploding_layer", "exploding layer";
        /// The activations grow many times over across a part.
        ExplodingActivations = "exploding_activations", "exploding activations";
        /// A part adds nothing to the residual stream.
        SilentPart = "silent_part", "silent part";
        /// Neither loss has improved for several evaluations.
        Plateau = "plateau";
        /// The validation loss rises while the training loss falls.
        Overfitting = "overfitting";
        /// The validation loss is above that of step 0.
        WorseThanStart = "worse_than_start", "worse than the start";
        /// Samples are repetitive.
        Repetition = "repetition";
    }
}

impl GuardKind {
    /// Whether a single batch may be the cause.
    pub fn is_of_batch(self) -> bool {
        matches!(self, Self::LossSpike | Self::GradientSpike | Self::NonFinite)
    }
}
