//! Progress and failures of evaluations and audits.

use super::*;
use crate::state::Work;

fn name_of(state: &State, run: Option<&String>) -> String {
    let training = state.training.run.as_ref().map(|run| &run.name);
    let Some(name) = run.or(training) else { return "the latest run".to_owned() };
    state.runs.list.iter().find(|known| known.name == *name).map_or(name.clone(), called)
}

/// Draws work in progress, each with a cancel button.
pub fn working_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let several = state.evaluation.under_way.len() > 1;
    for (request, work) in &state.evaluation.under_way {
        let name = name_of(state, work.run.as_ref());
        let cancel = if several { format!("Cancel {name}") } else { "Cancel".to_owned() };
        let cancel = (!work.stopping).then_some(cancel.as_str());
        let share = work.share().map_or(0.0, |share| share as f32);
        if working(ui, &words(&name, work), Some(share), cancel) {
            context.outbox.send(Command::Cancel { request: *request });
        }
    }
}

fn words(name: &str, work: &Work) -> String {
    let doing = if work.audits { "Auditing" } else { "Evaluating" };
    match work {
        Work { stopping: true, .. } => format!("{doing} {name}: stopping…"),
        Work { what, .. } if what.is_empty() => format!("{doing} {name}: starting…"),
        Work { what, total: 0, .. } => format!("{doing} {name}: {what}"),
        Work { what, done, total, .. } => {
            let share = format!("{:.0} %", 100.0 * work.share().unwrap_or(0.0));
            format!("{doing} {name}: {what}, {} of {} · {share}", format::whole(*done), format::whole(*total))
        }
    }
}

impl EvaluatePage {
    pub(super) fn failures_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        for (request, (command, error)) in &state.evaluation.failures {
            if self.dismissed.contains(request) {
                continue;
            }
            match failed(ui, error, Some("Try again")) {
                Failed::Waits => continue,
                Failed::Dismissed => {}
                Failed::Acted => match command {
                    Command::Evaluate { source, settings } => {
                        let (command, bytes) = self.asking.evaluate(source.clone(), settings.text_of.clone());
                        context.outbox.send_with(command, bytes);
                    }
                    Command::Audit { source, .. } => {
                        context.outbox.send(self.asking.audit(source.clone()));
                    }
                    _ => self.read = None,
                },
            }
            self.dismissed.insert(*request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_what_it_is_at_and_how_far() {
        let mut work = Work::default();
        assert_eq!(words("1-a", &work), "Evaluating 1-a: starting…");
        (work.what, work.audits) = ("sampling".to_owned(), true);
        assert_eq!(words("1-a", &work), "Auditing 1-a: sampling");
        (work.done, work.total) = (1200, 4800);
        assert_eq!(words("1-a", &work), "Auditing 1-a: sampling, 1,200 of 4,800 · 25 %");
        work.stopping = true;
        assert_eq!(words("1-a", &work), "Auditing 1-a: stopping…");
    }
}
