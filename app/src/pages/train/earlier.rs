//! Histories of runs, requested once.

use crate::pages::prelude::*;

/// Points of a curve that a history is thinned to: more than a plot can show.
const POINTS: usize = 2000;

#[derive(Debug)]
pub enum Awaited<'a> {
    Here(&'a History),
    /// Still on its way.
    Waits,
    /// It could not be read; a message explains it.
    Failed,
}

/// Requests a run's history unless it is loaded, once per `request`, which is `None` at first.
pub fn await_history<'a>(context: &mut Context<'a>, request: &mut Option<u64>, run: &str) -> Awaited<'a> {
    let state = context.state;
    if let Some(history) = state.runs.histories.get(run) {
        return Awaited::Here(history);
    }
    match *request {
        None if !state.projects.is_leaving() => {
            let command = Command::ReadRun { run: Some(run.to_owned()), points: POINTS };
            *request = Some(context.outbox.send(command));
            Awaited::Waits
        }
        Some(id) if state.waiting.contains_key(&id) => Awaited::Waits,
        _ => Awaited::Failed,
    }
}

/// Requests a run's history unless it is loaded or was requested since histories last became outdated. Returns whether it is being
/// read.
pub fn want_history(context: &mut Context<'_>, asked: &mut BTreeSet<(String, u64)>, run: &str) -> bool {
    let runs = &context.state.runs;
    if context.state.projects.is_leaving() || runs.histories.contains_key(run) {
        return false;
    }
    let is_new = asked.insert((run.to_owned(), runs.revision));
    if is_new {
        context.outbox.send(Command::ReadRun { run: Some(run.to_owned()), points: POINTS });
    }
    let reads = |command: &Command| matches!(command, Command::ReadRun { run: Some(own), .. } if own == run);
    is_new || context.state.is_waiting(reads)
}
