//! Batches of a run. A batch is a pure function of its numbers, in integers throughout, so it is the same on every target, after every
//! resume, and in whatever order batches are asked for.

use super::examples::{ExampleBatches, PairBatches};
use super::prompts::Prompts;
use super::store::{Split, TokenStore};
use super::windows::Windows;
use crate::error::{Error, Result};

/// A target that takes no part in the loss.
pub const IGNORED: u32 = u32::MAX;

/// Windows and what follows each of their tokens: B rows of T, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// B·T ids.
    pub tokens: Vec<u32>,
    /// B·T ids, each the token after the one at its place, or [`IGNORED`].
    pub targets: Vec<u32>,
    /// B·T positions of the first token of each token's document in its row, where documents do not see each other.
    pub starts: Option<Vec<u32>>,
    /// B numbers that the objective knows of its rows beforehand: the reference's log-probability of each answer.
    pub scores: Option<Vec<f32>>,
}

impl Batch {
    pub(super) fn with_capacity(count: usize, separate: bool) -> Self {
        let starts = separate.then(|| Vec::with_capacity(count));
        Self { tokens: Vec::with_capacity(count), targets: Vec::with_capacity(count), starts, scores: None }
    }

    /// Targets that count.
    pub fn counted(&self) -> usize {
        self.targets.iter().filter(|target| **target != IGNORED).count()
    }
}

/// What a run's batches are drawn from, as its objective needs them.
#[derive(Clone, Debug)]
pub enum Batches<'a> {
    /// Windows of a token stream.
    Windows(Windows<'a>),
    /// Whole examples.
    Examples(ExampleBatches<'a>),
    /// Pairs of answers, a row each.
    Pairs(PairBatches<'a>),
    /// Prompts, which the model answers itself: batches of answers are made where it is.
    Prompts(Prompts<'a>),
}

impl<'a> Batches<'a> {
    /// Windows of a token stream.
    ///
    /// # Errors
    /// As [`Windows::new`].
    pub fn windows(store: &'a TokenStore, seed: u64, batch: usize, context_length: usize) -> Result<Self> {
        Windows::new(store, seed, batch, context_length).map(Self::Windows)
    }

    /// The windows, for what goes on elsewhere with a token stream.
    ///
    /// # Errors
    /// The objective is none of text.
    pub fn as_windows(&self) -> Result<&Windows<'a>> {
        match self {
            Self::Windows(windows) => Ok(windows),
            Self::Examples(_) | Self::Pairs(_) | Self::Prompts(_) => {
                Err(Error::Internal("examples where windows of text were meant".to_owned()))
            }
        }
    }

    /// The batch of a step's micro-batch.
    ///
    /// # Errors
    /// A shard cannot be read.
    pub fn train(&self, step: u64, micro_batch: u64) -> Result<Batch> {
        match self {
            Self::Windows(windows) => windows.train(step, micro_batch),
            Self::Examples(examples) => examples.train(step, micro_batch),
            Self::Pairs(pairs) => pairs.train(step, micro_batch),
            Self::Prompts(_) => Err(unanswered()),
        }
    }

    /// The evaluation batch of that index: every evaluation of a run uses the same ones.
    ///
    /// # Errors
    /// A shard cannot be read.
    pub fn evaluation(&self, split: Split, index: u64) -> Result<Batch> {
        match self {
            Self::Windows(windows) => windows.evaluation(split, index),
            Self::Examples(examples) => examples.evaluation(split, index),
            Self::Pairs(pairs) => pairs.evaluation(split, index),
            Self::Prompts(_) => Err(unanswered()),
        }
    }

    /// Evaluation batches that hold something: windows are drawn without end, and examples come once.
    pub fn evaluations(&self, split: Split) -> u64 {
        match self {
            Self::Windows(_) => u64::MAX,
            Self::Examples(examples) => examples.evaluations(split),
            Self::Pairs(pairs) => pairs.evaluations(split),
            Self::Prompts(_) => 0,
        }
    }

    /// Batches that together hold every target of a split exactly once.
    pub fn full(&self, split: Split) -> Box<dyn Iterator<Item = Result<Batch>> + 'a> {
        match self {
            Self::Windows(windows) => Box::new(windows.full(split)),
            Self::Examples(examples) => Box::new(examples.full(split)),
            Self::Pairs(pairs) => Box::new(pairs.full(split)),
            Self::Prompts(_) => Box::new(std::iter::once(Err(unanswered()))),
        }
    }
}

/// What is said where a batch is asked of prompts.
fn unanswered() -> Error {
    Error::Internal("a batch of prompts that nobody has answered".to_owned())
}
