//! Evaluation: the mean loss over fixed batches of both splits, or over the whole validation split.

use super::{Action, GROUP_SECONDS, Trainer, unless_stopped};
use crate::data::{Batch, Batches, IGNORED, Split};
use crate::error::Result;
use crate::model::{LossForm, loss_form};
use crate::protocol::PreferenceMetrics;
use crate::step::MicroBatch;
use crate::train::TrainEvent;
use web_time::Instant;

/// Most batches handed to the executor at once; fewer where they take long, since a request to stop waits for them.
const MAX_CHUNK: f64 = 64.0;

impl<'data> Trainer<'data> {
    /// The batches that a split is evaluated on.
    fn evaluation_batches(&self, split: Split) -> Box<dyn Iterator<Item = Result<Batch>> + 'data> {
        let (batches, count) = (self.batches.clone(), self.config.train.eval_batches as u64);
        if self.record.evaluate_whole_split && split == Split::Validation {
            return Box::new(batches.full(split));
        }
        let count = count.min(batches.evaluations(split));
        Box::new((0..count).map(move |index| batches.evaluation(split, index)))
    }
}

impl Trainer<'_> {
    /// Evaluates, and makes the state the best where its validation loss is the lowest. Gives up without a word where a
    /// stop is requested meanwhile.
    pub(super) async fn evaluate(&mut self) -> Result<()> {
        self.pace.evaluation_seconds = None;
        let Some((train_loss, _)) = self.loss_of_split(Split::Train).await? else { return Ok(()) };
        let Some((val_loss, preference)) = self.loss_of_split(Split::Validation).await? else {
            return Ok(());
        };
        self.evaluated = Some((self.step, train_loss, val_loss));
        let best = self.take_if_best(val_loss);
        self.emit(TrainEvent::Eval { step: self.step, train_loss, val_loss, best, preference })?;
        if self.config.train.objective.learns_labels() {
            let [train, validation] =
                [Split::Train, Split::Validation].map(|split| self.evaluation_batches(split));
            self.measure_accuracy(train, validation).await?;
        }
        self.watch_evaluation()?;
        self.metrics.flush()?;
        let losses = [("loss/evaluation", train_loss), ("loss/validation", val_loss)];
        let of_pairs = preference.iter().flat_map(PreferenceMetrics::scalars);
        let scalars: Vec<(&str, f32)> = losses.into_iter().chain(of_pairs).collect();
        self.tensorboard.scalars(self.step, &scalars)?;
        self.tensorboard.flush()
    }

    /// The mean loss over a split's batches, or what answers to its prompts lack of the highest reward, and what pairs come to; `None` where
    /// a stop came first.
    async fn loss_of_split(&mut self, split: Split) -> Result<Option<(f32, Option<PreferenceMetrics>)>> {
        if let Batches::Prompts(_) = self.batches {
            return Ok(self.loss_of_answers(split).await?.map(|loss| (loss, None)));
        }
        let batches = self.evaluation_batches(split);
        self.loss_of(batches).await
    }

    /// The mean loss of batches, and what pairs come to where the objective has them; `None` where a stop came first.
    async fn loss_of(
        &mut self,
        batches: impl Iterator<Item = Result<Batch>>,
    ) -> Result<Option<(f32, Option<PreferenceMetrics>)>> {
        match loss_form(&self.config.train, &self.config.model) {
            LossForm::Preference(op) => {
                Ok(self.preferences(op, batches).await?.map(|(loss, found)| (loss, Some(found))))
            }
            _ => Ok(self.mean_loss(batches).await?.map(|loss| (loss, None))),
        }
    }

    /// Makes the current state the best, to be saved next, where this validation loss of it is the lowest.
    pub(super) fn take_if_best(&mut self, val_loss: f32) -> bool {
        // The untrained model is nobody's best.
        let best = self.step > 0 && val_loss.is_finite() && self.best.is_none_or(|best| val_loss < best);
        if best {
            self.best = Some(val_loss);
            self.best_here = true;
            if self.actions.front() != Some(&Action::Save) {
                self.actions.push_front(Action::Save);
            }
        }
        best
    }

    /// Mean loss over the targets that count; `None` where a stop came first.
    async fn mean_loss(&mut self, batches: impl Iterator<Item = Result<Batch>>) -> Result<Option<f32>> {
        let (mut sum, mut count) = (0.0, 0.0);
        let took = |(loss, rows): (f32, f32)| {
            sum += f64::from(loss) * f64::from(rows);
            count += f64::from(rows);
        };
        Ok(self.losses(batches, took).await?.map(|()| (sum / count) as f32))
    }

    /// Hands on the (mean loss, targets that count) of each batch; `None` where a stop came first.
    pub(super) async fn losses(
        &mut self,
        batches: impl Iterator<Item = Result<Batch>>,
        mut take: impl FnMut((f32, f32)),
    ) -> Result<Option<()>> {
        // The graph passes over one id, which the configuration may name.
        let ignored = self.config.train.ignored_target().unwrap_or(IGNORED);
        let mut batches = batches.peekable();
        let fewest = self.executor.batches_at_once();
        let mut chunk_size = fewest;
        while batches.peek().is_some() {
            if self.stop_requested() {
                return Ok(None);
            }
            let chunk = batches
                .by_ref()
                .take(chunk_size)
                .map(|batch| {
                    batch.map(|mut batch| {
                        for target in &mut batch.targets {
                            if *target == IGNORED {
                                *target = ignored;
                            }
                        }
                        MicroBatch {
                            tokens: batch.tokens,
                            targets: batch.targets,
                            starts: batch.starts,
                            seed: [0, 0],
                            counted: None,
                            scores: None,
                        }
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            let losses = if self.executor.can_give_up() {
                match unless_stopped(&self.options.stop, self.executor.evaluate(&chunk)).await {
                    Some(losses) => losses?,
                    None => return Ok(None),
                }
            } else {
                self.executor.evaluate(&chunk).await?
            };
            losses.into_iter().for_each(&mut take);
            let seconds = began.elapsed().as_secs_f64().max(1e-6);
            let (before, batches) = self.pace.evaluation_seconds.unwrap_or_default();
            self.pace.evaluation_seconds = Some((before + seconds, batches + chunk.len() as f64));
            let seconds = seconds / chunk.len() as f64;
            let fitting = (GROUP_SECONDS / seconds).clamp(fewest as f64, MAX_CHUNK) as usize;
            // As many for each of those that compute them at once.
            chunk_size = fitting / fewest * fewest;
        }
        Ok(Some(()))
    }
}
