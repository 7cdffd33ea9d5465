//! A batch divided among workers that share no memory, as those of a browser whose page has no special headers.
//!
//! Each worker has the graph of its windows alone. The loss is a mean over all targets that count in the whole batch and dropout
//! numbers its elements over the whole batch ([`Portion`]), so that the workers' losses and gradients add up to those of the
//! undivided batch. In a step each gets the weights and its part of every micro-batch, and answers with its gradient.

use super::program::{Portion, Program, Weights};
use super::run::Run;
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::executor::{MicroBatch, Recipe, StepInput, TrainingGraphs};
use crate::model::training_graphs;
use crate::plan::arena::ArenaLayout;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// More workers than this take memory and win nothing.
const MOST: usize = 8;

/// Bytes that the others may take for weights, gradients and the memory that carries them: a tab that takes too much is ended.
const MOST_BYTES: usize = 1 << 30;

/// Operations of a step below which it is over before the workers' messages are.
const LEAST_OPERATIONS: f64 = 1e8;

/// Tokens of a step that take a worker as long for each weight as it takes to copy that weight to one and its gradient back.
const TOKENS_PER_COPY: f64 = 16.0;

/// How many workers make a step shorter, where so many can work at once.
///
/// With n workers and N tokens the work takes c·N/n for each weight, and the copies, which one worker makes for all others,
/// c·[`TOKENS_PER_COPY`]·(n − 1): the sum is least at n = √(N / [`TOKENS_PER_COPY`]).
pub fn worthwhile(recipe: &Recipe, layout: &ArenaLayout, possible: usize) -> usize {
    let Recipe { model, train } = recipe;
    let tokens = (train.batch * train.accumulate * model.context) as f64;
    if 6.0 * layout.trained_end as f64 * tokens < LEAST_OPERATIONS {
        return 1;
    }
    let best = (tokens / TOKENS_PER_COPY).sqrt() as usize;
    let room = 1 + MOST_BYTES / layout.length.saturating_mul(12).max(1);
    possible.min(best).min(room).min(train.batch).clamp(1, MOST)
}

/// `windows` cut into `count` shares that differ by one window at most. The first, whose worker also updates the weights, is
/// never the largest.
pub fn divide(windows: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).map(move |at| windows * at / count..windows * (at + 1) / count)
}

/// What one worker computes of every batch. Its JSON is what a worker is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    /// The run's, with the share's windows as the batch.
    recipe: Recipe,
    /// Windows of the whole batch before the share's.
    first: usize,
}

/// A share's part of a micro-batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its windows.
    pub batch: MicroBatch,
    /// Targets that count in the whole micro-batch.
    pub counted: f32,
}

impl Share {
    /// The share of some of the windows of a run's batch.
    pub fn new(recipe: &Recipe, windows: &Range<usize>) -> Self {
        let mut recipe = recipe.clone();
        recipe.train.batch = windows.len();
        Self { recipe, first: windows.start }
    }

    /// The graphs of its windows.
    pub fn graphs(&self) -> Result<TrainingGraphs> {
        training_graphs(&self.recipe.model, &self.recipe.train)
    }

    /// Bytes that a worker of its own takes for it.
    pub fn needed(&self) -> Result<u64> {
        let graphs = self.graphs()?;
        let layout = ArenaLayout::of(&graphs.train);
        let arenas = 4 * (layout.length + layout.trained_end) as u64;
        Ok(arenas + Program::needed(&graphs.train, &[graphs.train_loss]))
    }

    /// A program of it.
    pub fn run(&self) -> Result<Run> {
        let graphs = self.graphs()?;
        Run::new(&graphs.train, graphs.train_loss)
    }

    /// Where its windows stand in a batch of which so many targets count.
    pub fn portion(&self, counted: f32) -> Portion {
        Portion { first: self.first, counted: Some(counted) }
    }

    /// Its parts of a step's micro-batches.
    pub fn parts(&self, step: &StepInput) -> Vec<Part> {
        step.micro_batches.iter().map(|whole| self.part(whole)).collect()
    }

    fn part(&self, whole: &MicroBatch) -> Part {
        let Recipe { model, train } = &self.recipe;
        let windows = self.first * model.context..(self.first + train.batch) * model.context;
        let part = |ids: &[u32]| ids.get(windows.clone()).unwrap_or_default().to_vec();
        let counts = |target: &&u32| Some(**target) != train.ignore_index;
        let batch =
            MicroBatch { tokens: part(&whole.tokens), targets: part(&whole.targets), seed: whole.seed };
        Part { batch, counted: whole.targets.iter().filter(counts).count() as f32 }
    }

    /// Tokens of its part of a micro-batch.
    fn tokens(&self) -> usize {
        self.recipe.train.batch * self.recipe.model.context
    }
}

/// What a share adds to the mean loss of a micro-batch: its own mean over `counted` of all targets that count.
pub fn contribution((loss, here): (f32, f32), counted: f32) -> f32 {
    if counted > 0.0 { loss * here / counted } else { 0.0 }
}

/// A step's parts as words for a message: of each, dropout's seed, the targets that count as a float's bits, tokens, targets.
pub fn packed(parts: &[Part]) -> Vec<u32> {
    let mut words = Vec::new();
    for Part { batch, counted } in parts {
        words.extend([batch.seed[0], batch.seed[1], counted.to_bits()]);
        words.extend(&batch.tokens);
        words.extend(&batch.targets);
    }
    words
}

/// The parts that [`packed`] put into words, of so many tokens each.
fn unpacked(words: &[u32], tokens: usize) -> Result<Vec<Part>> {
    let length = 3 + 2 * tokens;
    if !words.len().is_multiple_of(length) {
        return Err(Error::Internal(format!("{} words for parts of {length}", words.len())));
    }
    let part = |words: &[u32]| {
        let (head, ids) = words.split_at(3);
        let (ids, targets) = ids.split_at(tokens);
        let batch = MicroBatch { tokens: ids.to_vec(), targets: targets.to_vec(), seed: [head[0], head[1]] };
        Part { batch, counted: f32::from_bits(head[2]) }
    };
    Ok(words.chunks_exact(length).map(part).collect())
}

/// Computes a share of every batch in a worker of its own.
#[derive(Debug)]
pub struct ShareExecutor {
    share: Share,
    run: Run,
    weights: Weights,
    workers: Workers,
}

impl ShareExecutor {
    /// What the JSON of a share asks for, which the engine's other side wrote.
    ///
    /// # Errors
    /// The text comes from another version.
    pub fn new(share: &str) -> Result<Self> {
        let share: Share = serde_json::from_str(share)
            .map_err(|error| Error::Internal(format!("a share of the batch: {error}")))?;
        let graphs = share.graphs()?;
        let layout = ArenaLayout::of(&graphs.train);
        let weights =
            Weights { parameters: vec![0.0; layout.length], gradients: vec![0.0; layout.trained_end] };
        let run = Run::new(&graphs.train, graphs.train_loss)?;
        Ok(Self { share, run, weights, workers: Workers::new(Some(1))? })
    }

    /// The weights, laid out as the arena, to be filled in before a step.
    pub fn parameters(&mut self) -> &mut [f32] {
        &mut self.weights.parameters
    }

    /// The last step's gradient, laid out as the arena.
    pub fn gradients(&self) -> &[f32] {
        &self.weights.gradients
    }

    /// Computes the gradient of a step's parts, given as words; what the share adds to the sum of the micro-batches' losses.
    ///
    /// # Errors
    /// The words are no parts of this share, or name tokens outside the vocabulary.
    pub fn step(&mut self, words: &[u32]) -> Result<f32> {
        let parts = unpacked(words, self.share.tokens())?;
        let Self { share, run, weights, workers } = self;
        weights.gradients.fill(0.0);
        let mut total = 0.0;
        for Part { batch, counted } in &parts {
            let portion = share.portion(*counted);
            total += contribution(run.batch_at_once(weights, workers, batch, portion)?, *counted);
        }
        Ok(total)
    }
}
