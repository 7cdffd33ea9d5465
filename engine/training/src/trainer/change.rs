//! Settings that can change while a run trains: learning rate and number of steps.

use super::{Action, Trainer};
use crate::TrainEvent;
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::quantity::things;
use glasshouse_protocol::{Intervention, RunConfig, TrainConfig};

impl Trainer<'_> {
    /// Changes the peak learning rate, the number of steps, or both, from the next step on. The schedule keeps its shape: the
    /// minimum rate changes by the same factor, and a final phase longer than the whole run is cut.
    ///
    /// The state is saved first, for the new settings, then the settings. So a resumed run starts at or after the change and is
    /// bit-identical. The returned notice is recorded; it is also for display. Fails if a setting is invalid, the steps are already done,
    /// the run is over, or the disk is full; nothing is changed then.
    pub async fn change(&mut self, learning_rate: Option<f64>, steps: Option<u64>) -> Result<TrainEvent> {
        self.change_to(changed(&self.config, learning_rate, steps)).await
    }

    /// As [`Self::change`], to settings that differ in learning rates, steps and intervals only.
    pub async fn change_to(&mut self, changed: RunConfig) -> Result<TrainEvent> {
        if self.over {
            refuse!("this run is not training; start or resume one to change it");
        }
        changed.validate()?;
        if changed.train.steps <= self.step {
            let done = self.step;
            let steps = if done == 1 { "step is" } else { "steps are" };
            refuse!("{done} {steps} already done; train.steps must be larger, or stop the training");
        }
        let crc32c = glasshouse_project::crc32c_of(&changed)?;
        let before = std::mem::replace(&mut self.config_crc32c, crc32c);
        if let Err(error) = self.save().await.and_then(|()| self.run.save_config(&changed)) {
            self.config_crc32c = before;
            return Err(error);
        }
        // Saving may have caused a rollback by the guard.
        let text = self.text_of_change(&changed);
        self.config = changed;
        let layers_are_due = self.guard.state.layers_due;
        self.actions.retain(|action| *action != Action::Save || layers_are_due);
        if !self.stop_requested() {
            // With more steps, the run no longer ends here.
            self.actions.retain(|action| *action != Action::Finish);
        }
        let event = TrainEvent::Notice { text };
        self.metrics.write(&event)?;
        self.metrics.flush()?;
        Ok(event)
    }

    fn text_of_change(&self, changed: &RunConfig) -> String {
        let (before, after) = (&self.config.train, &changed.train);
        let mut parts = Vec::new();
        if before.learning_rate != after.learning_rate {
            parts.push(format!("learning rate {} instead of {}", after.learning_rate, before.learning_rate));
        }
        if before.steps != after.steps {
            parts.push(format!(
                "{} {} instead of {}",
                after.steps,
                things(after.steps, "step"),
                before.steps
            ));
        }
        if before != after {
            parts.push(self.text_of_schedule(after));
        }
        let parts = if parts.is_empty() { "the settings are unchanged".to_owned() } else { parts.join(", ") };
        format!("from step {} on: {parts}", self.step + 1)
    }

    /// Describes how the new settings affect the learning rate.
    fn text_of_schedule(&self, after: &TrainConfig) -> String {
        let factor = |step| Intervention::factor(&self.guard.state.interventions, step);
        let rate = |step| after.learning_rate_at(step) * factor(step);
        let was = match self.step.checked_sub(1) {
            Some(last) => format!("was {:.2e} and ", self.learning_rate_at(last)),
            None => String::new(),
        };
        let last = after.steps.saturating_sub(1).max(self.step);
        format!(
            "the learning rate {was}is {:.2e} at the next step and {:.2e} at the last (train.decay = {})",
            rate(self.step),
            rate(last),
            after.decay.name()
        )
    }
}

fn changed(config: &RunConfig, learning_rate: Option<f64>, steps: Option<u64>) -> RunConfig {
    let mut changed = config.clone();
    if let Some(rate) = learning_rate {
        changed.set_learning_rate(rate);
    }
    if let Some(steps) = steps {
        let train = &mut changed.train;
        (train.steps, train.epochs) = (steps, None);
        train.decay_steps = train.decay_steps.min(steps);
    }
    changed
}
