//! What a build without a reader of pages does where none is to be had from outside of it either.

use super::{Page, Settings};

/// Says that the page cannot be read here.
pub(super) fn page(_: &str, _: &Settings) -> Result<Page, String> {
    Err("cannot be read by this build, which has no reader for web pages; use the desktop program".to_owned())
}
