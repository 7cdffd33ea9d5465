//! Progress at the bottom of the terminal: one bar at a time, with other output above it.

use super::report::printable;
use super::trained::note;
use super::wants_json;
use glasshouse_engine::protocol::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use std::io::{IsTerminal as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Minimum interval between plain lines of progress.
pub(super) const LINE_INTERVAL: Duration = Duration::from_secs(5);

const PERCENT: u64 = 100;

/// The visible bar, while it is alive.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// A bar on standard error, cleared when it is dropped. If the `template` ends in `{wide_msg}`, the message is truncated at the terminal's width.
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
    bar
}

/// Notices and progress of a request: a bar on a terminal; otherwise a line for each part of the work, unless the output is JSON.
#[derive(Default)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// The part of the work; empty if the request reports only its share.
    part: String,
}

impl Progress {
    /// Shows a notice or progress. Removes the bar for any other event, and returns the event.
    pub(super) fn receive(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Underway { share: Some(share), .. } if self.part.is_empty() && stderr().is_terminal() => {
                self.show((share * PERCENT as f64) as u64, PERCENT, "{bar:30} {percent} %");
            }
            Event::Underway { .. } => {}
            Event::Progress { what, done, total } => {
                if self.part != what && !stderr().is_terminal() && !wants_json() {
                    report!("{what}");
                }
                if self.part.is_empty() {
                    self.bar = None;
                }
                self.part.clone_from(&what);
                self.show(done, total, "{bar:30} {pos}/{len} · {wide_msg}").set_message(printable(&what));
            }
            Event::Notice { .. } | Event::CharactersLost { .. } => above(|| note(&event)),
            event => {
                self.bar = None;
                return Some(event);
            }
        }
        None
    }

    fn show(&mut self, done: u64, total: u64, template: &str) -> &ProgressBar {
        let bar = self.bar.get_or_insert_with(|| bar(total, template));
        bar.set_length(total.max(1));
        bar.set_position(done);
        bar
    }
}

/// Prints while the bar, if any, is hidden. Output that bypasses this is erased with the bar once a line is too long for the
/// terminal.
pub(super) fn above(print: impl FnOnce()) {
    let bar =
        SHOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}
