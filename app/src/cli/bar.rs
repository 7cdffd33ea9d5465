//! The progress bar at the bottom of the terminal: one at a time, with other output above it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use std::sync::{Mutex, PoisonError};

/// The visible bar, while it is alive.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// A bar on standard error. If the `template` ends in `{wide_msg}`, the message is truncated at the terminal's width.
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
    bar
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
