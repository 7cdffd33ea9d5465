//! Pasts of runs, asked for once.

use super::Context;
use glasshouse_protocol::Command;
use std::collections::BTreeSet;

/// Points of a curve that a history is thinned to: more than a plot can show.
const POINTS: usize = 2000;

/// Asks for a run's history, unless it is here or was asked for since histories became out of date last.
pub fn want_history(context: &mut Context<'_>, asked: &mut BTreeSet<(String, u64)>, run: &str) {
    let runs = &context.state.runs;
    let leaves = context.state.projects.is_leaving();
    if !leaves && !runs.histories.contains_key(run) && asked.insert((run.to_owned(), runs.revision)) {
        context.outbox.send(Command::ReadHistory { run: run.to_owned(), points: POINTS });
    }
}
