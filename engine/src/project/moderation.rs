//! A project's own rules of moderation, and its classifier.

use super::Project;
use crate::error::Result;
use crate::evaluation::moderation::{CLASSIFIER_FILE, RULES_FILE};
use crate::platform::files;
use crate::protocol::config::MAX_RULES_BYTES;
use crate::storage;

/// Bytes of a classifier at most: one with a weight for each of its places has 10 MB.
const MAX_CLASSIFIER_BYTES: u64 = 16 << 20;

impl Project {
    /// Rules beside ours, as their file has them; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_rules(&self) -> Result<Option<String>> {
        let path = self.folder().join(RULES_FILE);
        storage::if_there(&path, MAX_RULES_BYTES as u64, storage::read_text)
    }

    /// Whether it has a classifier.
    pub fn has_classifier(&self) -> bool {
        files::exists(&self.folder().join(CLASSIFIER_FILE))
    }

    /// The classifier of its own, as its file has it; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_classifier(&self) -> Result<Option<String>> {
        storage::if_there(&self.folder().join(CLASSIFIER_FILE), MAX_CLASSIFIER_BYTES, storage::read_text)
    }
}
