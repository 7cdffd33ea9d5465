//! The open project's runs.

use glasshouse_protocol::{CheckpointSummary, Event, RunConfig, RunSummary, TrainEvent};
use std::collections::BTreeMap;

/// Runs and what is known of their past.
#[derive(Debug, Default)]
pub struct Runs {
    /// Oldest first.
    pub list: Vec<RunSummary>,
    /// Pasts that were read, by the run's name.
    pub histories: BTreeMap<String, History>,
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
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::ProjectOpened { runs, .. } => *self = Self { list: runs.clone(), ..Self::default() },
            Event::ProjectClosed => *self = Self::default(),
            Event::Runs { runs } => self.list.clone_from(runs),
            Event::TrainingBegan { run, .. } | Event::TrainingEnded { run } => {
                match self.list.iter_mut().find(|known| known.name == run.name) {
                    Some(known) => *known = run.clone(),
                    None => self.list.push(run.clone()),
                }
                // What was read of it is out of date.
                self.histories.remove(&run.name);
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
