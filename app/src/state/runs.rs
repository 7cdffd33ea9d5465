//! The open project's runs.

use glasshouse_protocol::{CheckpointSummary, Command, Event, RunConfig, RunState, RunSummary, TrainEvent};
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
    /// The project's own runs, newest first.
    pub fn own(&self) -> impl Iterator<Item = &RunSummary> {
        own_runs(self.list.iter())
    }

    /// The latest of the project's own runs.
    pub fn latest(&self) -> Option<&RunSummary> {
        self.own().next()
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Finished => {
                // A change that was made stands in the run's file, and its answer says so.
                // It is of the run in training, which may be an older one that was resumed.
                let in_training = self.list.iter().find(|run| run.state == RunState::Running);
                if let Some(Command::ChangeTraining { learning_rate, steps }) = asked
                    && let Some(run) = in_training.or(self.list.last())
                    && let Some(history) = self.histories.get_mut(&run.name)
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

/// Of some runs the project's own, newest first: all but models that were imported to compare with.
pub fn own_runs<'all>(
    runs: impl DoubleEndedIterator<Item = &'all RunSummary>,
) -> impl Iterator<Item = &'all RunSummary> {
    runs.rev().filter(|run| !run.for_comparison)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    fn run(name: &str, state: RunState) -> RunSummary {
        RunSummary { name: name.to_owned(), state, ..RunSummary::default() }
    }

    #[test]
    fn a_change_is_of_the_run_in_training_though_another_is_newer() {
        let config = presets::preset("llama-tiny").unwrap();
        let list = vec![run("1-a", RunState::Running), run("2-b", RunState::Finished)];
        let mut runs = Runs { list, ..Runs::default() };
        for name in ["1-a", "2-b"] {
            let history = Event::History {
                run: name.to_owned(),
                config: Box::new(config.clone()),
                events: Vec::new(),
                checkpoints: Vec::new(),
            };
            runs.apply(None, &history);
        }
        let steps = config.train.steps + 100;
        let asked = Command::ChangeTraining { learning_rate: None, steps: Some(steps) };
        runs.apply(Some(&asked), &Event::Finished);
        let known = |name: &str| runs.histories[name].config.train.steps;
        assert_eq!([known("1-a"), known("2-b")], [steps, config.train.steps]);
    }

    #[test]
    fn the_latest_run_is_none_that_was_imported_to_compare_with() {
        let other = RunSummary { for_comparison: true, ..run("3-c", RunState::Imported) };
        let list = vec![run("1-a", RunState::Finished), run("2-b", RunState::Stopped), other.clone()];
        let runs = Runs { list, ..Runs::default() };
        let own: Vec<&str> = runs.own().map(|run| run.name.as_str()).collect();
        assert_eq!(own, ["2-b", "1-a"]);
        assert_eq!(runs.latest().map(|run| run.name.as_str()), Some("2-b"));
        assert_eq!(Runs { list: vec![other], ..Runs::default() }.latest(), None);
    }
}
