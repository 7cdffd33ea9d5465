//! Output of a run: a progress bar on a terminal, plain lines in a pipe, or JSON lines.

use super::bar::{LINE_INTERVAL, above, bar};
use super::prelude::*;
use glasshouse_engine::training::TrainEvent;
use indicatif::ProgressBar;
use std::cell::Cell;
use std::time::Instant;

/// Number of documents of an unusual batch that are quoted.
const DOCUMENTS: usize = 3;

/// The output of a run's events. If its reader closes the pipe or its disk is full, training continues.
pub(super) struct Output {
    json: bool,
    /// At the bottom of the terminal; hidden for plain lines and JSON.
    bar: ProgressBar,
    steps: u64,
    /// Time of the last plain line of a step.
    last: Option<Instant>,
    /// Standard output is closed.
    gone: Cell<bool>,
    /// Rewards or pair metrics for the next step's line, if the run has any.
    measured: Option<String>,
}

impl Output {
    /// The output for a run of `steps`: JSON, a bar on a terminal, or plain lines.
    pub(super) fn new(json: bool, steps: u64) -> Self {
        let has_bar = !json && std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        let bar = match has_bar {
            true => bar(steps, "{bar:28} {pos}/{len} · {eta} left · {wide_msg}"),
            false => ProgressBar::hidden(),
        };
        Self { json, bar, steps, last: None, gone: Cell::new(false), measured: None }
    }

    /// Starts at a step other than 0, so that the remaining time is estimated from there.
    pub(super) fn resume_at(&self, step: u64) {
        self.bar.set_position(step);
        self.bar.reset_eta();
    }

    pub(super) fn set_steps(&mut self, all: u64) {
        self.bar.set_length(all);
        self.steps = all;
    }

    /// Prints a line of text, except for JSON.
    pub(super) fn say(&self, text: &str) {
        if !self.json {
            above(|| self.put(text));
        }
    }

    /// A notice: a line on standard error, or a JSON event.
    pub(super) fn notice(&self, text: &str, hints: &[Hint]) {
        match self.json {
            true => self.put_json(&TrainEvent::Notice { text: text.to_owned() }),
            false => above(|| report!("note: {text}{}", hints::words(hints))),
        }
    }

    pub(super) fn event(&mut self, event: &TrainEvent) {
        if self.json {
            return self.put_json(event);
        }
        match event {
            TrainEvent::Step { step, .. } => self.step(*step, event),
            TrainEvent::Reward { .. } | TrainEvent::Preference { .. } => self.measured = Some(line(event)),
            TrainEvent::Notice { .. } => self.notice(&line(event), &[]),
            TrainEvent::Guard(report) => {
                // After a rollback, the bar goes back, too.
                if report.went_back() {
                    self.resume_at(report.step);
                }
                self.notice(&line(event), &[]);
            }
            TrainEvent::Done { .. } => {
                self.bar.finish_and_clear();
                self.say(&line(event));
            }
            TrainEvent::Checkpoint { .. } => {}
            _ => self.say(&line(event)),
        }
    }

    fn step(&mut self, step: u64, event: &TrainEvent) {
        let measured = self.measured.take().map(|measured| format!("{measured} · ")).unwrap_or_default();
        let told = format!("{measured}{}", line(event));
        let is_due = self.last.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if self.bar.is_hidden() && (is_due || step == self.steps) {
            self.last = Some(Instant::now());
            self.put(&format!("step {step}/{} · {told}", self.steps));
        }
        self.bar.set_position(step);
        self.bar.set_message(printable(&told));
    }

    fn put_json(&self, event: &TrainEvent) {
        match serde_json::to_string(event) {
            Ok(text) => self.put(&text),
            Err(error) => report!("note: cannot write an event: {error}"),
        }
    }

    /// Prints a line to standard output unless that is closed.
    pub(super) fn put(&self, text: &str) {
        if self.gone.get() {
            return;
        }
        let mut output = terminal::out();
        if let Err(error) = writeln!(output, "{text}").and_then(|()| output.flush()) {
            self.gone.set(true);
            report!("note: cannot write to stdout ({error}); training continues and is saved");
        }
    }
}

/// Metrics on one line.
fn measured(facts: &[Fact]) -> String {
    let each = facts.iter().map(|fact| format!("{} {}", fact.name, fact.value));
    each.collect::<Vec<_>>().join(" · ")
}

/// A report of the training guard with the documents concerned, as text.
fn of_guard(report: &GuardReport) -> String {
    let named = |(at, document): (usize, &GuardDocument)| match &document.words {
        Some(words) if at < DOCUMENTS => format!("{} (“{words}”)", document.number),
        _ => document.number.to_string(),
    };
    let numbers: Vec<String> = report.documents.iter().enumerate().map(named).collect();
    let documents = match numbers.as_slice() {
        [] => String::new(),
        [one] => format!(" Its batch contains parts of document {one} of the training text."),
        several => {
            format!(" Its batch contains parts of the documents {} of the training text.", several.join(", "))
        }
    };
    format!("{}: {}{documents}", report.kind.title(), report.text)
}

fn line(event: &TrainEvent) -> String {
    match event {
        TrainEvent::Step { loss, lr, grad_norm, tokens_per_s, skipped, .. } => {
            let skipped = if *skipped { " · skipped: gradient not finite" } else { "" };
            let speed = tokens_per_second(*tokens_per_s);
            format!("loss {loss:.3} · lr {lr:.2e} · gradient {grad_norm:.2} · {speed}{skipped}")
        }
        TrainEvent::Reward { metrics, .. } => measured(&metrics.facts()),
        TrainEvent::Preference { metrics, .. } => measured(&metrics.facts()),
        TrainEvent::Eval { step, train_loss, val_loss, best, preference } => {
            let best = if *best { " (best so far)" } else { "" };
            let pairs =
                preference.map(|pairs| format!("\n  {}", measured(&pairs.facts()))).unwrap_or_default();
            format!("step {step}: training loss {train_loss:.4}, validation loss {val_loss:.4}{best}{pairs}")
        }
        TrainEvent::Accuracy { step, train, validation } => {
            let [train, held_out] = [*train, *validation].map(percent);
            format!("step {step}: correct on {train} of the training rows, {held_out} of the held-out rows")
        }
        TrainEvent::Sample { step, text } => {
            let text = text.trim().replace('\n', "\n  │ ");
            format!("step {step} writes:\n  │ {text}\n")
        }
        TrainEvent::Checkpoint { step, path, .. } => format!("step {step}: saved {path}"),
        TrainEvent::Gap { from, to } => format!(
            "note: the metrics of steps {from} to {to} are lost, as after a power cut; the checkpoint includes these steps, and the curves have a gap"
        ),
        TrainEvent::Guard(report) => of_guard(report),
        TrainEvent::Notice { text } => text.clone(),
        TrainEvent::Done {
            step,
            finished,
            best_val_loss,
            best_step,
            stopped_early,
            seconds,
            tokens_per_s,
            ..
        } => {
            let ended = match stopped_early {
                Some(_) => "stopped early",
                None if *finished => "done",
                None => "stopped",
            };
            let without = stopped_early
                .map(|count| format!(" · no improvement for {}", counted(count, "evaluation")))
                .unwrap_or_default();
            let at = match best_step {
                Some(0) if *step > 0 => ", that of step 0: no improvement".to_owned(),
                Some(at) => format!(" at step {at}"),
                None => String::new(),
            };
            let best = best_val_loss.map(|loss| format!(" · best validation loss {loss:.4}{at}"));
            let (time, best, speed) =
                (duration(*seconds), best.unwrap_or_default(), tokens_per_second(*tokens_per_s));
            format!("{ended} at step {step}{without} · {time}{best} · {speed}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_says_where_it_was_best_and_that_nothing_improved() {
        let done = |step, finished, best_step, stopped_early| {
            line(&TrainEvent::Done {
                step,
                finished,
                train_loss: Some(5.5),
                val_loss: Some(5.64),
                best_val_loss: Some(2.2),
                best_step,
                stopped_early,
                seconds: 3.0,
                tokens_per_s: 870.0,
            })
        };
        let told = done(10, true, Some(0), None);
        assert!(told.contains("best validation loss 2.2000, that of step 0: no improvement"), "{told}");
        let told = done(40, false, Some(20), Some(4));
        let wanted = "stopped early at step 40 · no improvement for 4 evaluations · 3.0 s · best validation loss 2.2000 at step 20";
        assert!(told.starts_with(wanted), "{told}");
        assert!(!done(10, true, None, None).contains(" at step 0"));
    }
}
