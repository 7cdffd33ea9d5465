//! The training graph on the CPU: our own forward and backward nodes, run one after another over plain slices.
//!
//! This is the executor for machines without a GPU. It allocates all memory at construction and none per step. Threads
//! take pieces of every op as they become free (`workers`), vector code is chosen at run time (`glasshouse_platform::lanes`), and
//! results do not depend on the number of threads. A browser has workers without shared memory instead: each step and
//! evaluation is divided among them (`shard`, `other_shards`), and the last digits depend on the division.

mod decoder;
pub mod gptq;
mod interleaved;
mod matrix;
mod memory_demand;
mod ops;
mod other_shards;
mod program;
mod run;
mod shard;
#[cfg(test)]
mod tests;
mod update;
pub mod vector;
mod workers;

pub use decoder::CpuDecoder;
pub use glasshouse_platform::parallel::MAX_THREADS;
pub use program::fused;
pub use shard::{ShardExecutor, ShardResult};

use glasshouse_compiler::graph::ops::{Preference, REPORTED};
use glasshouse_compiler::graph::{Graph, Input, Origin, ValueId};
use glasshouse_compiler::model::{TrainingGraphs, loss_form, training_graphs};
use glasshouse_compiler::muon::Matrix;
use glasshouse_compiler::optimizer::{Optimizer, Rate};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, Data, MicroBatch, StepInput, StepReport};
use glasshouse_platform::{Error, Remote, Result};
use glasshouse_protocol::{RunConfig, TrainConfig, order};
use memory_demand::MemoryDemand;
use other_shards::OtherShards;
pub use program::{Program, Weights};
pub use run::run_program;
pub use workers::Workers;

use program::BatchShard;
use run::{Programs, Task};
use shard::{Partition, Shard};
use std::sync::Arc;
use web_time::Instant;

pub struct CpuExecutor {
    workers: Arc<Workers>,
    optimizer: Optimizer,
    layout: ArenaLayout,
    weights: Weights,
    first_moments: Vec<f32>,
    second_moments: Vec<f32>,
    partial: Vec<f32>,
    muon: update::Muon,
    programs: Programs,
    /// The pair loss, for that objective, and each micro-batch's report.
    preference: Option<Preference>,
    reports: Vec<[f32; REPORTED]>,
    /// This executor's shard and the others, if the step is divided.
    divided: Option<(Shard, OtherShards)>,
}

/// Untimed runs that warm up caches and memory.
const WARM_UP: usize = 2;

impl CpuExecutor {
    /// Creates an executor with zero moments and weights until [`Self::set_state`], which must come before any batch if matrices are stored in
    /// fewer bits: those take no memory until then. `threads` defaults to one per core. In a browser these
    /// are workers, as many as shorten a step. Fails with [`Error::TooLarge`] if the machine has too little free memory.
    pub fn new(graphs: &TrainingGraphs, optimizer: Optimizer, threads: Option<usize>) -> Result<Self> {
        let partition = Partition::best(graphs, most_workers(threads));
        Self::within(glasshouse_platform::available_memory(), graphs, optimizer, threads, partition)
    }

    /// Bytes that [`Self::new`] will allocate, excluding the threads' small scratch memory.
    pub fn needed(graphs: &TrainingGraphs, optimizer: Optimizer) -> u64 {
        let MemoryDemand { arenas, programs, .. } =
            memory_demand(graphs, &optimizer, &ArenaLayout::new(&graphs.train));
        arenas + programs
    }

    /// [`Self::new`] with `available` bytes of memory and this partition.
    fn within(
        available: Option<u64>,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
        partition: Partition,
    ) -> Result<Self> {
        graphs.expect_full(&optimizer, "the CPU executor")?;
        let layout = ArenaLayout::new(&graphs.train);
        memory_demand(graphs, &optimizer, &layout).check(available)?;
        let divided = match partition {
            Partition::WHOLE => None,
            partition => Some(OtherShards::new(&graphs.spec, &layout, partition)?),
        };
        let programs = match &divided {
            None => Programs::new(graphs)?,
            Some((shard, _)) => shard.programs()?,
        };
        let moments = |kept: bool| if kept { vec![0.0; layout.trained_end] } else { Vec::new() };
        Ok(Self {
            workers: Arc::new(Workers::new(threads)?),
            optimizer,
            weights: Weights {
                parameters: vec![0.0; layout.floats_end].into(),
                stored: Arc::default(),
                gradients: vec![0.0; layout.trained_end],
            },
            first_moments: moments(optimizer.first_moments()),
            second_moments: moments(optimizer.second_moments()),
            partial: vec![0.0; update::partial_sums(layout.trained_end)],
            muon: update::Muon::new(&optimizer, &layout)?,
            programs,
            preference: loss_form(&graphs.spec.train, &graphs.spec.model).preference(),
            reports: Vec::new(),
            divided,
            layout,
        })
    }

    /// Number of threads. Results do not depend on it, to the bit.
    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Number of workers that share each step. The last digits of results depend on it.
    pub fn workers(&self) -> usize {
        1 + self.divided.as_ref().map_or(0, |(_, others)| others.count())
    }

    /// Number of evaluation batches to submit together so that no worker idles.
    pub fn batches_at_once(&self) -> usize {
        self.divided.as_ref().map_or(1, |(shard, _)| shard.groups())
    }

    /// Takes the warning, if a worker was lost since the last call; its shard is then computed here.
    pub fn take_warning(&mut self) -> Option<String> {
        self.divided.as_mut().and_then(|(_, others)| others.take_warning())
    }

    /// Bytes of memory held, excluding the threads' scratch memory (a matrix panel, scores of a few heads).
    pub fn bytes(&self) -> u64 {
        let Weights { parameters, gradients, .. } = &self.weights;
        let arenas = [&**parameters, gradients, &self.first_moments, &self.second_moments, &self.partial];
        let arenas = arenas.iter().map(|arena| arena.len() as u64 * 4).sum::<u64>();
        let arenas = arenas + self.layout.stored_words() as u64 * 4;
        let others = self.divided.as_ref().map_or(0, |(_, others)| others.bytes());
        arenas + self.muon.bytes() + self.programs.bytes() + others
    }

    pub async fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        let mut reports = Vec::with_capacity(steps.len());
        for step in steps {
            reports.push(self.step(step).await?);
        }
        Ok(reports)
    }

    /// Returns (mean loss, counted rows) per batch, without dropout or label smoothing.
    pub async fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        self.losses(Task::Evaluate, batches).await
    }

    /// Returns the loss of each target per batch, without dropout or label smoothing; 0 for ignored targets.
    pub async fn token_losses(&mut self, batches: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        self.expect_weights()?;
        let Self { programs, weights, workers, .. } = self;
        let mut losses = Vec::with_capacity(batches.len());
        for batch in batches {
            programs.evaluate.batch(weights, workers, batch, BatchShard::default()).await?;
            losses.push(programs.evaluate.token_losses()?);
        }
        Ok(losses)
    }

    /// Norm statistics of the residual stream after each part of the model, [N,2], for a batch without dropout; only
    /// this executor's share if the step is divided.
    pub async fn probes(&mut self, batch: &MicroBatch) -> Result<Vec<(String, Vec<f32>)>> {
        self.losses(Task::Evaluate, std::slice::from_ref(batch)).await?;
        Ok(self.programs.evaluate.probes())
    }

    /// Returns (mean loss over the micro-batches, averaged unclipped gradient laid out like the arena).
    pub async fn gradients(&mut self, step: &StepInput) -> Result<(f32, Vec<f32>)> {
        let loss = self.accumulate(step).await?;
        Ok((loss, self.weights.gradients.clone()))
    }

    /// (scope, operation, seconds) of each node of the last micro-batch's forward and backward pass, in order; only
    /// this executor's share if the step is divided.
    pub fn timings(&self) -> impl Iterator<Item = (&str, &'static str, f64)> {
        self.programs.train.program.timings()
    }

    /// The weights in 32-bit floats, without those stored in fewer bits; shared until the next step.
    pub fn floats(&self) -> Arc<Vec<f32>> {
        self.weights.parameters.clone()
    }

    /// All weights as floats.
    pub fn weights(&self) -> Vec<f32> {
        self.layout.all_floats(self.weights.parameters.to_vec(), &self.weights.stored)
    }

    /// Weights and moments. Until the next step, the weights are shared with it.
    pub fn state(&self) -> ArenaState {
        ArenaState {
            parameters: self.floats(),
            stored: self.weights.stored.clone(),
            first_moments: self.first_moments.clone(),
            second_moments: self.second_moments.clone(),
            ..ArenaState::default()
        }
    }

    /// Replaces weights and moments; absent moments start at zero.
    pub fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        let layout = &self.layout;
        for (what, needed, given, optional) in [
            ("parameters", layout.length_of(state)?, &*state.parameters, false),
            ("first moments", self.first_moments.len(), &state.first_moments, true),
            ("second moments", self.second_moments.len(), &state.second_moments, true),
        ] {
            if needed != given.len() && !(optional && given.is_empty()) {
                return Err(Error::Refused(format!(
                    "{what}: got {} floats, expected {needed}; the state belongs to another model or optimizer",
                    given.len()
                )));
            }
        }
        self.weights.parameters = match state.parameters.len() == layout.floats_end {
            true => state.parameters.clone(),
            false => state.parameters[..layout.floats_end].to_vec().into(),
        };
        self.weights.stored = layout.words_of(state);
        self.weights_changed();
        for (arena, given) in [
            (&mut self.first_moments, &state.first_moments),
            (&mut self.second_moments, &state.second_moments),
        ] {
            if given.is_empty() {
                arena.fill(0.0);
            } else {
                arena.copy_from_slice(given);
            }
        }
        Ok(())
    }

    /// Clears the gradient, runs the micro-batches and returns their mean loss.
    async fn accumulate(&mut self, step: &StepInput) -> Result<f32> {
        self.weights.gradients.fill(0.0);
        self.reports.clear();
        let losses = self.losses(Task::Train, &step.micro_batches).await?;
        let total: f32 = losses.iter().map(|(loss, _)| loss).sum();
        Ok(total / losses.len().max(1) as f32)
    }

    fn expect_weights(&self) -> Result<()> {
        match self.weights.stored.len() == self.layout.stored_words() {
            true => Ok(()),
            false => Err(Error::Internal("a batch before the weights were set".to_owned())),
        }
    }

    /// Returns (mean loss, counted rows) per batch; in training, adds up the gradients.
    async fn losses(&mut self, task: Task, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        self.expect_weights()?;
        let Self { programs, weights, workers, divided, reports, .. } = self;
        // Batches of pairs are never divided: their loss needs all rows.
        let Some((shard, others)) = divided else {
            let mut losses = Vec::with_capacity(batches.len());
            for batch in batches {
                let whole = BatchShard { loss_denominator: batch.loss_denominator, ..BatchShard::default() };
                let run = programs.of(task);
                let (loss, here) = run.batch(weights, workers, batch, whole).await?;
                if task == Task::Train {
                    reports.extend(run.reported());
                }
                losses.push(match batch.loss_denominator {
                    Some(denominator) => (loss * here / denominator, denominator),
                    None => (loss, here),
                });
            }
            return Ok(losses);
        };
        others.ask(task, &weights.parameters, batches);
        let begun = Instant::now();
        let own = shard.compute(task, &shard.parts(task, batches), programs, weights, workers).await;
        let mut losses = vec![0.0; batches.len()];
        if let Ok(own) = &own {
            other_shards::add(own, &mut losses[shard.range(task, batches.len())]);
        }
        // Answers of the others are always collected; leftovers would be taken for the next step's.
        let rest = others.collect(task, batches, begun.elapsed(), &mut losses, weights, workers).await;
        own.and(rest)?;
        Ok(losses.into_iter().zip(batches.iter().map(|batch| shard.loss_denominator(task, batch))).collect())
    }

    async fn step(&mut self, step: &StepInput) -> Result<StepReport> {
        let loss = self.accumulate(step).await?;
        self.weights_changed();
        let workers = self.workers.clone();
        workers.install(|| self.update(step, loss, &workers))
    }

    /// Makes the workers fetch the weights again.
    fn weights_changed(&mut self) {
        if let Some((_, others)) = &mut self.divided {
            others.weights_changed();
        }
    }

    fn update(&mut self, step: &StepInput, loss: f32, workers: &Workers) -> Result<StepReport> {
        let gradient_norm = update::norm(workers, &self.weights.gradients, &mut self.partial);
        let preference = self.preference.and_then(|op| op.of_reports(&self.reports));
        let Some(scale) = self.optimizer.gradient_scale(gradient_norm) else {
            return Ok(StepReport { loss, gradient_norm, skipped: true, preference });
        };
        let (first_correction, second_correction) = self.optimizer.corrections(step.step);
        let rate = Rate { learning_rate: step.learning_rate, first_correction, second_correction };
        let weights = Arc::make_mut(&mut self.weights.parameters);
        let (end, weight_decay) = (self.layout.decayed_end, self.optimizer.weight_decay);
        let parts = self.optimizer.entrywise(&self.layout).into_iter().flat_map(|(range, rule)| {
            let cut = end.clamp(range.start, range.end);
            [(range.start..cut, rule, weight_decay), (cut..range.end, rule, 0.0)]
        });
        for (range, rule, decay) in parts {
            let first = part_of(&mut self.first_moments, &range);
            let second = part_of(&mut self.second_moments, &range);
            let parameters = &mut weights[range.clone()];
            let gradients = &self.weights.gradients[range.clone()];
            update::apply(workers, &rule, &rate, decay, scale, gradients, parameters, first, second);
        }
        for matrix in self.optimizer.matrices(&self.layout).iter().flat_map(Matrix::parts) {
            let range = matrix.start..matrix.start + matrix.count();
            let first = part_of(&mut self.first_moments, &range);
            let parameters = &mut weights[range.clone()];
            let gradients = &mut self.weights.gradients[range.clone()];
            let partial = &mut self.partial[..update::partial_sums(range.len())];
            let (muon, optimizer) = (&mut self.muon, &self.optimizer);
            muon.apply(workers, optimizer, &rate, scale, &matrix, gradients, parameters, first, partial)?;
        }
        Ok(StepReport { loss, gradient_norm, skipped: false, preference })
    }
}

/// Maximum number of workers to divide steps among, including this one; 1 natively, where threads share memory.
pub fn most_workers(threads: Option<usize>) -> usize {
    Remote::most(threads).min(shard::MAX_WORKERS)
}

/// Speedup of a run's steps from the workers that [`CpuExecutor::new`] would use.
pub fn gain_of_workers(config: &RunConfig, threads: Option<usize>) -> Result<f64> {
    match most_workers(threads) {
        1 => Ok(1.0),
        most => {
            let graphs = training_graphs(&config.model, &config.train)?;
            Ok(Partition::best(&graphs, most).gain(&graphs.spec))
        }
    }
}

/// The micro-batch size must be a multiple of this, to keep pairs and a step's answer groups whole.
fn rows_together(train: &TrainConfig) -> usize {
    let group = train.reward.group.max(1);
    if !train.objective.answers_prompts() {
        return train.rows_together();
    }
    (1..=group).find(|rows| (rows * train.accumulate).is_multiple_of(group)).unwrap_or(group)
}

/// Memory an executor allocates, excluding the threads' small scratch memory.
fn memory_demand(graphs: &TrainingGraphs, optimizer: &Optimizer, layout: &ArenaLayout) -> MemoryDemand {
    let moments = usize::from(optimizer.first_moments()) + usize::from(optimizer.second_moments());
    let tokens = graphs.train.find(Origin::Input(Input::Tokens));
    MemoryDemand {
        arenas: 4
            * (layout.floats_end
                + layout.trained_end * (1 + moments)
                + layout.stored_words()
                + update::partial_sums(layout.trained_end)) as u64
            + update::Muon::needed(optimizer, layout),
        programs: Programs::needed(graphs),
        batch: tokens.and_then(|tokens| graphs.train.ty(tokens).shape.first().copied()),
        together: rows_together(&graphs.spec.train),
    }
}

/// A range of an arena; empty if the arena is not kept.
fn part_of<'arena>(arena: &'arena mut [f32], range: &std::ops::Range<usize>) -> &'arena mut [f32] {
    arena.get_mut(range.clone()).unwrap_or_default()
}

/// Runs any graph once. `inputs` sets parameters, caches, inputs and initial gradients (default 0); returns the values
/// in `read`. Dropout's seed is zero.
pub fn run_graph(graph: &Graph, inputs: &[(ValueId, Data)], read: &[ValueId]) -> Result<Vec<Data>> {
    run_graph_seeded(graph, inputs, read, [0, 0])
}

/// [`run_graph`] with a dropout seed.
pub fn run_graph_seeded(
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
    seed: [u32; 2],
) -> Result<Vec<Data>> {
    let (mut program, mut weights) = fed(graph, inputs, read)?;
    let workers = Workers::new(None)?;
    workers.install(|| program.run(&mut weights, seed, &workers))?;
    read.iter().map(|value| program.read(&weights, *value)).collect()
}

/// Runs a forward graph once over weights and returns the floats of `read`. `inputs` default to 0; `threads` to one per core. Fails if the
/// machine lacks the memory, the weights do not fit the graph, or `read` has no floats.
pub fn run_forward(
    graph: &Graph,
    weights: &mut Weights,
    inputs: &[(ValueId, &[u32])],
    read: ValueId,
    threads: Option<usize>,
) -> Result<Vec<f32>> {
    let layout = ArenaLayout::new(graph);
    let given = [weights.parameters.len(), weights.stored.len()];
    if given != [layout.floats_end, layout.stored_words()] {
        return Err(Error::Internal("weights of another graph".to_owned()));
    }
    let programs = Program::needed(graph, &[read]);
    MemoryDemand { arenas: 0, programs, batch: None, together: 1 }
        .check(glasshouse_platform::available_memory())?;
    let mut program = Program::new(graph, &[read]);
    inputs.iter().try_for_each(|(value, words)| program.set_words(*value, words))?;
    let workers = Workers::new(threads)?;
    workers.install(|| program.run(weights, [0, 0], &workers))?;
    match program.read(weights, read)? {
        Data::F32(floats) => Ok(floats),
        Data::U32(_) => Err(Error::Internal("words where floats were read".to_owned())),
    }
}

/// Runs any graph repeatedly for about `seconds`, at least three times after two warm-up runs, with `inputs` as in [`run_graph`]. Returns
/// each node's median seconds and the number of threads. Fails if the machine lacks the memory, or an input does not fit the graph.
pub fn time_graph(
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    threads: Option<usize>,
    seconds: f64,
) -> Result<(Vec<f64>, usize)> {
    let arenas = 2 * 4 * ArenaLayout::new(graph).length as u64;
    MemoryDemand { arenas, programs: Program::needed(graph, &[]), batch: None, together: 1 }
        .check(glasshouse_platform::available_memory())?;
    let (mut program, mut weights) = fed(graph, inputs, &[])?;
    let workers = Workers::new(threads)?;
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); graph.nodes.len()];
    let mut begun = Instant::now();
    let mut round = 0;
    while round < WARM_UP + 3 || begun.elapsed().as_secs_f64() < seconds {
        weights.gradients.fill(0.0);
        workers.install(|| program.run(&mut weights, [0, 0], &workers))?;
        round += 1;
        if round > WARM_UP {
            for (samples, (_, _, seconds)) in samples.iter_mut().zip(program.timings()) {
                samples.push(seconds);
            }
        } else {
            begun = Instant::now();
        }
    }
    let median = |samples: &mut Vec<f64>| {
        order::sort_by(samples, f64::total_cmp);
        samples.get(samples.len() / 2).copied().unwrap_or(0.0)
    };
    Ok((samples.iter_mut().map(median).collect(), workers.count()))
}

/// Builds a program with its inputs set, and its weights.
fn fed(graph: &Graph, inputs: &[(ValueId, Data)], keep: &[ValueId]) -> Result<(Program, Weights)> {
    let layout = ArenaLayout::new(graph);
    let mut weights = Weights {
        parameters: vec![0.0; layout.floats_end].into(),
        stored: vec![0; layout.stored_words()].into(),
        gradients: vec![0.0; layout.length],
    };
    let mut program = Program::new(graph, keep);
    for (value, data) in inputs {
        match data {
            Data::F32(floats) => program.set_floats(&mut weights, *value, floats)?,
            Data::U32(words) => program.set_words(*value, words)?,
        }
    }
    Ok((program, weights))
}
