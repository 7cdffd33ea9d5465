//! Evaluation and audit results, stored with a run.

use super::Run;
use glasshouse_platform::{Result, storage};
use glasshouse_protocol::{Audit, Evaluation};

const EVALUATION: &str = "evaluation.json";
const AUDIT: &str = "audit.json";

/// Maximum size of an evaluation, with a line per document and per answer.
const MAX_EVALUATION_BYTES: u64 = 1 << 30;
/// Maximum size of an audit: tables of some dozen rows, and passages of a few hundred characters.
const MAX_AUDIT_BYTES: u64 = 64 << 20;

impl Run {
    /// The stored evaluation; `None` if there is none.
    pub fn evaluation(&self) -> Result<Option<Evaluation>> {
        storage::if_there(&self.folder().join(EVALUATION), MAX_EVALUATION_BYTES, storage::read_json)
    }

    /// Stores an evaluation, replacing the previous one.
    pub fn keep_evaluation(&self, evaluation: &Evaluation) -> Result<()> {
        storage::write_json(&self.folder().join(EVALUATION), evaluation)
    }

    /// The stored audit; `None` if there is none.
    pub fn audit(&self) -> Result<Option<Audit>> {
        storage::if_there(&self.folder().join(AUDIT), MAX_AUDIT_BYTES, storage::read_json)
    }

    /// Stores an audit, replacing the previous one.
    pub fn keep_audit(&self, audit: &Audit) -> Result<()> {
        storage::write_json(&self.folder().join(AUDIT), audit)
    }
}

/// Identifies weights by a checksum of their bytes in arena layout.
pub fn weights_crc32c(parameters: &[f32]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(parameters))
}
