//! Evaluation: mean loss over fixed batches of both splits, or over the whole validation split.

use super::loss::Evaluator;
use super::{Action, Trainer};
use crate::TrainEvent;
use glasshouse_compiler::model::{LossForm, loss_form};
use glasshouse_compiler::step::{ArenaState, MicroBatch};
use glasshouse_platform::Result;
use glasshouse_protocol::PreferenceMetrics;
use glasshouse_protocol::quantity::counted;
use glasshouse_text::data::{Batches, Split};

impl<'data> Trainer<'data> {
    fn evaluation_batches(&self, split: Split) -> Box<dyn Iterator<Item = Result<MicroBatch>> + 'data> {
        let (batches, count) = (self.batches.clone(), self.config.train.evaluated_micro_batches() as u64);
        if self.record.evaluate_whole_split && split == Split::Validation {
            return Box::new(batches.full(split));
        }
        let count = count.min(batches.evaluations(split));
        Box::new((0..count).map(move |index| batches.evaluation(split, index)))
    }
}

impl Trainer<'_> {
    /// Evaluates the average of the weights, if there is one, else the weights, and marks the state as best if its validation loss is
    /// the lowest so far. Returns early if a stop is requested.
    pub(super) async fn evaluate(&mut self) -> Result<()> {
        let average = std::mem::take(&mut self.average);
        if average.is_empty() {
            return self.evaluate_executor().await;
        }
        let mut state = ArenaState { average, ..self.executor.state().await? };
        state.exchange_average();
        self.executor.set_state(&state).await?;
        let evaluated = self.evaluate_executor().await;
        state.exchange_average();
        self.executor.set_state(&state).await?;
        self.average = state.average;
        evaluated
    }

    async fn evaluate_executor(&mut self) -> Result<()> {
        self.pace.evaluation_seconds = None;
        let Some((train_loss, _)) = self.loss_of_split(Split::Train).await? else { return Ok(()) };
        let Some((val_loss, preference)) = self.loss_of_split(Split::Validation).await? else {
            return Ok(());
        };
        self.evaluated = Some((self.step, train_loss, val_loss));
        let interval = self.interval.take().map(|ends| ends.map(|end| end as f32));
        // JSON has no infinity.
        let interval = interval.filter(|ends| ends.iter().all(|end| end.is_finite()));
        self.validations.push((self.step, val_loss));
        let best = self.take_if_best(val_loss);
        if best {
            self.record.best_val_interval = interval;
        }
        self.emit(TrainEvent::Eval { step: self.step, train_loss, val_loss, best, preference })?;
        // Without held-out targets there is no loss.
        if self.record.held_out.is_none_or(|held_out| held_out.tokens > 0) {
            self.expect_finite_end(val_loss, "validation loss")?;
        }
        self.stop_early()?;
        if self.config.train.objective.learns_labels() || !self.config.data.synthetic.is_none() {
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

    /// Mean loss over a split's batches, or for rewards the shortfall of the answers to its prompts; with preference metrics, if
    /// any. `None` if a stop was requested.
    async fn loss_of_split(&mut self, split: Split) -> Result<Option<(f32, Option<PreferenceMetrics>)>> {
        if let Batches::Prompts(_) = self.batches {
            return Ok(self.loss_of_answers(split).await?.map(|loss| (loss, None)));
        }
        let batches = self.evaluation_batches(split);
        self.loss_of(batches).await
    }

    /// Mean loss of batches, with preference metrics if the objective has them; `None` if a stop was requested.
    async fn loss_of(
        &mut self,
        batches: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<Option<(f32, Option<PreferenceMetrics>)>> {
        match loss_form(&self.config.train, &self.config.model) {
            LossForm::Preference(op) => {
                Ok(self.preferences(op, batches).await?.map(|(loss, found)| (loss, Some(found))))
            }
            _ => {
                let found = self.evaluator().mean_loss(batches).await?;
                self.interval = found.and_then(|(_, interval)| interval);
                Ok(found.map(|(loss, _)| (loss as f32, None)))
            }
        }
    }

    /// Marks the current state as the best, to be saved next, if its validation loss is the lowest so far, or if too little is held out
    /// to tell. Returns whether it is.
    pub(super) fn take_if_best(&mut self, val_loss: f32) -> bool {
        // The untrained model does not count, unless the run started from pretrained weights.
        let begins_trained = self.config.start.is_some() || self.record.restored_from.is_some();
        let counts = self.step > 0 || begins_trained;
        let chooses = self.record.held_out.is_none_or(|held_out| held_out.chooses());
        let is_lower = !chooses || self.best.is_none_or(|best| val_loss < best);
        let best = counts && val_loss.is_finite() && is_lower;
        if best {
            self.best = Some(val_loss);
            self.best_here = true;
            if self.actions.front() != Some(&Action::Save) {
                self.actions.push_front(Action::Save);
            }
        }
        best
    }

    /// Ends the run if its settings' patience is exhausted.
    pub(super) fn stop_early(&mut self) -> Result<()> {
        let settings = &self.config.train.early_stopping;
        let from = self.record.patience_from.unwrap_or_default();
        let (last, without) = settings.last_improvement(&self.validations, from);
        let is_over =
            settings.patience > 0 && without >= settings.patience && self.step < self.config.train.steps;
        self.stopped_early = is_over.then_some(without);
        let Some((at, loss)) = last.filter(|_| is_over) else { return Ok(()) };
        let text = format!(
            "stopped early at step {}: no improvement for {} since step {at}, whose validation loss is {loss:.4}",
            self.step,
            counted(without, "evaluation")
        );
        self.emit(TrainEvent::Notice { text })
    }

    fn evaluator(&mut self) -> Evaluator<'_> {
        Evaluator {
            executor: &mut self.executor,
            train: &self.config.train,
            stop: &self.options.stop,
            pace: &mut self.pace.evaluation_seconds,
        }
    }

    /// Passes on the (mean loss, counted targets) of each batch; `None` if a stop was requested.
    pub(super) async fn losses(
        &mut self,
        batches: impl Iterator<Item = Result<MicroBatch>>,
        take: impl FnMut((f32, f32)),
    ) -> Result<Option<()>> {
        self.evaluator().losses(batches, take).await
    }
}
