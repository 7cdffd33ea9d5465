//! The open project's runs.

use glasshouse_protocol::{CheckpointSummary, Command, Event, RunConfig, RunSummary, TrainEvent};
use std::collections::BTreeMap;

/// Runs and what is known of their past.
#[derive(Debug, Default)]
pub struct Runs {
    /// Oldest first.
    pub list: Vec<RunSummary>,
    /// Pasts that were read, by the run's name.
    pub histories: BTreeMap<String, History>,
    /// Counts how often pasts became out of date, so that pages know when to ask again.
    pub revision: u64,
}

/// A run's past.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Its settings.
    pub config: RunConfig,
    /// Steps (thinned), evaluations, samples, in order.
    pub events: Vec<TrainEvent>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointSummary>,
}

impl Runs {
    /// The latest run, but for models that were imported to compare with.
    pub fn latest(&self) -> Option<&RunSummary> {
        self.list.iter().rev().find(|run| !run.for_comparison)
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Finished => {
                // A change that was made stands in the run's file, and its answer says so.
                if let Some(Command::ChangeTraining { learning_rate, steps }) = asked
                    && let Some(history) = self.list.last().and_then(|run| self.histories.get_mut(&run.name))
                {
                    let train = &mut history.config.train;
                    train.learning_rate = learning_rate.unwrap_or(train.learning_rate);
                    train.steps = steps.unwrap_or(train.steps);
                }
            }
            Event::ProjectOpened { runs, .. } => {
                *self = Self { list: runs.clone(), revision: self.revision + 1, ..Self::default() };
            }
            Event::ProjectClosed => *self = Self { revision: self.revision + 1, ..Self::default() },
            Event::Runs { runs } => self.list.clone_from(runs),
            Event::TrainingStarted { run, .. } | Event::TrainingEnded { run } => {
                match self.list.iter_mut().find(|known| known.name == run.name) {
                    Some(known) => *known = run.clone(),
                    None => self.list.push(run.clone()),
                }
                // What was read of it holds up to the step that it goes on from, and is out of date when it ends.
                if matches!(event, Event::TrainingEnded { .. }) {
                    self.histories.remove(&run.name);
                    self.revision += 1;
                }
            }
            Event::History { run, config, events, checkpoints } => {
                let history = History {
                    config: (**config).clone(),
                    events: events.clone(),
                    checkpoints: checkpoints.clone(),
                };
                self.histories.insert(run.clone(), history);
            }
            _ => {}
        }
    }
}
