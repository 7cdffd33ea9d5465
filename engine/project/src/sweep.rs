//! A project's sweeps.

use super::{MAX_RECORD_BYTES, Project, SweepPlace};
use glasshouse_platform::{Error, Result, files, storage};
use glasshouse_protocol::{LadderPoint, RunConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const FOLDER: &str = "sweeps";

/// A sweep file and the settings that it was started with, so that a sweep continues with the same ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSweep {
    pub toml: String,
    pub config: RunConfig,
    /// The sizes of a ladder, chosen by a measurement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<LadderPoint>,
}

/// What a run of a sweep is created with.
#[derive(Clone, Debug)]
pub struct SweptRun {
    pub place: SweepPlace,
    pub title: String,
    pub kept: KeptSweep,
}

impl Project {
    /// The sweep of this name ([`glasshouse_protocol::Sweep`] restricts it to letters, digits, `-` and `_`).
    pub fn sweep(&self, name: &str) -> Result<Option<KeptSweep>> {
        storage::if_there(&self.sweep_path(name), MAX_RECORD_BYTES, storage::read_json)
    }

    pub fn keep_sweep(&self, name: &str, sweep: &KeptSweep) -> Result<()> {
        let folder = self.folder().join(FOLDER);
        files::create_dir_all(&folder).map_err(Error::io(folder))?;
        storage::write_json(&self.sweep_path(name), sweep)
    }

    fn sweep_path(&self, name: &str) -> PathBuf {
        self.folder().join(FOLDER).join(format!("{name}.json"))
    }
}
