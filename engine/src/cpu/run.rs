//! A program of a loss, and where its batch goes; the two of them that training needs.

use super::program::{Portion, Program, Weights};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::executor::{MicroBatch, TrainingGraphs};
use crate::graph::{Graph, Input, Origin, ValueId};
use crate::platform;
use std::time::Duration;

/// How long a batch holds the thread: whoever waits for it to listen (a request to pause) waits no longer.
const TURN: Duration = Duration::from_millis(40);

/// A graph of a loss made ready to run, again and again.
#[derive(Debug)]
pub struct Run {
    /// What runs.
    pub program: Program,
    tokens: ValueId,
    targets: ValueId,
    loss: ValueId,
}

impl Run {
    /// Lays out `graph`, whose loss is `loss`.
    pub fn new(graph: &Graph, loss: ValueId) -> Result<Self> {
        let input = |input| {
            graph
                .find(Origin::Input(input))
                .ok_or_else(|| Error::Internal(format!("a loss graph without {input:?}")))
        };
        let (tokens, targets) = (input(Input::Tokens)?, input(Input::Targets)?);
        Ok(Self { program: Program::new(graph, &[loss]), tokens, targets, loss })
    }

    /// (loss, rows that count) of a batch. Between its nodes whatever else waits has its turn.
    pub async fn batch(
        &mut self,
        weights: &mut Weights,
        workers: &Workers,
        batch: &MicroBatch,
        portion: Portion,
    ) -> Result<(f32, f32)> {
        self.begin(batch, portion)?;
        let mut next = Some(0);
        while let Some(from) = next {
            next = workers.install(|| self.program.run_for(TURN, from, weights, batch.seed, workers))?;
            if next.is_some() {
                platform::yield_now().await;
            }
        }
        self.end()
    }

    fn begin(&mut self, batch: &MicroBatch, portion: Portion) -> Result<()> {
        self.program.set_portion(portion);
        self.program.set_words(self.tokens, &batch.tokens)?;
        self.program.set_words(self.targets, &batch.targets)
    }

    fn end(&self) -> Result<(f32, f32)> {
        match self.program.floats(self.loss) {
            [loss, count] => Ok((*loss, *count)),
            _ => Err(Error::Internal("the loss is not a pair".to_owned())),
        }
    }
}

/// What batches are run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The loss and its gradient.
    Train,
    /// The loss alone, without dropout and smoothing.
    Evaluate,
}

/// A program for each task.
#[derive(Debug)]
pub struct Programs {
    /// Forward and backward.
    pub train: Run,
    /// Forward.
    pub evaluate: Run,
}

impl Programs {
    /// Lays out both graphs.
    pub fn new(graphs: &TrainingGraphs) -> Result<Self> {
        Ok(Self {
            train: Run::new(&graphs.train, graphs.train_loss)?,
            evaluate: Run::new(&graphs.evaluate, graphs.evaluate_loss)?,
        })
    }

    /// What [`Self::bytes`] will be, before anything is allocated.
    pub fn needed(graphs: &TrainingGraphs) -> u64 {
        Program::needed(&graphs.train, &[graphs.train_loss])
            + Program::needed(&graphs.evaluate, &[graphs.evaluate_loss])
    }

    /// Bytes of everything but the weights.
    pub fn bytes(&self) -> u64 {
        self.train.program.bytes() + self.evaluate.program.bytes()
    }

    /// The one for a task.
    pub fn of(&mut self, task: Task) -> &mut Run {
        match task {
            Task::Train => &mut self.train,
            Task::Evaluate => &mut self.evaluate,
        }
    }
}
