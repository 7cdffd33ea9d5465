//! A new run that is whole but for its number: whoever makes one beside the session may be told that nobody wants it any more.

use super::{RUNS_LOCK, Run, next_number};
use crate::error::{Error, Result};
use crate::platform::LockFile;
use crate::protocol::RunConfig;
use crate::storage::Staging;
use std::path::PathBuf;

/// A run with all that it begins with. One that is dropped before [`StagedRun::put`] was never there.
#[derive(Debug)]
pub struct StagedRun {
    pub(super) staging: Staging,
    pub(super) run: Run,
    pub(super) runs: PathBuf,
    pub(super) config: RunConfig,
}

impl StagedRun {
    /// The run where it is made.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Puts it among the project's runs, under the next free number. Several programs may do so at once.
    ///
    /// # Errors
    /// The file system refuses; there is no new run then.
    pub fn put(self) -> Result<Run> {
        let Self { staging, run, runs, config } = self;
        // Numbers are given one after another.
        let lock_path = runs.join(RUNS_LOCK);
        let lock = LockFile::open(&lock_path).map_err(Error::io(lock_path))?;
        lock.hold();
        let mut number = next_number(&runs)?;
        loop {
            let run = run.named(&runs, number, &config);
            if staging.put_new(run.folder())? {
                return Ok(run);
            }
            // Only where the file system has no locks.
            number += 1;
        }
    }
}
