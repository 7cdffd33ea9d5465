//! Faults by the thousand: processes killed, files damaged, readers fed with mutated input, file operations that fail, several
//! programs on one project, lost devices. Each kind is a file; `tests/campaign/run` runs them for longer than the ordinary tests do.

// System calls are interposed for this system only; the others run the same code.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
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

mod adapter;
mod bytes;
mod coverage;
mod death;
mod device;
mod disk;
mod files;
mod interposed;
mod memory;
mod mutation;
mod parsers;
mod places;
mod project;
mod two;

use glasshouse_tests::campaign::{Campaign, Draw, survive};
