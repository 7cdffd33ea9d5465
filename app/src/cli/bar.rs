//! The progress bar at the bottom of the terminal: one at a time, with other output above it.

use super::trained::note;
use glasshouse_engine::protocol::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use std::sync::{Mutex, PoisonError};

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

/// A bar for a request that reports how much of its work is done.
#[derive(Default)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Shows how much is done; prints notices above the bar.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Underway { share: Some(share), .. } => {
                let bar = self.0.get_or_insert_with(|| bar(PERCENT, "{bar:30} {percent} %"));
                bar.set_position((share * PERCENT as f64) as u64);
            }
            Event::Progress { what, done, total } => {
                let bar = self.0.get_or_insert_with(|| bar(1, "{bar:30} {pos}/{len} · {wide_msg}"));
                bar.set_length((*total).max(1));
                bar.set_position(*done);
                bar.set_message(what.clone());
            }
            event => above(|| note(event)),
        }
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
