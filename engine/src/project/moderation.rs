//! A project's own rules of moderation.

use super::Project;
use crate::error::Result;
use crate::evaluation::moderation::RULES_FILE;
use crate::protocol::config::LONGEST_RULES;
use crate::storage;

impl Project {
    /// Rules beside ours, as their file has them; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_rules(&self) -> Result<Option<String>> {
        let path = self.folder().join(RULES_FILE);
        storage::if_there(&path, LONGEST_RULES as u64, storage::read_text)
    }
}
