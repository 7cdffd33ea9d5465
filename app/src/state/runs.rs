//! The open project's runs.

use super::*;

#[derive(Debug, Default)]
pub struct Runs {
    /// Oldest first.
    pub list: Vec<RunSummary>,
    /// Histories read so far, by run name.
    pub histories: BTreeMap<String, answer::History>,
    /// Points of measured frontiers, by run name.
    pub frontiers: BTreeMap<String, Vec<Compressed>>,
    /// Number of times that histories became outdated, so that pages know when to request them again.
    pub revision: u64,
}

impl Runs {
    /// The project's own runs, newest first.
    pub fn own(&self) -> impl Iterator<Item = &RunSummary> {
        own_runs(self.list.iter())
    }

    pub fn latest(&self) -> Option<&RunSummary> {
        self.own().next()
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Finished => {
                // A changed setting is stored in the run's file, as the answer confirms. The run in training may be a resumed
                // older one.
                let in_training = self.list.iter().find(|run| run.state == RunState::Running);
                if let Some(Command::Steer(Steer::Change { learning_rate, steps })) = asked
                    && let Some(run) = in_training.or(self.list.last())
                    && let Some(history) = self.histories.get_mut(&run.name)
                {
                    let train = &mut history.config.train;
                    train.learning_rate = learning_rate.unwrap_or(train.learning_rate);
                    train.steps = steps.unwrap_or(train.steps);
                }
            }
            Event::Compressed { compressed } => {
                if let Some(Command::ChangeRun { run, change: RunChange::Compress { method: None, .. } }) =
                    asked
                {
                    let points = self.frontiers.entry(run.clone()).or_default();
                    // Measured again, a point replaces the former one.
                    points.retain(|point| point.method != compressed.method);
                    points.push((**compressed).clone());
                }
            }
            Event::Project { opened } => {
                let list = opened.as_ref().map(|opened| opened.runs.clone()).unwrap_or_default();
                *self = Self { list, revision: self.revision + 1, ..Self::default() };
            }
            Event::Runs { runs } => self.list.clone_from(runs),
            Event::TrainingStarted { run, .. } | Event::TrainingEnded { run } => {
                match self.list.iter_mut().find(|known| known.name == run.name) {
                    Some(known) => *known = run.clone(),
                    None => self.list.push(run.clone()),
                }
                // On resume, the history is valid up to the resumed step; at the end, it is outdated.
                if matches!(event, Event::TrainingEnded { .. }) {
                    self.histories.remove(&run.name);
                    self.revision += 1;
                }
            }
            // A script read only the settings.
            Event::History(history) if asked.is_none() && history.events.is_empty() => {}
            Event::History(history) => {
                self.histories.insert(history.run.clone(), history.clone());
            }
            _ => {}
        }
    }

    /// Gives the list the current numbers of the run in training.
    pub(super) fn follow(&mut self, training: &Training) {
        let Some(run) = training.run.as_ref().filter(|_| training.state != TrainingState::Idle) else {
            return;
        };
        if let Some(known) = self.list.iter_mut().find(|known| known.name == run.name) {
            known.clone_from(run);
        }
    }
}

/// The project's own runs among some, newest first: all except models imported for comparison.
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
            let (run, config) = (name.to_owned(), Box::new(config.clone()));
            let history = answer::History { run, config, events: Vec::new(), checkpoints: Vec::new() };
            let history = Event::History(history);
            let asked = Command::ReadRun { run: Some(name.to_owned()), points: 1 };
            runs.apply(Some(&asked), &history);
        }
        let steps = config.train.steps + 100;
        let asked = Command::Steer(Steer::Change { learning_rate: None, steps: Some(steps) });
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
