//! The shares of a batch that others compute: workers without shared memory, or this one where a worker is not to be had.
//!
//! Gradients are added in the shares' order, each summed up by itself before: the bits depend on how the batch is divided, not
//! on who computed what.

use super::ops::linear::accumulate;
use super::program::Weights;
use super::run::Run;
use super::share::{Part, Share, contribution, divide, packed};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::executor::{Recipe, StepInput};
use crate::plan::arena::ArenaLayout;
use crate::platform::Remote;
use std::time::Duration;

/// A worker that answers so much later than this one was done with its own share is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// And so many times as long as that share took: cores differ.
const SLOWER: u32 = 5;

/// All shares but the first.
#[derive(Debug, Default)]
pub struct Others {
    others: Vec<Other>,
    /// Gradient of one share at a time.
    received: Vec<f32>,
    warning: Option<String>,
}

#[derive(Debug)]
struct Other {
    share: Share,
    place: Place,
    /// What a worker of its own takes.
    bytes: u64,
}

#[derive(Debug)]
enum Place {
    Away(Remote),
    Here(Box<Run>),
}

impl Others {
    /// The other shares of a batch that is divided in `count`, and the first, which is the caller's.
    pub fn of(recipe: &Recipe, layout: &ArenaLayout, count: usize) -> Result<(Share, Self)> {
        let mut shares = divide(recipe.train.batch, count).map(|windows| Share::new(recipe, &windows));
        let first = shares.next().ok_or_else(|| Error::Internal("a batch in no shares".to_owned()))?;
        let mut found = Self { received: vec![0.0; layout.trained_end], ..Self::default() };
        for share in shares {
            let bytes = share.needed()?;
            let task = serde_json::to_string(&share)
                .map_err(|error| Error::Internal(format!("a share of the batch: {error}")))?;
            let place = match Remote::start(&task) {
                Ok(remote) => Place::Away(remote),
                Err(error) => {
                    found.warn(&error);
                    Place::Here(Box::new(share.run()?))
                }
            };
            found.others.push(Other { share, place, bytes });
        }
        Ok((first, found))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.others.len()
    }

    /// Bytes of all that they take.
    pub fn bytes(&self) -> u64 {
        let others = self.others.iter().map(|other| match &other.place {
            Place::Away(_) => other.bytes,
            Place::Here(run) => run.program.bytes(),
        });
        others.sum::<u64>() + self.received.len() as u64 * 4
    }

    /// A sentence for the user where a worker was lost since it was last asked for.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Has the workers begin with a step; nothing is waited for.
    pub fn ask(&mut self, parameters: &[f32], step: &StepInput) {
        for Other { share, place, .. } in &mut self.others {
            if let Place::Away(remote) = place {
                remote.ask(parameters, &packed(&share.parts(step)));
            }
        }
    }

    /// Adds the others' gradients of the step that was asked for to those in `weights`; what they add to the sum of its
    /// micro-batches' losses. `own` is how long the caller's own share took.
    pub async fn collect(
        &mut self,
        weights: &mut Weights,
        workers: &Workers,
        step: &StepInput,
        own: Duration,
    ) -> Result<f32> {
        let (mut total, mut failed) = (0.0, None);
        for at in 0..self.others.len() {
            let answer = match &mut self.others[at].place {
                Place::Away(remote) => Some(remote.answer(PATIENCE + SLOWER * own, &mut self.received).await),
                Place::Here(_) => None,
            };
            let loss = match answer {
                Some(Ok(loss)) => Ok(loss),
                None => self.compute(at, weights, workers, step).await,
                Some(Err(error)) => {
                    self.warn(&error);
                    self.others[at].place = Place::Here(Box::new(self.others[at].share.run()?));
                    self.compute(at, weights, workers, step).await
                }
            };
            // Whatever goes wrong, every answer is taken: one that is left would be the next step's.
            match loss {
                Ok(loss) => {
                    total += loss;
                    accumulate(&self.received, &mut weights.gradients);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(total), Err)
    }

    /// Computes a share here, its gradient into `received`.
    async fn compute(
        &mut self,
        at: usize,
        weights: &mut Weights,
        workers: &Workers,
        step: &StepInput,
    ) -> Result<f32> {
        let Other { share, place, .. } = &mut self.others[at];
        let Place::Here(run) = place else { return Ok(0.0) };
        self.received.fill(0.0);
        std::mem::swap(&mut weights.gradients, &mut self.received);
        let mut total = Ok(0.0);
        for Part { batch, counted } in &share.parts(step) {
            let done = run.batch(weights, workers, batch, share.portion(*counted)).await;
            total = total.and_then(|total: f32| Ok(total + contribution(done?, *counted)));
        }
        std::mem::swap(&mut weights.gradients, &mut self.received);
        total
    }

    /// Keeps the first worker's loss for the user: one sentence says as much as several.
    fn warn(&mut self, error: &Error) {
        self.warning.get_or_insert_with(|| {
            format!("a worker that computed a part of each batch is missing ({error}); training goes on without it, slower")
        });
    }
}
