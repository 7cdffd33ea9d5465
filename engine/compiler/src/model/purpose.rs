//! Purposes of a model graph, and loss forms.

use crate::graph::ops::{Distil, Policy, Preference, Unlikelihood};
use glasshouse_protocol::WeightFormat;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossForm {
    /// The cross-entropy of tokens or labels, or the negated score of a model with a score head.
    CrossEntropy,
    /// The cross-entropy of completions sampled from the model.
    Answers {
        /// Divisor of the logits: the sampling temperature.
        temperature: f32,
    },
    /// Over pairs of answers, one per row; takes [`crate::graph::Input::Scores`].
    Preference(Preference),
    /// Policy gradient over completions sampled from the model; takes [`crate::graph::Input::Scores`].
    Policy {
        policy: Policy,
        /// Divisor of the logits: the sampling temperature.
        temperature: f32,
    },
    /// The cross-entropy of individually weighted tokens; takes [`crate::graph::Input::Scores`].
    Weighted(Policy),
    /// Distillation from the run's teacher on the same tokens.
    Distil(Distil),
    /// Cross-entropy plus unlikelihood of earlier tokens.
    Unlikelihood(Unlikelihood),
}

impl LossForm {
    /// Divisor of the logits.
    pub(super) fn temperature(self) -> f32 {
        match self {
            Self::Answers { temperature } | Self::Policy { temperature, .. } => temperature,
            Self::CrossEntropy
            | Self::Preference(_)
            | Self::Weighted(_)
            | Self::Distil(_)
            | Self::Unlikelihood(_) => 1.0,
        }
    }

    /// Whether the loss compares with values computed without dropout: pairs with the reference's log-probabilities,
    /// completions with those at sampling.
    pub(super) fn drops_nothing(self) -> bool {
        matches!(self, Self::Preference(_) | Self::Policy { .. })
    }

    pub fn preference(self) -> Option<Preference> {
        if let Self::Preference(op) = self { Some(op) } else { None }
    }

    /// The loss form for evaluation, on text or completions only.
    pub(super) fn evaluated(self) -> Self {
        match self {
            Self::Answers { temperature } | Self::Policy { temperature, .. } => Self::Answers { temperature },
            Self::CrossEntropy
            | Self::Preference(_)
            | Self::Weighted(_)
            | Self::Distil(_)
            | Self::Unlikelihood(_) => Self::CrossEntropy,
        }
    }
}

/// The purpose of a model graph. All graphs have the same parameters in the same order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// Logits [B, T, V] and the loss, with dropout if `dropout`.
    Loss {
        batch: usize,
        time: usize,
        dropout: bool,
        label_smoothing: f32,
        /// Target of rows that do not count.
        ignore_index: Option<u32>,
        /// Rows hold several documents, which do not attend to each other; takes [`crate::graph::Input::Starts`].
        documents: bool,
        form: LossForm,
    },
    /// Logits [B, 1, V] of each chunk's last token, with keys and values in caches.
    Decode {
        /// B, texts processed at once.
        batch: usize,
        /// Tokens per chunk: 1 to decode, more to prefill.
        chunk: usize,
        /// Texts in the caches, at least B.
        texts: usize,
        /// Storage format of the matrices.
        weights: WeightFormat,
    },
    /// Logits [1, 1, V] of the cursor's last token over a whole window, without caches (past the context length).
    Window {
        /// T.
        time: usize,
    },
}

impl Purpose {
    /// One text, one token at a time.
    pub const STEP: Self = Self::Decode { batch: 1, chunk: 1, texts: 1, weights: WeightFormat::F32 };
}
