//! The front ends of Glasshouse: the command line, the native window and the browser page.
//!
//! Window and page are one egui application, [`app::App`]. It knows the engine only by the protocol: [`link`] carries commands
//! out and events in, [`state`] folds the events, [`pages`] draw the state and put commands into an outbox.

/// URL of the hosted page, with a final slash, for links; `None` until there is one.
pub const HOSTED_PAGE: Option<&str> = None;

/// A closure that returns `Some(value)` for a pattern, else `None`.
#[cfg(any(feature = "pages", feature = "command-line"))]
macro_rules! picked {
    ($pattern:pat => $value:expr) => {
        |one| match one {
            $pattern => Some($value),
            _ => None,
        }
    };
}

#[cfg(feature = "pages")]
pub mod app;
#[cfg(feature = "pages")]
pub mod asks;
#[cfg(all(feature = "page", target_arch = "wasm32"))]
pub mod canvas;
#[cfg(feature = "command-line")]
#[deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where nobody reads; say! and report! do not"
)]
pub mod cli;
#[cfg(any(feature = "pages", feature = "command-line"))]
pub mod format;
#[cfg(feature = "pages")]
pub mod link;
#[cfg(feature = "pages")]
pub mod pages;
#[cfg(all(any(feature = "pages", feature = "command-line"), not(target_arch = "wasm32")))]
mod places;
#[cfg(feature = "pages")]
pub mod preferences;
#[cfg(feature = "command-line")]
pub mod serve;
#[cfg(feature = "pages")]
pub mod state;
#[cfg(feature = "pages")]
pub mod theme;
#[cfg(feature = "pages")]
pub mod widgets;
