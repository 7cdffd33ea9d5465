//! The shards of a step that are computed elsewhere: by workers without shared memory, or locally if a worker is unavailable.
//!
//! Each shard's gradient is summed separately, and the sums are added in shard order, so the bits depend on the
//! division of the step but not on who computed which shard.

use super::ops::linear::accumulate;
use super::program::Weights;
use super::run::{Programs, Task};
use super::shard::{Partition, Shard, packed};
use super::workers::Workers;
use glasshouse_compiler::model::TrainSpec;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::MicroBatch;
use glasshouse_platform::{Error, OrInternal, Remote, Result};
use std::sync::Arc;
use std::time::Duration;

/// A worker is given up if it answers this much later than our own shard took,
const PATIENCE: Duration = Duration::from_secs(20);
/// plus this many times that duration, since cores differ in speed.
const SLOWER: u32 = 5;

#[derive(Debug, Default)]
pub struct OtherShards {
    others: Vec<Other>,
    /// One shard's gradient at a time.
    received: Vec<f32>,
    warning: Option<String>,
}

#[derive(Debug)]
struct Other {
    shard: Shard,
    computed: Computed,
    /// Whether it has the current weights.
    current: bool,
    /// Bytes a separate worker takes.
    bytes: u64,
}

#[derive(Debug)]
enum Computed {
    Remotely(Remote),
    Locally(Box<Programs>),
}

impl OtherShards {
    /// Creates the other shards, and returns the caller's own, the first.
    pub fn new(spec: &TrainSpec, layout: &ArenaLayout, partition: Partition) -> Result<(Shard, Self)> {
        let mut shards = partition.shards(spec);
        let first = shards.next().or_internal("a step in no shards")?;
        let mut found = Self { received: vec![0.0; layout.trained_end], ..Self::default() };
        for shard in shards {
            let bytes = shard.needed()?;
            let text = serde_json::to_string(&shard)
                .map_err(|error| Error::Internal(format!("a shard: {error}")))?;
            let computed = match Remote::start(&text) {
                Ok(remote) => Computed::Remotely(remote),
                Err(error) => {
                    warn(&mut found.warning, &error);
                    Computed::Locally(Box::new(shard.programs()?))
                }
            };
            found.others.push(Other { shard, computed, current: false, bytes });
        }
        Ok((first, found))
    }

    pub fn count(&self) -> usize {
        self.others.len()
    }

    /// Bytes taken by all of them.
    pub fn bytes(&self) -> u64 {
        let others = self.others.iter().map(|other| match &other.computed {
            Computed::Remotely(_) => other.bytes,
            Computed::Locally(programs) => programs.bytes(),
        });
        others.sum::<u64>() + self.received.len() as u64 * 4
    }

    /// Takes the warning, if a worker was lost since the last call.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Marks the weights of all workers as outdated.
    pub fn weights_changed(&mut self) {
        for other in &mut self.others {
            other.current = false;
        }
    }

    /// Starts the workers on micro-batches without waiting. Sends the weights to workers with outdated ones.
    pub fn ask(&mut self, task: Task, parameters: &[f32], batches: &[MicroBatch]) {
        for Other { shard, computed, current, .. } in &mut self.others {
            let parts = shard.parts(task, batches);
            if let (Computed::Remotely(remote), false) = (computed, parts.is_empty()) {
                // A training answer reuses the memory of the weights anyway.
                let known = *current && task == Task::Evaluate;
                remote.ask(if known { &[] } else { parameters }, &packed(task, &parts));
                *current = true;
            }
        }
    }

    /// Adds the other shards' contributions to the micro-batches' `losses`, and in training their gradients to those in
    /// `weights`. `own` is the duration of the caller's own shard.
    pub async fn collect(
        &mut self,
        task: Task,
        batches: &[MicroBatch],
        own: Duration,
        losses: &mut [f32],
        weights: &mut Weights,
        workers: &Arc<Workers>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        for at in 0..self.others.len() {
            let range = self.others[at].shard.range(task, batches.len());
            if range.is_empty() {
                continue;
            }
            // Every answer is taken even after an error; a leftover would be taken for the next step's.
            match self.answer(at, task, batches, own, weights, workers).await {
                Ok(found) => {
                    add(&found, &mut losses[range]);
                    if task == Task::Train {
                        accumulate(&self.received, &mut weights.gradients);
                    }
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// Computes a shard's losses, with the gradient in `received`, on its worker or locally.
    async fn answer(
        &mut self,
        at: usize,
        task: Task,
        batches: &[MicroBatch],
        own: Duration,
        weights: &mut Weights,
        workers: &Arc<Workers>,
    ) -> Result<Vec<f32>> {
        let Self { others, received, warning } = self;
        let Other { shard, computed, .. } = &mut others[at];
        if let Computed::Remotely(remote) = computed {
            let mut losses = vec![0.0; shard.range(task, batches.len()).len()];
            let gradients = if task == Task::Train { &mut received[..] } else { &mut [] };
            let Err(error) = remote.answer(PATIENCE + SLOWER * own, &mut losses, gradients).await else {
                return Ok(losses);
            };
            *computed = Computed::Locally(Box::new(shard.programs()?));
            warn(warning, &error);
        }
        let Computed::Locally(programs) = computed else { return Ok(Vec::new()) };
        received.fill(0.0);
        std::mem::swap(&mut weights.gradients, received);
        let losses = shard.compute(task, &shard.parts(task, batches), programs, weights, workers).await;
        std::mem::swap(&mut weights.gradients, received);
        losses
    }
}

/// Keeps only the first lost worker's warning for the user.
fn warn(warning: &mut Option<String>, error: &Error) {
    warning.get_or_insert_with(|| {
        format!("a worker that computes part of each step is missing ({error}); training continues without it, more slowly")
    });
}

/// Adds a shard's contributions to the losses of their micro-batches.
pub fn add(contributions: &[f32], losses: &mut [f32]) {
    losses.iter_mut().zip(contributions).for_each(|(loss, contribution)| *loss += contribution);
}
