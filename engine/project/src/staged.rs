//! A complete new run without a number; creating it can still be cancelled.

use super::{RUNS_LOCK, Run, next_number};
use glasshouse_platform::LockFile;
use glasshouse_platform::storage::Staging;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::RunConfig;
use std::path::PathBuf;

/// A run with its initial contents. If dropped before [`StagedRun::put`], it leaves no trace.
#[derive(Debug)]
pub struct StagedRun {
    pub(super) staging: Staging,
    pub(super) run: Run,
    pub(super) runs: PathBuf,
    pub(super) config: RunConfig,
}

impl StagedRun {
    /// The run in its temporary folder.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Adds the run to the project, with the next free number. Safe to call from several processes at the same time. Fails if the file
    /// system refuses; no run is created then.
    pub fn put(self) -> Result<Run> {
        let Self { staging, run, runs, config } = self;
        // The lock serialises the assignment of numbers.
        let lock_path = runs.join(RUNS_LOCK);
        let lock = LockFile::open(&lock_path).map_err(Error::io(lock_path))?;
        lock.hold();
        let mut number = next_number(&runs)?;
        loop {
            let run = run.named(&runs, number, &config);
            if staging.put_new(run.folder())? {
                return Ok(run);
            }
            // Only reached on file systems without locks.
            number += 1;
        }
    }
}
