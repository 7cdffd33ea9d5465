//! What was found of a run's weights, beside its records.

use super::Run;
use crate::error::Result;
use crate::platform::files;
use crate::protocol::Evaluation;
use crate::storage;

const EVALUATION: &str = "evaluation.json";

/// Largest evaluation that is read: a line for each document, and for each answer to a task.
const LARGEST: u64 = 1 << 30;

impl Run {
    /// What was found when it was evaluated; `None` where it was not.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn evaluation(&self) -> Result<Option<Evaluation>> {
        let path = self.folder().join(EVALUATION);
        if !files::is_file(&path) {
            return Ok(None);
        }
        storage::read_json(&path, LARGEST).map(Some)
    }

    /// Keeps what was found, in the place of what was there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_evaluation(&self, evaluation: &Evaluation) -> Result<()> {
        storage::write_json(&self.folder().join(EVALUATION), evaluation)
    }
}

/// What tells weights from others: the checksum of their bytes as a model's arena lays them out.
pub fn weights_crc32c(parameters: &[f32]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(parameters))
}
