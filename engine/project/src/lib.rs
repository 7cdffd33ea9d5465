//! A project is a folder in open formats:
//!
//! ```text
//! project.json                       format, version and the project's display name
//! next.json                          settings of the next run, and the tokenizer trained for it
//! documents/                         the project's documents
//! moderation-classifier.json         a classifier of harmful sentences, trained on the user's rows
//! conversations.jsonl                conversations with the project's models, one per line
//! feedback.jsonl                     the user's feedback on replies, one row per line in TRL's format
//! sweeps/<name>.json                 sweep files, each with the settings that do not vary
//! lessons/                           the project's own lessons; progress is kept in lessons.json
//! feedback/                          the feedback used by the last run that trained on it
//! tasks/                             instruction tasks used by a run
//! data/                              token streams and their tokenizers (glasshouse_text::data)
//! runs/<number>-<name>/
//!     run.toml                       the resolved configuration
//!     run.json, run-copy.json        the run's record, twice: device, state, steps completed
//!     about.json                     its title, tags and note, if people wrote any
//!     metrics.jsonl                  one event per line; identical for identical runs
//!     clock.jsonl                    events that depend on the clock: speeds, checkpoints
//!     evaluation.json                evaluation results of its weights, if evaluated
//!     audit.json                     audit results (unwanted knowledge), if audited
//!     tensorboard/                   the same metrics as TensorBoard events
//!     checkpoints/                   weights and optimizer state (crate::checkpoint)
//! ```
//!
//! A new run never overwrites existing files. A folder with other contents, or of another version, is left untouched.

mod alone;
pub mod archive;
mod beginning;
pub mod checkpoint;
mod claim;
mod conversations;
mod feedback;
pub mod initial;
mod kept;
mod lessons;
mod merge;
pub mod metrics;
mod moderation;
pub mod names;
mod next;
mod run;
pub mod shelf;
mod staged;
mod sweep;
mod teacher;
mod trained;

pub use alone::{pack_alone, packed_format};
pub use beginning::{Beginning, checkpoint_of};
pub use claim::Claim;
pub use feedback::{FEEDBACK_FILE, FEEDBACK_FOLDER};
pub use kept::weights_crc32c;
pub use lessons::lesson_files;
pub use moderation::ParsedClassifier;
pub use next::{Next, TrainedTokenizer};
pub use run::{About, Curve, Run, RunLock, RunRecord, SweepPlace, crc32c_of};
pub use staged::StagedRun;
pub use sweep::{KeptSweep, SweepClaim, SweepFindings, SweptRun};
pub use teacher::{Teacher, run_named};
pub use trained::{AsTrained, StoredModel, Trained, parameters_of};

use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, LockFile, Result, files};
use glasshouse_protocol::{Hint, RunConfig, RunSummary, names as known_names, order};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the folder layout that this program reads and writes.
pub const VERSION: u32 = 1;

const FORMAT: &str = "glasshouse-project";
const MARKER: &str = "project.json";
const RUNS: &str = "runs";
const NO_RUN: &str = "the project has no run yet; `glasshouse train` starts one";
/// Folder of cleaned documents; its hidden files belong to an interrupted cleaning.
pub const CLEANED: &str = "cleaned";
/// Holds the project's original documents while a run that has not started tries others.
pub const DOCUMENTS_BEFORE: &str = "documents.before";
/// Lock file in the `runs` folder, held while a run gets its number, and while feedback, a conversation or `about.json` is written.
const RUNS_LOCK: &str = ".lock";
/// Maximum size of a `project.json`, `run.json` or `run.toml`.
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Contents of `project.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: String,
    version: u32,
    /// Creation time in seconds since 1970, UTC.
    created: u64,
    /// Glasshouse version that created the project.
    app_version: String,
    /// Display name; the folder's name if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    folder: PathBuf,
}

impl Project {
    /// Opens a project. Fails if the folder does not exist, is not a project, or has another version. Nothing is modified.
    pub fn open(folder: &Path) -> Result<Self> {
        if !files::exists(folder) {
            let reason =
                "there is no project here; `glasshouse train` creates one, or choose another project folder";
            return Err(Error::bad_file(folder, reason).hint(Hint::Project));
        }
        Self::look(folder)?.ok_or_else(|| {
            let reason = format!(
                "this folder is not a Glasshouse project (it has no {MARKER}); choose another project folder"
            );
            Error::bad_file(folder, reason).hint(Hint::Project)
        })
    }

    /// The project in `folder`, or `None` if there is none.
    fn look(folder: &Path) -> Result<Option<Self>> {
        let marker = folder.join(MARKER);
        // Check the version first: another version may use other fields.
        let value: serde_json::Value = match storage::read_json(&marker, MAX_RECORD_BYTES) {
            Err(Error::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            value => value?,
        };
        check_marker(&value).map_err(|reason| {
            let reason = format!("{reason}, or choose another project folder (nothing was changed)");
            Error::bad_file(marker, reason).hint(Hint::Project)
        })?;
        Ok(Some(Self { folder: folder.to_owned() }))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn marker(&self) -> Result<Marker> {
        storage::read_json(&self.folder.join(MARKER), MAX_RECORD_BYTES)
    }

    /// Display name, or the folder's name if none was set.
    pub fn name(&self) -> String {
        let given = self.marker().ok().and_then(|marker| marker.name);
        let folder = || self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        given.unwrap_or_else(folder)
    }

    pub fn set_name(&self, name: &str) -> Result<()> {
        let marker = Marker { name: Some(name.to_owned()), ..self.marker()? };
        storage::write_json(&self.folder.join(MARKER), &marker)
    }

    /// Creation time in seconds since 1970, UTC.
    pub fn created(&self) -> Result<u64> {
        self.marker().map(|marker| marker.created)
    }

    /// All runs that are not deleted, by number.
    pub fn runs(&self) -> Result<Vec<Run>> {
        Ok(self.all_runs()?.into_iter().filter(|run| !run.is_deleted()).collect())
    }

    /// Restores a deleted run by number or name. Fails if no deleted run has this number or name.
    pub fn restore_run(&self, name: &str) -> Result<()> {
        let deleted = |run: &&Run| run.is_deleted() && run.is_called(name);
        let Some(run) = self.all_runs()?.iter().rev().find(deleted).cloned() else {
            let reason = format!(
                "no deleted run is called {name:?}; runs deleted before the project was last opened cannot be restored"
            );
            return Err(Error::bad_file(&self.folder, reason));
        };
        let mark = run.folder().join(shelf::DELETED);
        files::remove_file(&mark).map_err(Error::io(&mark))
    }

    /// Permanently removes deleted runs, and what killed programs left.
    pub fn clear_deleted_runs(&self) -> Result<()> {
        storage::remove_abandoned(&self.folder);
        for run in self.all_runs()? {
            if run.is_deleted() {
                files::remove_dir_all(run.folder()).map_err(Error::io(run.folder()))?;
            } else {
                storage::remove_abandoned(run.folder());
                storage::remove_abandoned(&run.checkpoints_folder());
            }
        }
        Ok(())
    }

    /// All runs, including deleted ones, by number.
    fn all_runs(&self) -> Result<Vec<Run>> {
        let folder = self.folder.join(RUNS);
        let names = shelf::names_in(&folder)?.into_iter();
        let mut runs: Vec<Run> = names.filter_map(|name| Run::at(folder.join(name))).collect();
        order::sort_by_key(&mut runs, Run::number);
        Ok(runs)
    }

    /// A lock that one process at a time holds while it changes a file of lines.
    fn hold_lines(&self) -> Result<LockFile> {
        let runs = self.folder.join(RUNS);
        storage::create_folder(&runs)?;
        let path = runs.join(RUNS_LOCK);
        let lock = LockFile::open(&path).map_err(Error::io(path))?;
        lock.hold();
        Ok(lock)
    }

    /// Checks that no process is training in the project, before it is replaced. Fails if a run is locked, or the project is open
    /// elsewhere.
    pub fn check_unused(&self) -> Result<()> {
        if let Some(run) = self.runs()?.iter().find(|run| run.is_in_training() == Some(true)) {
            return Err(Error::Training { run: run.name(), advice: "stop it first" });
        }
        let lock = LockFile::open(&self.folder.join(glasshouse_platform::PROJECT_LOCK))
            .map_err(Error::io(&self.folder))?;
        if lock.try_hold() { Ok(()) } else { Err(glasshouse_platform::project_is_open(&self.folder)) }
    }

    /// Summaries of all runs, by number. A damaged run is listed with its error.
    pub fn run_summaries(&self) -> Result<Vec<RunSummary>> {
        Ok(self.runs()?.iter().map(Run::summary_or_error).collect())
    }

    /// The run with the highest number, not counting models imported for comparison.
    pub fn latest_run(&self) -> Result<Run> {
        let runs = self.runs()?;
        let latest = runs.iter().rev().find(|run| !run.record().is_ok_and(|record| record.for_comparison));
        latest.cloned().ok_or_else(|| {
            let Some(other) = runs.last() else { return Error::bad_file(&self.folder, NO_RUN) };
            let reason = format!(
                "the project has no run of its own yet, only models imported for comparison: choose one of these, such as {}; \
                 `glasshouse train` starts a run",
                other.name()
            );
            Error::bad_file(&self.folder, reason).hint(Hint::Run)
        })
    }

    /// The run with this number, name or title, or the latest if `name` is `None`.
    pub fn run_or_latest(&self, name: Option<&str>) -> Result<Run> {
        name.map_or_else(|| self.latest_run(), |name| self.run(name))
    }

    /// The run with this number (`3`), name (`3-nanogpt-cpu`, or `nanogpt-cpu` for the latest of several) or unique, non-numeric title.
    /// Fails if no run matches, or several have the title.
    pub fn run(&self, name: &str) -> Result<Run> {
        let runs = self.runs()?;
        let several = |runs: &[&Run], what: &str, by: &str| {
            let names: Vec<String> = runs.iter().map(|run| run.name()).collect();
            let (folder, names) = (self.folder.display(), names.join(", "));
            Err(Error::Unknown(format!(
                "{folder}: several runs have the {what} `{name}`: {names}; choose one by its {by}"
            )))
        };
        // A copied folder keeps its number.
        let numbered: Vec<&Run> = runs.iter().filter(|run| name.parse() == Ok(run.number())).collect();
        if numbered.len() > 1 {
            return several(&numbered, "number", "whole name");
        }
        if let Some(run) = called(&runs, name) {
            return Ok(run);
        }
        let titled: Vec<&Run> = runs.iter().filter(|run| run.is_titled(name)).collect();
        match titled[..] {
            [] => {}
            [run] => return Ok(run.clone()),
            _ => return several(&titled, "title", "number"),
        }
        let mut known: Vec<String> = runs.iter().map(Run::name).collect();
        known.extend(runs.iter().filter_map(Run::title));
        Err(self.unknown_run(name, &known))
    }

    /// The run that a record names, by number or name. Titles are not matched: users can change them.
    pub fn recorded_run(&self, name: &str) -> Result<Run> {
        let runs = self.runs()?;
        called(&runs, name).ok_or_else(|| {
            let known: Vec<String> = runs.iter().map(Run::name).collect();
            self.unknown_run(name, &known)
        })
    }

    fn unknown_run(&self, name: &str, known: &[String]) -> Error {
        let reason = if known.is_empty() {
            NO_RUN.to_owned()
        } else {
            known_names::unknown("run", name, known.iter().map(String::as_str))
        };
        Error::Unknown(format!("{}: {reason}", self.folder.display()))
    }

    /// Creates a run with the next free number, named after the configuration's preset. `data` is the folder returned by
    /// [`glasshouse_text::data::prepare`]; it must be inside the project.
    pub fn create_run(&self, config: &RunConfig, data: &Path) -> Result<Run> {
        self.create_run_with(config, data, |_| Ok(()))
    }

    /// Like [`Project::create_run`], but `fill` writes initial contents into the run's folder before the run becomes visible.
    /// Safe to call from several processes at the same time.
    pub fn create_run_with(
        &self,
        config: &RunConfig,
        data: &Path,
        fill: impl FnOnce(&Run) -> Result<()>,
    ) -> Result<Run> {
        let staged = self.stage_run(config, data)?;
        fill(staged.run())?;
        staged.put()
    }

    /// Like [`Project::create_run`], but without a number, so the run is not yet visible; write its initial contents first.
    pub fn stage_run(&self, config: &RunConfig, data: &Path) -> Result<StagedRun> {
        config.validate()?;
        config.validate_labels()?;
        let data = data.strip_prefix(&self.folder).map_err(|_| {
            Error::Internal(format!("{} is outside the project {}", data.display(), self.folder.display()))
        })?;
        let runs = self.folder.join(RUNS);
        storage::create_folder(&runs)?;
        let staging = Staging::inside(&runs)?;
        let run = Run::write(staging.path(), config, data)?;
        Ok(StagedRun { staging, run, runs, config: config.clone() })
    }
}

/// The latest run with this number or name.
fn called(runs: &[Run], name: &str) -> Option<Run> {
    runs.iter().rev().find(|run| run.is_called(name)).cloned()
}

/// The number after the highest in the folder, counting damaged runs.
fn next_number(runs: &Path) -> Result<u64> {
    let entries = files::read_dir(runs).map_err(Error::io(runs))?;
    let numbers = entries.filter_map(|entry| Run::number_of(&entry.ok()?.path()));
    Ok(numbers.max().map_or(1, |number| number.saturating_add(1)))
}

/// Checks the format and version in a `project.json`; the error says what to do.
fn check_marker(value: &serde_json::Value) -> Result<(), String> {
    if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
        return Err(format!("its format is not \"{FORMAT}\"; open a project created by Glasshouse"));
    }
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version == Some(u64::from(VERSION)) {
        return Ok(());
    }
    let found = version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
    Err(format!(
        "the project has {found} of the folder layout, but this program reads version {VERSION}; use the version of Glasshouse that \
         created it"
    ))
}

#[cfg(test)]
mod tests;
