//! A program of a loss, and where its batch goes; the two of them that training needs.

use super::program::{BatchShard, Program, Weights, fused};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::graph::{Graph, Input, Origin, ValueId};
use crate::model::{Probe, TrainingGraphs};
use crate::platform::{self, TURN, parallel};
use crate::step::MicroBatch;
use async_channel::Receiver;
use std::sync::Arc;

/// A graph of a loss made ready to run, again and again.
#[derive(Debug)]
pub struct Run {
    /// What runs.
    pub program: Program,
    tokens: ValueId,
    targets: ValueId,
    /// Where documents start, and T, where rows hold several.
    starts: Option<(ValueId, usize)>,
    /// What the objective knows beforehand, and how many numbers that is.
    scores: Option<(ValueId, usize)>,
    loss: ValueId,
    /// What each row's loss comes to, where that is read.
    rows: Option<ValueId>,
    /// Where it is known how large the stream is.
    probes: Vec<Probe>,
}

impl Run {
    /// Lays out `graph`, whose loss is `loss`; `rows` and `probes` stay readable after a run.
    pub fn new(graph: &Graph, loss: ValueId, rows: Option<ValueId>, probes: &[Probe]) -> Result<Self> {
        let input = |input| {
            graph
                .find(Origin::Input(input))
                .ok_or_else(|| Error::Internal(format!("a loss graph without {input:?}")))
        };
        let (tokens, targets) = (input(Input::Tokens)?, input(Input::Targets)?);
        let starts = graph.find(Origin::Input(Input::Starts));
        let starts = starts.map(|starts| (starts, graph.ty(starts).columns()));
        let scores = graph.find(Origin::Input(Input::Scores));
        let scores = scores.map(|scores| (scores, graph.ty(scores).count()));
        let known = probes.iter().map(|probe| probe.statistics);
        let read: Vec<ValueId> = [Some(loss), rows].into_iter().flatten().chain(known).collect();
        let program = Program::new(&fused(graph, &read), &read);
        Ok(Self { program, tokens, targets, starts, scores, loss, rows, probes: probes.to_vec() })
    }

    /// (loss, rows that count) of a batch. Between its nodes whatever else waits has its turn.
    pub async fn batch(
        &mut self,
        weights: &mut Weights,
        workers: &Arc<Workers>,
        batch: &MicroBatch,
        shard: BatchShard,
    ) -> Result<(f32, f32)> {
        self.begin(weights, batch, shard)?;
        run_in_turns(&mut self.program, weights, workers, batch.seed).await?;
        self.end()
    }

    fn begin(&mut self, weights: &mut Weights, batch: &MicroBatch, shard: BatchShard) -> Result<()> {
        self.program.set_shard(shard);
        self.program.set_words(self.tokens, &batch.tokens)?;
        self.program.set_words(self.targets, &batch.targets)?;
        if let Some(fault) = batch.starts_fault(self.starts.map(|(_, time)| time)) {
            return Err(Error::Refused(fault));
        }
        if let Some(fault) = batch.scores_fault(self.scores.map(|(_, count)| count)) {
            return Err(Error::Refused(fault));
        }
        if let (Some((value, _)), Some(starts)) = (self.starts, &batch.starts) {
            self.program.set_words(value, starts)?;
        }
        match (self.scores, &batch.scores) {
            (Some((value, _)), Some(scores)) => self.program.set_floats(weights, value, scores),
            _ => Ok(()),
        }
    }

    /// The loss of each target of the last batch, 0 where it does not count.
    pub fn token_losses(&self) -> Result<Vec<f32>> {
        let missing = || Error::Internal("a graph whose tokens' losses are not kept".to_owned());
        let rows = self.program.floats(self.rows.ok_or_else(missing)?);
        Ok(rows.as_chunks::<2>().0.iter().map(|[_, loss]| *loss).collect())
    }

    /// What norms kept of the stream behind each part in the last run, [N,2].
    pub fn probes(&self) -> Vec<(String, Vec<f32>)> {
        let read = |probe: &Probe| (probe.part.clone(), self.program.floats(probe.statistics).to_vec());
        self.probes.iter().map(read).collect()
    }

    fn end(&self) -> Result<(f32, f32)> {
        match self.program.floats(self.loss) {
            [loss, count] => Ok((*loss, *count)),
            _ => Err(Error::Internal("the loss is not a pair".to_owned())),
        }
    }
}

/// Runs a program to its end. Between its nodes whatever else waits has its turn.
pub(crate) async fn run_in_turns(
    program: &mut Program,
    weights: &mut Weights,
    workers: &Arc<Workers>,
    seed: [u32; 2],
) -> Result<()> {
    let mut next = Some(0);
    while let Some(from) = next {
        next = Lent::begin(program, weights, workers, from, seed).end().await?;
        if next.is_some() {
            platform::yield_now().await;
        }
    }
    Ok(())
}

/// A program and its weights, lent to the threads that run it while this one listens to others. Whatever becomes of the run, they
/// are back when it is dropped: one that nobody waits for any more is given up within a piece of a node.
struct Lent<'run> {
    program: &'run mut Program,
    weights: &'run mut Weights,
    workers: &'run Workers,
    answer: Receiver<Lending>,
    is_back: bool,
}

/// What comes back: the program, the weights, and the node to go on from.
type Lending = (Program, Weights, Result<Option<usize>>);

impl<'run> Lent<'run> {
    fn begin(
        program: &'run mut Program,
        weights: &'run mut Weights,
        workers: &'run Arc<Workers>,
        from: usize,
        seed: [u32; 2],
    ) -> Self {
        let (mut own, mut of_run) = (std::mem::take(program), std::mem::take(weights));
        let threads = workers.clone();
        let answer = workers.begin(move || {
            let next = own.run_for(TURN, from, &mut of_run, seed, &threads);
            (own, of_run, next)
        });
        Self { program, weights, workers, answer, is_back: false }
    }

    async fn end(mut self) -> Result<Option<usize>> {
        let lost = || Error::Internal("a thread of the CPU executor ended in the midst of a step".to_owned());
        let answer = self.answer.recv().await.ok();
        self.take_back(answer).unwrap_or_else(|| Err(lost()))
    }

    fn take_back(&mut self, answer: Option<Lending>) -> Option<Result<Option<usize>>> {
        self.is_back = true;
        let (program, weights, next) = answer?;
        (*self.program, *self.weights) = (program, weights);
        Some(next)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !self.is_back {
            self.workers.interrupt(true);
            let answer = parallel::wait(&self.answer);
            self.take_back(answer);
            self.workers.interrupt(false);
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
            train: Run::new(&graphs.train, graphs.train_loss, None, &[])?,
            evaluate: Run::new(
                &graphs.evaluate,
                graphs.evaluate_loss,
                graphs.evaluate_rows,
                &graphs.evaluate_probes,
            )?,
        })
    }

    /// What [`Self::bytes`] will be, before anything is allocated.
    pub fn needed(graphs: &TrainingGraphs) -> u64 {
        let needed = |graph, read: &[ValueId]| Program::needed(&fused(graph, read), read);
        needed(&graphs.train, &[graphs.train_loss]) + needed(&graphs.evaluate, &graphs.evaluate_read())
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
