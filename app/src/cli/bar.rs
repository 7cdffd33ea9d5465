//! The progress bar at the bottom of the terminal: one at a time, and what is printed meanwhile stands above it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, WeakProgressBar};
use std::sync::{Mutex, PoisonError};

/// The bar that is shown, as long as somebody has it.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// A bar on standard error. Of a `template` that ends in `{wide_msg}`, the message is cut where the terminal's line ends.
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
    bar
}

/// Prints from anywhere while the bar, where there is one, is out of the way. What is printed past a bar is wiped with it as soon as a
/// line of the terminal is too short for it.
pub(super) fn above(print: impl FnOnce()) {
    let bar =
        SHOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}
