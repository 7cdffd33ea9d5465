//! Fallback for pages without a reader, in the build or as a module.

use super::{Page, Settings};

pub(super) fn page(_: &str, _: &Settings) -> Result<Page, String> {
    Err("cannot be read by this build, which has no reader for web pages; use the desktop program".to_owned())
}
