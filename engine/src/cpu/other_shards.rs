//! The shards of a step that others compute: workers without shared memory, or this one where a worker is not to be had.
//!
//! Gradients are added in the shards' order, each summed up by itself before: the bits depend on how the step is divided, not
//! on who computed what.

use super::ops::linear::accumulate;
use super::program::Weights;
use super::run::{Programs, Task};
use super::shard::{Partition, Shard, packed};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::model::Recipe;
use crate::plan::arena::ArenaLayout;
use crate::platform::Remote;
use crate::step::MicroBatch;
use std::sync::Arc;
use std::time::Duration;

/// A worker that answers so much later than this one was done with its own shard is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// And so many times as long as that shard took: cores differ.
const SLOWER: u32 = 5;

/// All shards but the first.
#[derive(Debug, Default)]
pub struct OtherShards {
    others: Vec<Other>,
    /// Gradient of one shard at a time.
    received: Vec<f32>,
    warning: Option<String>,
}

#[derive(Debug)]
struct Other {
    shard: Shard,
    computed: Computed,
    /// It has the weights as they are now.
    current: bool,
    /// What a worker of its own takes.
    bytes: u64,
}

#[derive(Debug)]
enum Computed {
    Remotely(Remote),
    Locally(Box<Programs>),
}

impl OtherShards {
    /// The other shards of steps that are so divided, and the first, which is the caller's.
    pub fn of(recipe: &Recipe, layout: &ArenaLayout, partition: Partition) -> Result<(Shard, Self)> {
        let mut shards = partition.shards(recipe);
        let first = shards.next().ok_or_else(|| Error::Internal("a step in no shards".to_owned()))?;
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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.others.len()
    }

    /// Bytes of all that they take.
    pub fn bytes(&self) -> u64 {
        let others = self.others.iter().map(|other| match &other.computed {
            Computed::Remotely(_) => other.bytes,
            Computed::Locally(programs) => programs.bytes(),
        });
        others.sum::<u64>() + self.received.len() as u64 * 4
    }

    /// A sentence for the user where a worker was lost since it was last asked for.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// The weights are others from here on.
    pub fn weights_changed(&mut self) {
        for other in &mut self.others {
            other.current = false;
        }
    }

    /// Has the workers begin with micro-batches; nothing is waited for. Weights are sent to those who have others.
    pub fn ask(&mut self, task: Task, parameters: &[f32], batches: &[MicroBatch]) {
        for Other { shard, computed, current, .. } in &mut self.others {
            let parts = shard.parts(task, batches);
            if let (Computed::Remotely(remote), false) = (computed, parts.is_empty()) {
                // What training answers with needs the room of the weights anyway.
                let known = *current && task == Task::Evaluate;
                remote.ask(if known { &[] } else { parameters }, &packed(task, &parts));
                *current = true;
            }
        }
    }

    /// Adds to the micro-batches' `losses` what the others' shards of what was asked for add to them, and in training their gradients
    /// to those in `weights`. `own` is how long the caller's own shard took.
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
            // Whatever goes wrong, every answer is taken: one that is left would be the next step's.
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

    /// The losses of a shard's parts, and their gradient in `received`: its worker's, or computed here where there is none.
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

/// Keeps the first worker's loss for the user: one sentence says as much as several.
fn warn(warning: &mut Option<String>, error: &Error) {
    warning.get_or_insert_with(|| {
        format!("a worker that computed a part of each step is missing ({error}); training goes on without it, slower")
    });
}

/// Adds what a shard's parts contribute to the losses of their micro-batches.
pub fn add(contributions: &[f32], losses: &mut [f32]) {
    losses.iter_mut().zip(contributions).for_each(|(loss, contribution)| *loss += contribution);
}
