//! A program of a loss, and where its batch goes.

use super::program::{Portion, Program, Weights};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::executor::MicroBatch;
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

    /// [`Self::batch`] without a pause, where nothing else waits.
    pub fn batch_at_once(
        &mut self,
        weights: &mut Weights,
        workers: &Workers,
        batch: &MicroBatch,
        portion: Portion,
    ) -> Result<(f32, f32)> {
        self.begin(batch, portion)?;
        workers.install(|| self.program.run(weights, batch.seed, workers))?;
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
