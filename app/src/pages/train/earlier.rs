//! Pasts of runs, asked for once.

use super::Context;
use glasshouse_protocol::Command;
use std::collections::BTreeSet;

/// Points of a curve that a history is thinned to: more than a plot can show.
const POINTS: usize = 2000;

/// Asks for a run's history unless it is here, on its way, or was asked for at this `step` before.
pub fn want_history(context: &mut Context<'_>, asked: &mut BTreeSet<(String, u64)>, run: &str, step: u64) {
    let here = context.state.runs.histories.contains_key(run);
    let opening = context.state.projects.open.as_ref().map_or(0, |open| open.opening);
    // A run of the same name in another project is another run.
    let key = (format!("{opening}/{run}"), step);
    if !here && asked.insert(key) {
        context.outbox.send(Command::ReadHistory { run: run.to_owned(), points: POINTS });
    }
}
