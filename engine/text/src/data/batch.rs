//! Batches of a run. A batch is a pure function of its step and micro-batch numbers in integer arithmetic, so it is the
//! same on every platform, after every resume and in any order of requests.

use super::examples::{ExampleBatches, PairBatches};
use super::prompts::Prompts;
use super::store::{Split, TokenStore};
use super::windows::Windows;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::HeldOut;

pub use glasshouse_compiler::step::IGNORED;
pub(super) use glasshouse_compiler::step::MicroBatch;

/// Room for `count` tokens, and for document starts if documents are separate.
pub(super) fn with_capacity(count: usize, separate: bool) -> MicroBatch {
    let document_starts = separate.then(|| Vec::with_capacity(count));
    let (tokens, targets) = (Vec::with_capacity(count), Vec::with_capacity(count));
    MicroBatch { tokens, targets, document_starts, ..MicroBatch::default() }
}

#[cfg(test)]
pub(super) fn counted_targets(batch: &MicroBatch) -> usize {
    batch.targets.iter().filter(|target| **target != IGNORED).count()
}

/// A run's batch source, by objective.
#[derive(Clone, Debug)]
pub enum Batches<'a> {
    Windows(Windows<'a>),
    Examples(ExampleBatches<'a>),
    /// Pairs of answers, one per row.
    Pairs(PairBatches<'a>),
    /// Prompts for the model to answer; batches are built from the answers elsewhere.
    Prompts(Prompts<'a>),
}

impl<'a> Batches<'a> {
    /// Batches of windows of a token stream.
    pub fn windows(store: &'a TokenStore, seed: u64, batch: usize, context_length: usize) -> Result<Self> {
        Windows::new(store, seed, batch, context_length).map(Self::Windows)
    }

    /// Returns the windows, for code that needs a token stream. Fails if the objective does not train on windows of text.
    pub fn as_windows(&self) -> Result<&Windows<'a>> {
        match self {
            Self::Windows(windows) => Ok(windows),
            Self::Examples(_) | Self::Pairs(_) | Self::Prompts(_) => {
                Err(Error::Internal("examples instead of windows of text".to_owned()))
            }
        }
    }

    pub fn train(&self, step: u64, micro_batch: u64) -> Result<MicroBatch> {
        match self {
            Self::Windows(windows) => windows.train(step, micro_batch),
            Self::Examples(examples) => examples.train(step, micro_batch),
            Self::Pairs(pairs) => pairs.train(step, micro_batch),
            Self::Prompts(_) => Err(unanswered()),
        }
    }

    /// Returns an evaluation batch; all evaluations of a run use the same ones.
    pub fn evaluation(&self, split: Split, index: u64) -> Result<MicroBatch> {
        match self {
            Self::Windows(windows) => windows.evaluation(split, index),
            Self::Examples(examples) => examples.evaluation(split, index),
            Self::Pairs(pairs) => pairs.evaluation(split, index),
            Self::Prompts(_) => Err(unanswered()),
        }
    }

    /// Number of non-empty evaluation batches; unlimited for windows, which are drawn at random.
    pub fn evaluations(&self, split: Split) -> u64 {
        match self {
            Self::Windows(_) => u64::MAX,
            Self::Examples(examples) => examples.evaluations(split),
            Self::Pairs(pairs) => pairs.evaluations(split),
            Self::Prompts(_) => 0,
        }
    }

    /// The held-out set that evaluations draw from; `None` if their loss is not a mean over tokens.
    pub fn held_out(&self) -> Option<HeldOut> {
        match self {
            Self::Windows(windows) => Some(windows.held_out()),
            Self::Examples(examples) => examples.held_out(),
            Self::Pairs(_) | Self::Prompts(_) => None,
        }
    }

    /// Batches that together contain every target of a split exactly once.
    pub fn full(&self, split: Split) -> Box<dyn Iterator<Item = Result<MicroBatch>> + 'a> {
        match self {
            Self::Windows(windows) => Box::new(windows.full(split)),
            Self::Examples(examples) => Box::new(examples.full(split)),
            Self::Pairs(pairs) => Box::new(pairs.full(split)),
            Self::Prompts(_) => Box::new(std::iter::once(Err(unanswered()))),
        }
    }
}

/// Error for requesting a batch of unanswered prompts.
fn unanswered() -> Error {
    Error::Internal("a batch of prompts without answers".to_owned())
}
