//! A project's own rules of moderation.

use super::Project;
use crate::error::{Error, Result};
use crate::evaluation::moderation::RULES_FILE;
use crate::platform::files;
use crate::protocol::config::LONGEST_RULES;
use crate::storage;

impl Project {
    /// Rules beside ours, as their file has them; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_rules(&self) -> Result<Option<String>> {
        let path = self.folder().join(RULES_FILE);
        if !files::is_file(&path) {
            return Ok(None);
        }
        let size = files::metadata(&path).map_err(Error::io(&path))?.len();
        if size > LONGEST_RULES as u64 {
            return Err(Error::bad_file(&path, format!("{size} bytes are too many for rules")));
        }
        let text = String::from_utf8(storage::read(&path)?);
        text.map(Some).map_err(|_| Error::bad_file(&path, "is not UTF-8; convert it to UTF-8"))
    }
}
