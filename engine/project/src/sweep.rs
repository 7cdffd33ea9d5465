//! A project's sweeps.

use super::{MAX_RECORD_BYTES, Project, SweepPlace};
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, LockFile, Result, files};
use glasshouse_protocol::evaluation::Metric;
use glasshouse_protocol::{AblatedText, LadderPoint, RunConfig, Scaling};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Folder of the sweeps, with the texts of ablations.
pub(crate) const SWEEPS: &str = "sweeps";

/// A sweep file and the settings that it was started with, so that a sweep continues with the same ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSweep {
    pub toml: String,
    pub config: RunConfig,
    /// The sizes of a ladder, chosen by a measurement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<LadderPoint>,
    /// The versions of the text of an ablation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<AblatedText>,
    pub findings: SweepFindings,
}

/// Cached results from the finished runs, which take a moment to compute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepFindings {
    /// Whether each run is over, and its loss.
    pub of: Vec<(bool, Option<f32>)>,
    pub importance: Vec<Metric>,
    pub scaling: Option<Scaling>,
}

/// The inputs of a new run of a sweep.
#[derive(Clone, Debug)]
pub struct SweptRun {
    pub place: SweepPlace,
    pub title: String,
    pub kept: KeptSweep,
    /// Of the sweep's first run, which others wait for.
    pub begins: Option<Rc<SweepClaim>>,
}

/// The right to train a row of a sweep, or to begin the sweep, until it is dropped or the program ends.
#[derive(Debug)]
pub struct SweepClaim {
    path: PathBuf,
    _lock: LockFile,
}

impl Drop for SweepClaim {
    fn drop(&mut self) {
        // Only its lock counts. Elsewhere, an open file of another worker could not be told from a new one.
        if cfg!(unix) {
            files::remove_file(&self.path).ok();
        }
    }
}

impl Project {
    /// The sweep of this name ([`glasshouse_protocol::Sweep`] restricts it to letters, digits, `-` and `_`).
    pub fn sweep(&self, name: &str) -> Result<Option<KeptSweep>> {
        storage::if_there(&self.sweep_path(name), MAX_RECORD_BYTES, storage::read_json)
    }

    /// Several workers may do this at the same time.
    pub fn keep_sweep(&self, name: &str, sweep: &KeptSweep) -> Result<()> {
        let place = self.sweep_path(name);
        let staging = Staging::beside(&place)?;
        storage::write_json(&staging.path().join(name), sweep)?;
        staging.put_file(name, &place)
    }

    /// Claims a row of a sweep for training, or another part; `None` if another process or worker has claimed it.
    pub fn claim_of_sweep(&self, sweep: &str, part: impl Display) -> Result<Option<SweepClaim>> {
        let folder = self.folder().join(SWEEPS);
        let path = folder.join(format!("{sweep}.{part}.lock"));
        files::create_dir_all(&folder).map_err(Error::io(folder))?;
        loop {
            let lock = LockFile::open(&path).map_err(Error::io(&path))?;
            if !lock.try_hold() {
                return Ok(None);
            }
            // The previous holder may have removed it.
            if lock.is_at(&path) {
                return Ok(Some(SweepClaim { path, _lock: lock }));
            }
        }
    }

    /// The folder of a sweep's texts, as an absolute path.
    pub fn sweep_folder(&self, name: &str) -> PathBuf {
        let folder = self.folder().join(SWEEPS).join(name);
        std::path::absolute(&folder).unwrap_or(folder)
    }

    pub fn is_sweep_folder(&self, folder: &Path) -> bool {
        folder.file_name().is_some_and(|name| self.sweep_folder(&name.to_string_lossy()) == folder)
    }

    fn sweep_path(&self, name: &str) -> PathBuf {
        self.folder().join(SWEEPS).join(format!("{name}.json"))
    }
}
