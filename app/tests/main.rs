//! The tests of window and command line as one program, since each would be linked with the whole application. Without the
//! feature `window`, only the tests of the command line and the server are built.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

/// The values of those items of an iterator that match a pattern.
macro_rules! found {
    ($items:expr, $pattern:pat $(if $guard:expr)? => $value:expr) => {
        $items.filter_map(|item| match item {
            $pattern $(if $guard)? => Some($value),
            _ => None,
        })
    };
}

mod active_learning;
mod auditing;
#[cfg(feature = "window")]
mod beginnings;
mod benches;
#[cfg(feature = "cluster")]
mod bundle;
mod chat;
#[cfg(feature = "window")]
mod chat_page;
mod classify;
mod command_line;
mod compressing;
mod data_bench;
#[cfg(feature = "window")]
mod data_engine;
#[cfg(feature = "window")]
mod data_page;
mod distilling;
#[cfg(feature = "window")]
mod evaluate_page;
mod evaluating;
#[cfg(unix)]
mod faults;
#[cfg(feature = "window")]
mod features_page;
mod feedback;
#[cfg(feature = "window")]
mod frames;
mod front_ends;
#[cfg(feature = "window")]
mod gguf;
mod gpu_day;
#[cfg(feature = "window")]
mod importing;
#[cfg(feature = "window")]
mod inspect_page;
#[cfg(feature = "window")]
mod inspect_parts;
mod inspected_files;
mod inspecting;
mod judges;
#[cfg(feature = "window")]
mod keyboard;
#[cfg(feature = "window")]
mod lab;
#[cfg(feature = "window")]
mod learn;
#[cfg(feature = "window")]
mod meets;
mod moderating;
#[cfg(feature = "window")]
mod numbers;
mod preferences;
mod proposing;
#[cfg(feature = "window")]
mod readable;
mod recipes;
#[cfg(feature = "window")]
mod recording;
mod remote;
mod reward_model;
mod rewards;
mod safe_clicks;
#[cfg(feature = "window")]
mod screenshots;
mod serving;
mod serving_clients;
#[cfg(feature = "window")]
mod serving_window;
mod sharing;
#[cfg(all(feature = "window", target_os = "linux"))]
mod soak;
mod start;
mod support;
#[cfg(feature = "window")]
mod text_pages;
mod tuning;
#[cfg(feature = "window")]
mod window;
