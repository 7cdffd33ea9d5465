//! What a graph of the model is for, and which loss it has.

use crate::graph::ops::{Distil, Policy, Preference, Unlikelihood};

/// Which loss a graph has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossForm {
    /// The cross-entropy of tokens or labels, or the score, negated, of a model whose head makes one.
    CrossEntropy,
    /// The cross-entropy of answers that the model drew.
    Answers {
        /// What logits are divided by, as where the answers were drawn.
        temperature: f32,
    },
    /// Over pairs of answers, a row each: [`crate::graph::Input::Scores`] is one more input.
    Preference(Preference),
    /// Over answers that the model drew, by their rewards: [`crate::graph::Input::Scores`] is one more input.
    Policy {
        /// The loss.
        policy: Policy,
        /// What logits are divided by, as where the answers were drawn.
        temperature: f32,
    },
    /// The cross-entropy of tokens that each have a weight: [`crate::graph::Input::Scores`] is one more input.
    Weighted(Policy),
    /// Against what the run's teacher makes of the same tokens.
    Distil(Distil),
    /// That other tokens than those before are asked for, too.
    Unlikelihood(Unlikelihood),
}

impl LossForm {
    /// What logits are divided by.
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

    /// Whether what it compares with was made without dropout: a pair with what the reference makes of it, an answer with what drew it.
    pub(super) fn drops_nothing(self) -> bool {
        matches!(self, Self::Preference(_) | Self::Policy { .. })
    }

    /// The loss of pairs, where it is one.
    pub fn preference(self) -> Option<Preference> {
        if let Self::Preference(op) = self { Some(op) } else { None }
    }

    /// That of evaluations, of the text or the answers alone.
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

/// What a graph of the model is for. The parameters are the same, in the same order, in all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// Logits [B, T, V] and the loss, with dropout where `dropout` says.
    Loss {
        /// B.
        batch: usize,
        /// T.
        time: usize,
        /// Training's dropout, or none.
        dropout: bool,
        /// Label smoothing of the loss.
        label_smoothing: f32,
        /// Target that takes no part in the loss.
        ignore_index: Option<u32>,
        /// Rows hold several documents, which do not see each other: [`crate::graph::Input::Starts`] is one more input.
        documents: bool,
        /// Which loss.
        form: LossForm,
    },
    /// Logits [B, 1, V] of the cursor's last tokens, keys and values kept in caches of `context` positions.
    Decode {
        /// B, texts that are read at once.
        batch: usize,
        /// Tokens in a chunk: 1 to write, more to read a prompt.
        chunk: usize,
        /// Texts that the caches hold: B or more.
        texts: usize,
    },
    /// Logits [1, 1, V] of the cursor's last token over a whole window, without caches (past the context length).
    Window {
        /// T.
        time: usize,
    },
}

impl Purpose {
    /// One text, a token at a time.
    pub const STEP: Self = Self::Decode { batch: 1, chunk: 1, texts: 1 };
}
