//! What was found of a run's weights, beside its records.

use super::Run;
use crate::error::Result;
use crate::protocol::{Audit, Evaluation};
use crate::storage;

const EVALUATION: &str = "evaluation.json";
const AUDIT: &str = "audit.json";

/// Largest evaluation that is read: a line for each document, and for each answer to a task.
const MAX_EVALUATION_BYTES: u64 = 1 << 30;
/// Largest audit that is read: tables of some dozen rows, and passages of a few hundred characters.
const MAX_AUDIT_BYTES: u64 = 64 << 20;

impl Run {
    /// What was found when it was evaluated; `None` where it was not.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn evaluation(&self) -> Result<Option<Evaluation>> {
        storage::if_there(&self.folder().join(EVALUATION), MAX_EVALUATION_BYTES, storage::read_json)
    }

    /// Keeps an evaluation in the place of the one before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_evaluation(&self, evaluation: &Evaluation) -> Result<()> {
        storage::write_json(&self.folder().join(EVALUATION), evaluation)
    }

    /// What was found when it was audited; `None` where it was not.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn audit(&self) -> Result<Option<Audit>> {
        storage::if_there(&self.folder().join(AUDIT), MAX_AUDIT_BYTES, storage::read_json)
    }

    /// Keeps an audit in the place of the one before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_audit(&self, audit: &Audit) -> Result<()> {
        storage::write_json(&self.folder().join(AUDIT), audit)
    }
}

/// What tells weights from others: the checksum of their bytes as a model's arena lays them out.
pub fn weights_crc32c(parameters: &[f32]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(parameters))
}
