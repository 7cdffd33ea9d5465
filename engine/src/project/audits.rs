//! What was found of a run that somebody audited, beside its records.

use super::Run;
use crate::error::Result;
use crate::platform::files;
use crate::protocol::Audit;
use crate::storage;

const AUDIT: &str = "audit.json";

/// Largest audit that is read: tables of some dozen rows, and passages of a few hundred characters.
const LARGEST: u64 = 64 << 20;

impl Run {
    /// What was found when it was audited; `None` where it was not.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn audit(&self) -> Result<Option<Audit>> {
        let path = self.folder().join(AUDIT);
        if !files::is_file(&path) {
            return Ok(None);
        }
        storage::read_json(&path, LARGEST).map(Some)
    }

    /// Keeps an audit in the place of the one before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_audit(&self, audit: &Audit) -> Result<()> {
        storage::write_json(&self.folder().join(AUDIT), audit)
    }
}
