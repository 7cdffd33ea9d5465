//! A training step divided among workers without shared memory, as in a page that is not cross-origin isolated.
//!
//! Each worker has some windows of some micro-batches ([`Partition`]) and graphs for only those windows. The loss is a mean over all
//! counted targets of the whole micro-batch, and dropout numbers its elements over the whole micro-batch ([`BatchShard`]), so the workers'
//! losses and gradients add up to those of the undivided step. Per step, each worker receives the weights and its parts of the
//! micro-batches and returns its gradient. Evaluations are divided the same way and return losses only.

use super::program::{BatchShard, Weights};
use super::run::{Programs, Task};
use super::workers::Workers;
use glasshouse_compiler::model::{TrainSpec, TrainingGraphs, training_graphs};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{IGNORED, MicroBatch};
use glasshouse_platform::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// More workers take memory without a speedup.
pub const MAX_WORKERS: usize = 8;

/// Maximum extra memory in bytes; browsers end a tab that uses too much.
const MAX_BYTES: u64 = 1 << 30;

/// Operations per step below which messages to workers cost more than they save.
const MIN_OPERATIONS: f64 = 1e8;

/// Tokens whose work per weight takes as long as copying that weight to a worker and its gradient back.
const TOKENS_PER_COPY: f64 = 16.0;

/// How a step is divided: micro-batches into groups, and the windows of each into parts. There is one shard per part of each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Parts of every micro-batch, at most B.
    pub parts: usize,
    /// Groups of micro-batches, at most the accumulation count.
    pub groups: usize,
}

impl Partition {
    pub const WHOLE: Self = Self { parts: 1, groups: 1 };

    /// Chooses the partition for up to `possible` workers whose largest shard has the fewest windows, then the fewest
    /// workers, then the smallest parts (less activation memory).
    ///
    /// With n workers and N tokens, the work per weight takes c·N/n, and the copies, made by one worker for all others, take
    /// c·[`TOKENS_PER_COPY`]·(n − 1). The sum is smallest at n = √(N / [`TOKENS_PER_COPY`]), which caps the number of workers.
    pub fn best(graphs: &TrainingGraphs, possible: usize) -> Self {
        let TrainSpec { model, train } = &graphs.spec;
        let layout = ArenaLayout::new(&graphs.train);
        let tokens = (train.batch_size * train.accumulate * model.context_length) as f64;
        let most = possible.min((tokens / TOKENS_PER_COPY).sqrt() as usize).min(MAX_WORKERS);
        // A pair loss needs both rows of a pair, ORPO's and a router's need all rows, and weighted answers come with scores. Models
        // with weights stored in fewer bits are short of memory, and every worker would hold another copy.
        let divisible = graphs.divisible
            && !train.objective.compares_answers()
            && train.prompt_loss_weight == 0.0
            && model.experts.count == 0
            && layout.stored.is_empty();
        if most <= 1 || !divisible || 6.0 * layout.trained_end as f64 * tokens < MIN_OPERATIONS {
            return Self::WHOLE;
        }
        let windows = |partition: &Self| train.batch_size.div_ceil(partition.parts);
        let largest = |partition: &Self| partition.largest(&graphs.spec);
        let programs = Programs::needed(graphs) / train.batch_size as u64;
        let added = |partition: &Self| {
            let windows = (partition.count() * windows(partition)).saturating_sub(train.batch_size);
            12 * (layout.length * (partition.count() - 1)) as u64 + programs * windows as u64
        };
        let all = (1..=most.min(train.batch_size)).flat_map(|parts| {
            (1..=(most / parts).min(train.accumulate)).map(move |groups| Self { parts, groups })
        });
        all.filter(|partition| added(partition) <= MAX_BYTES)
            .min_by_key(|partition| (largest(partition), partition.count(), partition.groups))
            .unwrap_or(Self::WHOLE)
    }

    /// Windows of the largest shard, which all workers wait for.
    fn largest(self, TrainSpec { train, .. }: &TrainSpec) -> usize {
        train.batch_size.div_ceil(self.parts) * train.accumulate.div_ceil(self.groups)
    }

    /// Speedup of a step, ignoring messages.
    pub fn gain(self, spec: &TrainSpec) -> f64 {
        (spec.train.batch_size * spec.train.accumulate) as f64 / self.largest(spec).max(1) as f64
    }

    pub fn count(self) -> usize {
        self.parts * self.groups
    }

    /// The shards of a run's steps. The first, whose worker also updates the weights, is never the largest.
    pub fn shards(self, spec: &TrainSpec) -> impl Iterator<Item = Shard> {
        let Self { parts, groups } = self;
        (0..self.count()).map(move |at| {
            let windows = piece(spec.train.batch_size, parts, at % parts);
            let mut spec = spec.clone();
            spec.train.batch_size = windows.len();
            Shard { spec, first: windows.start, group: at / parts, groups }
        })
    }
}

/// Piece `at` of `count` items cut into `pieces`, whose sizes differ by at most one; the first is never the largest.
fn piece(count: usize, pieces: usize, at: usize) -> Range<usize> {
    count * at / pieces..count * (at + 1) / pieces
}

/// One worker's share of every step and evaluation. Its JSON starts the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// The run's settings, with the shard's windows as the batch.
    spec: TrainSpec,
    /// Windows of the whole micro-batch before this shard's.
    first: usize,
    group: usize,
    groups: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ShardBatch {
    pub batch: MicroBatch,
    /// Denominator of the whole micro-batch's loss: its counted targets, unless the batch sets another.
    pub loss_denominator: f32,
}

impl Shard {
    fn graphs(&self) -> Result<TrainingGraphs> {
        Ok(training_graphs(&self.spec.model, &self.spec.train)?)
    }

    /// Bytes needed by a separate worker.
    pub fn needed(&self) -> Result<u64> {
        let graphs = self.graphs()?;
        let layout = ArenaLayout::new(&graphs.train);
        Ok(4 * (layout.length + layout.trained_end) as u64 + Programs::needed(&graphs))
    }

    pub fn programs(&self) -> Result<Programs> {
        Programs::new(&self.graphs()?)
    }

    /// Number of groups; as many micro-batches are evaluated at once.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The micro-batches, of `count`, that this shard has a part of.
    pub fn range(&self, task: Task, count: usize) -> Range<usize> {
        let group = match task {
            Task::Train => self.group,
            // There may be fewer batches than groups. The first shard then has some: the wait for the others is estimated from its time.
            Task::Evaluate => self.groups - 1 - self.group,
        };
        piece(count, self.groups, group)
    }

    pub fn parts(&self, task: Task, batches: &[MicroBatch]) -> Vec<ShardBatch> {
        batches[self.range(task, batches.len())].iter().map(|whole| self.part(task, whole)).collect()
    }

    fn part(&self, task: Task, whole: &MicroBatch) -> ShardBatch {
        let TrainSpec { model, train } = &self.spec;
        let windows =
            self.first * model.context_length..(self.first + train.batch_size) * model.context_length;
        let part = |ids: &[u32]| ids.get(windows.clone()).unwrap_or_default().to_vec();
        let batch = MicroBatch {
            tokens: part(&whole.tokens),
            targets: part(&whole.targets),
            document_starts: whole.document_starts.as_deref().map(part),
            seed: whole.seed,
            loss_denominator: None,
            scores: None,
        };
        ShardBatch { batch, loss_denominator: self.loss_denominator(task, whole) }
    }

    /// Denominator of a whole micro-batch's loss: its counted targets, unless the batch sets another. Evaluations
    /// ignore [`IGNORED`] targets even if training ignores none.
    pub fn loss_denominator(&self, task: Task, whole: &MicroBatch) -> f32 {
        let ignored = match (self.spec.train.ignored_target(), task) {
            (None, Task::Evaluate) => Some(IGNORED),
            (ignored, _) => ignored,
        };
        let counts = |target: &&u32| Some(**target) != ignored;
        whole.loss_denominator.unwrap_or_else(|| whole.targets.iter().filter(counts).count() as f32)
    }

    /// Tokens of this shard's part of a micro-batch.
    fn tokens(&self) -> usize {
        self.spec.train.batch_size * self.spec.model.context_length
    }

    /// Runs the parts and returns each one's share of its micro-batch's mean loss. In training, adds the gradients to those in `weights`.
    pub async fn compute(
        &self,
        task: Task,
        parts: &[ShardBatch],
        programs: &mut Programs,
        weights: &mut Weights,
        workers: &Arc<Workers>,
    ) -> Result<Vec<f32>> {
        let run = programs.of(task);
        let mut losses = Vec::with_capacity(parts.len());
        for ShardBatch { batch, loss_denominator } in parts {
            let shard = BatchShard { first: self.first, loss_denominator: Some(*loss_denominator) };
            let (loss, here) = run.batch(weights, workers, batch, shard).await?;
            losses.push(if *loss_denominator > 0.0 { loss * here / loss_denominator } else { 0.0 });
        }
        Ok(losses)
    }
}

/// Encodes a task and its parts as words for a message: 1 for an evaluation, else 0; then, per part, the dropout seed,
/// the loss denominator as float bits, tokens, targets, and document starts if rows hold several documents.
pub fn packed(task: Task, parts: &[ShardBatch]) -> Vec<u32> {
    let mut words = vec![u32::from(task == Task::Evaluate)];
    for ShardBatch { batch, loss_denominator } in parts {
        words.extend([batch.seed[0], batch.seed[1], loss_denominator.to_bits()]);
        words.extend(&batch.tokens);
        words.extend(&batch.targets);
        words.extend(batch.document_starts.iter().flatten());
    }
    words
}

/// Decodes the output of [`packed`] for parts of `tokens` tokens each; `documents`: rows hold several documents.
fn unpacked(words: &[u32], tokens: usize, documents: bool) -> Result<(Task, Vec<ShardBatch>)> {
    let length = 3 + (if documents { 3 } else { 2 }) * tokens;
    let (task, words) = match words {
        [0, words @ ..] => (Task::Train, words),
        [1, words @ ..] => (Task::Evaluate, words),
        _ => return Err(Error::Internal("words of no task".to_owned())),
    };
    if !words.len().is_multiple_of(length) {
        return Err(Error::Internal(format!("{} words for parts of {length}", words.len())));
    }
    let part = |words: &[u32]| {
        let (head, ids) = words.split_at(3);
        let (ids, rest) = ids.split_at(tokens);
        let (targets, starts) = rest.split_at(tokens);
        let batch = MicroBatch {
            tokens: ids.to_vec(),
            targets: targets.to_vec(),
            document_starts: documents.then(|| starts.to_vec()),
            seed: [head[0], head[1]],
            loss_denominator: None,
            scores: None,
        };
        ShardBatch { batch, loss_denominator: f32::from_bits(head[2]) }
    };
    Ok((task, words.chunks_exact(length).map(part).collect()))
}

/// Computes a shard in a separate worker.
#[derive(Debug)]
pub struct ShardExecutor {
    shard: Shard,
    programs: Programs,
    weights: Weights,
    workers: Arc<Workers>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ShardResult<'executor> {
    /// Each part's share of its micro-batch's mean loss.
    pub losses: Vec<f32>,
    /// The parts' gradient, laid out like the arena; empty for an evaluation.
    pub gradients: &'executor [f32],
}

impl ShardExecutor {
    /// Creates the executor from the JSON of a `Shard`. Fails if the JSON comes from another version.
    pub fn new(shard: &str) -> Result<Self> {
        let shard: Shard = serde_json::from_slice(shard.as_bytes())
            .map_err(|error| Error::Internal(format!("a shard: {error}")))?;
        let graphs = shard.graphs()?;
        let layout = ArenaLayout::new(&graphs.train);
        let (parameters, gradients) = (vec![0.0; layout.length], vec![0.0; layout.trained_end]);
        let weights = Weights { parameters: Arc::new(parameters), gradients, ..Weights::default() };
        Ok(Self {
            shard,
            programs: Programs::new(&graphs)?,
            weights,
            workers: Arc::new(Workers::new(Some(1))?),
        })
    }

    /// The weights, laid out like the arena; filled in before each task.
    pub fn parameters(&mut self) -> &mut [f32] {
        Arc::make_mut(&mut self.weights.parameters).as_mut_slice()
    }

    /// Computes the parts encoded in `words`. Fails if the words do not fit this shard, or name tokens outside the vocabulary.
    pub async fn answer(&mut self, words: &[u32]) -> Result<ShardResult<'_>> {
        let Self { shard, programs, weights, workers } = self;
        let documents = shard.spec.train.separates_documents(&shard.spec.model);
        let (task, parts) = unpacked(words, shard.tokens(), documents)?;
        weights.gradients.fill(0.0);
        let losses = shard.compute(task, &parts, programs, weights, workers).await?;
        let gradients = if task == Task::Train { &weights.gradients[..] } else { &[] };
        Ok(ShardResult { losses, gradients })
    }
}
