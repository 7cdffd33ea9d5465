//! Evaluations and audits of the open project's models: results, work in progress, and failures.

use super::*;

#[derive(Debug, Default)]
pub struct Evaluations {
    /// By run name.
    pub evaluations: BTreeMap<String, Evaluation>,
    /// By run name.
    pub audits: BTreeMap<String, Audit>,
    /// Pairwise comparisons of the runs read last, on everything both were evaluated on.
    pub comparisons: Vec<Comparison>,
    /// Running and queued work by request.
    pub under_way: BTreeMap<u64, Work>,
    /// Failures by request, since the last request.
    pub failures: BTreeMap<u64, (Command, ErrorReport)>,
    /// Number of results so far, so that pages know when to read again.
    pub revision: u64,
    /// Number of changes of the results, to detect a new one.
    pub changes: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// The run; `None` for the current weights.
    pub run: Option<String>,
    /// An audit rather than an evaluation.
    pub audits: bool,
    /// The current part; empty before it has begun.
    pub what: String,
    pub done: u64,
    /// All items; 0 if unknown.
    pub total: u64,
    pub stopping: bool,
}

impl Work {
    /// The completed fraction, if known.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

impl Evaluations {
    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        let (source, audits) = match command {
            Command::Evaluate { source, .. } => (source, false),
            Command::Audit { source, .. } => (source, true),
            Command::ReadEvaluations { .. } => {
                self.failures.retain(|_, (command, _)| !matches!(command, Command::ReadEvaluations { .. }));
                return;
            }
            Command::Cancel { request } => {
                if let Some(work) = self.under_way.get_mut(request) {
                    work.stopping = true;
                }
                return;
            }
            _ => return,
        };
        if self.under_way.is_empty() {
            self.failures.clear();
        }
        let run = match source {
            WeightSource::Current => None,
            WeightSource::Checkpoint { run, .. } => Some(run.clone()),
        };
        self.under_way.insert(id, Work { run, audits, ..Work::default() });
    }

    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        let id = request.unwrap_or_default();
        if matches!(event, Event::Evaluations { .. }) {
            self.changes += 1;
        }
        match event {
            Event::Progress { what, done, total } => {
                if let Some(work) = self.under_way.get_mut(&id) {
                    work.what.clone_from(what);
                    (work.done, work.total) = (*done, *total);
                }
            }
            Event::Evaluations(answer::Evaluations { evaluations, audits, comparisons }) => {
                // Requested runs that are missing in the answer have no stored results any more.
                if let Some(Command::ReadEvaluations { runs }) = asked {
                    self.evaluations.retain(|run, _| !runs.contains(run));
                    self.audits.retain(|run, _| !runs.contains(run));
                    self.comparisons.clone_from(comparisons);
                } else {
                    self.revision += 1;
                }
                let by_run = |evaluation: &Evaluation| (evaluation.run.clone(), evaluation.clone());
                self.evaluations.extend(evaluations.iter().map(by_run));
                self.audits.extend(audits.iter().map(|audit| (audit.run.clone(), audit.clone())));
            }
            Event::Failed { error } => {
                self.under_way.remove(&id);
                let command = asked.filter(|command| is_evaluating(command));
                // A cancellation is not a failure.
                if let Some(command) = command.filter(|_| error.kind != ErrorKind::Cancelled) {
                    self.failures.insert(id, (command.clone(), error.clone()));
                }
            }
            Event::Finished => {
                self.under_way.remove(&id);
            }
            Event::Project { .. } => {
                *self = Self { revision: self.revision + 1, changes: self.changes + 1, ..Self::default() };
            }
            _ => {}
        }
    }
}

/// Whether the Evaluate page itself shows a failure of this command.
pub(super) fn is_evaluating(command: &Command) -> bool {
    matches!(command, Command::Evaluate { .. } | Command::Audit { .. } | Command::ReadEvaluations { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::EvaluateSettings;

    fn evaluate(run: &str) -> Command {
        let settings = Box::new(EvaluateSettings::default());
        Command::Evaluate { source: WeightSource::best_of(run), settings }
    }

    fn read(runs: &[&str]) -> Command {
        Command::ReadEvaluations { runs: runs.iter().map(|run| (*run).to_owned()).collect() }
    }

    fn failed(kind: ErrorKind) -> Event {
        Event::Failed { error: ErrorReport::new(kind, "it stopped".to_owned()) }
    }

    fn results(runs: &[&str]) -> Event {
        let evaluation = |run: &&str| Evaluation { run: (*run).to_owned(), ..Evaluation::default() };
        let evaluations = runs.iter().map(evaluation).collect();
        let comparisons = vec![Comparison::default()];
        answer::Evaluations { evaluations, audits: Vec::new(), comparisons }.into()
    }

    #[test]
    fn what_was_cancelled_did_not_fail_and_what_failed_says_why_until_the_next_one() {
        let mut state = Evaluations::default();
        state.sent(1, &evaluate("1-a"));
        state.sent(2, &Command::Cancel { request: 1 });
        assert!(state.under_way[&1].stopping);
        state.apply(Some(1), Some(&evaluate("1-a")), &failed(ErrorKind::Cancelled));
        assert!(state.under_way.is_empty() && state.failures.is_empty());
        state.sent(3, &evaluate("1-a"));
        state.sent(4, &evaluate("2-b"));
        state.apply(Some(3), Some(&evaluate("1-a")), &failed(ErrorKind::Refused));
        assert_eq!(state.failures[&3].1.message, "it stopped");
        state.sent(5, &evaluate("3-c"));
        assert_eq!(state.failures.len(), 1, "the second is still at work, the first failed meanwhile");
        state.apply(Some(4), Some(&evaluate("2-b")), &Event::Finished);
        state.apply(Some(5), Some(&evaluate("3-c")), &Event::Finished);
        state.sent(6, &evaluate("1-a"));
        assert!(state.failures.is_empty());
        state.apply(Some(7), Some(&Command::ListRuns), &failed(ErrorKind::Io));
        assert!(state.failures.is_empty(), "it is about something else");
    }

    #[test]
    fn what_is_kept_is_read_and_what_is_not_kept_any_more_goes() {
        let mut state = Evaluations::default();
        state.apply(Some(1), Some(&read(&["1-a", "2-b"])), &results(&["1-a", "2-b"]));
        assert_eq!((state.evaluations.len(), state.comparisons.len()), (2, 1));
        state.apply(Some(2), Some(&read(&["2-b", "3-c"])), &results(&["3-c"]));
        assert_eq!(state.evaluations.keys().collect::<Vec<_>>(), ["1-a", "3-c"]);
        state.sent(3, &read(&["1-a"]));
        state.apply(Some(3), Some(&read(&["1-a"])), &failed(ErrorKind::BadFile));
        assert_eq!(state.failures.len(), 1);
        state.sent(4, &read(&["1-a"]));
        assert!(state.failures.is_empty(), "it is tried again");
        let before = state.revision;
        state.apply(None, None, &Event::Project { opened: None });
        assert!(state.evaluations.is_empty() && state.revision > before, "another project's are others");
    }
}
