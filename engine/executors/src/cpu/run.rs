//! A loss program with its batch inputs, and the pair of programs for training.

use super::program::{BatchShard, Program, Weights, fused};
use super::workers::Workers;
use async_channel::Receiver;
use glasshouse_compiler::graph::ops::REPORTED;
use glasshouse_compiler::graph::{Graph, Input, Origin, ValueId};
use glasshouse_compiler::model::{Probe, TrainingGraphs};
use glasshouse_compiler::step::MicroBatch;
use glasshouse_platform::{Error, OrInternal, Result, TURN, parallel};
use std::sync::Arc;

#[derive(Debug)]
pub struct Run {
    pub program: Program,
    tokens: ValueId,
    targets: ValueId,
    /// The document starts input, and T, if rows hold several documents.
    starts: Option<(ValueId, usize)>,
    /// The precomputed scores input of the objective, and its length.
    scores: Option<(ValueId, usize)>,
    /// The shares input of routers, T and the ignored target.
    shares: Option<(ValueId, usize, Option<u32>)>,
    loss: ValueId,
    /// Each row's loss, if kept.
    rows: Option<ValueId>,
    /// Norm statistics of the residual stream.
    probes: Vec<Probe>,
}

impl Run {
    /// Lays out `graph` with the loss `loss`; `rows` and `probes` stay readable after a run.
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
        let ignored = graph.loss_targets().and_then(|targets| targets.ignored);
        let shares = graph.find(Origin::Input(Input::Shares));
        let shares = shares.map(|shares| (shares, graph.ty(targets).columns(), ignored));
        let known = probes.iter().map(|probe| probe.statistics);
        let read: Vec<ValueId> = [Some(loss), rows].into_iter().flatten().chain(known).collect();
        let program = Program::new(&fused(graph, &read), &read);
        Ok(Self { program, tokens, targets, starts, scores, shares, loss, rows, probes: probes.to_vec() })
    }

    /// Returns (loss, counted rows) of a batch. Yields between nodes.
    pub async fn batch(
        &mut self,
        weights: &mut Weights,
        workers: &Arc<Workers>,
        batch: &MicroBatch,
        shard: BatchShard,
    ) -> Result<(f32, f32)> {
        self.begin(weights, batch, shard)?;
        run_program(&mut self.program, weights, workers, batch.seed).await?;
        self.end()
    }

    fn begin(&mut self, weights: &mut Weights, batch: &MicroBatch, shard: BatchShard) -> Result<()> {
        self.program.shard = shard;
        self.program.set_words(self.tokens, &batch.tokens)?;
        self.program.set_words(self.targets, &batch.targets)?;
        batch.check(self.starts.map(|(_, time)| time), self.scores.map(|(_, count)| count))?;
        if let (Some((value, _)), Some(starts)) = (self.starts, &batch.document_starts) {
            self.program.set_words(value, starts)?;
        }
        if let Some((value, time, ignored)) = self.shares {
            self.program.set_floats(weights, value, &batch.shares(time, ignored))?;
        }
        match (self.scores, &batch.scores) {
            (Some((value, _)), Some(scores)) => self.program.set_floats(weights, value, scores),
            _ => Ok(()),
        }
    }

    /// The loss of each target of the last batch; 0 for ignored targets.
    pub fn token_losses(&self) -> Result<Vec<f32>> {
        let rows = self.program.floats(self.rows.or_internal("a graph whose tokens' losses are not kept")?);
        Ok(rows.as_chunks::<2>().0.iter().map(|[_, loss]| *loss).collect())
    }

    /// Norm statistics of the residual stream after each part in the last run, [N,2].
    pub fn probes(&self) -> Vec<(String, Vec<f32>)> {
        let read = |probe: &Probe| (probe.part.clone(), self.program.floats(probe.statistics).to_vec());
        self.probes.iter().map(read).collect()
    }

    fn end(&self) -> Result<(f32, f32)> {
        match self.program.floats(self.loss) {
            [loss, count, ..] => Ok((*loss, *count)),
            _ => Err(Error::Internal("the loss is not a pair".to_owned())),
        }
    }

    /// The pair report of the last batch, if its loss is over pairs.
    pub fn reported(&self) -> Option<[f32; REPORTED]> {
        let (_, reported) = self.program.floats(self.loss).split_at_checked(2)?;
        reported.try_into().ok()
    }
}

/// Runs a program to its end, yielding between nodes.
pub async fn run_program(
    program: &mut Program,
    weights: &mut Weights,
    workers: &Arc<Workers>,
    seed: [u32; 2],
) -> Result<()> {
    let mut next = Some(0);
    while let Some(from) = next {
        next = Lent::begin(program, weights, workers, from, seed).end().await?;
        if next.is_some() {
            glasshouse_platform::yield_now().await;
        }
    }
    Ok(())
}

/// A program and its weights, lent to the threads that run it while this thread yields. They are returned on drop in
/// any case; a dropped run is abandoned within a piece of a node.
struct Lent<'run> {
    program: &'run mut Program,
    weights: &'run mut Weights,
    workers: &'run Workers,
    answer: Receiver<Lending>,
    is_back: bool,
}

/// The returned program and weights, and the node to continue from.
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
            let next = own.run_for(TURN, from..usize::MAX, &mut of_run, seed, &threads);
            (own, of_run, next)
        });
        Self { program, weights, workers, answer, is_back: false }
    }

    async fn end(mut self) -> Result<Option<usize>> {
        let lost = || Error::Internal("a thread of the CPU executor ended during a step".to_owned());
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Train,
    /// The loss only, without dropout or label smoothing.
    Evaluate,
}

#[derive(Debug)]
pub struct Programs {
    pub train: Run,
    pub evaluate: Run,
}

impl Programs {
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

    /// What [`Self::bytes`] will return, without allocating.
    pub fn needed(graphs: &TrainingGraphs) -> u64 {
        let needed = |graph, read: &[ValueId]| Program::needed(&fused(graph, read), read);
        needed(&graphs.train, &[graphs.train_loss]) + needed(&graphs.evaluate, &graphs.evaluate_read())
    }

    /// Bytes of all memory except the weights.
    pub fn bytes(&self) -> u64 {
        self.train.program.bytes() + self.evaluate.program.bytes()
    }

    pub fn of(&mut self, task: Task) -> &mut Run {
        match task {
            Task::Train => &mut self.train,
            Task::Evaluate => &mut self.evaluate,
        }
    }
}
