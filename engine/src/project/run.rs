//! One run's folder: what it is called, what was asked for, and how it fares.

use super::shelf::DELETED;
use super::{FEEDBACK_FOLDER, MAX_RECORD_BYTES, Project};
use crate::checkpoint::{CheckpointInfo, Checkpoints};
use crate::data::recipes::is_of_tasks;
use crate::device::DeviceDescription;
use crate::error::{Error, Result};
use crate::model::parameters;
use crate::plan::disk;
use crate::platform::files::{self, File};
use crate::protocol::{DataConfig, Intervention, LearnsFrom, RunConfig, RunState, RunSummary, Start};
use crate::storage;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const CONFIG: &str = "run.toml";
const RECORD: &str = "run.json";
const LOCK: &str = "lock";
/// Most characters of a title and of a tag, and most tags.
const MAX_TITLE_CHARACTERS: usize = 120;
const MAX_TAG_CHARACTERS: usize = 40;
const MAX_TAGS: usize = 32;

/// A run of a project. Its folder is `runs/<number>-<label>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    folder: PathBuf,
    number: u64,
}

/// `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Whether it goes on.
    pub state: RunState,
    /// Version of the program that began it.
    pub app_version: String,
    /// When it was made: seconds since 1970, UTC.
    pub created: u64,
    /// When a session last changed this record, likewise.
    pub updated: u64,
    /// Folder of its tokens and tokenizer, from the project's folder on, with `/` between names.
    pub data: String,
    /// Optimizer steps done when the record was written.
    pub step: u64,
    /// Evaluations take the whole validation split instead of `train.eval_batches` batches of it.
    #[serde(default)]
    pub evaluate_whole_split: bool,
    /// The device that the run is pinned to; `None` before its first session.
    pub device: Option<DeviceDescription>,
    /// Weights of the model.
    #[serde(default)]
    pub parameters: u64,
    /// Validation loss of the last evaluation.
    #[serde(default)]
    pub val_loss: Option<f32>,
    /// Lowest validation loss.
    #[serde(default)]
    pub best_val_loss: Option<f32>,
    /// Seconds of all sessions together.
    #[serde(default)]
    pub seconds: f64,
    /// What ended it, where an error did.
    #[serde(default)]
    pub error: Option<String>,
    /// The person's note.
    #[serde(default)]
    pub notes: String,
    /// What the person calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Words that the person sorts runs by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `model_type` of the class of transformers that an imported model is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// What `config.json` calls the floats that all weights of an imported model are stored in; `None` where they are of several kinds, or a
    /// GGUF file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// Context length that an imported model had where it was shortened; an export has it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_context: Option<usize>,
    /// Of a run that learned from pairs of answers: whether those were texts as they stand in the data, which no chat template wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_pairs: Option<bool>,
    /// What an imported model was read from, as [`crate::interchange::source_of`] says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of an imported model: whether it is there to be compared with alone, and is never what the project's latest run means.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_comparison: bool,
    /// The checkpoint that it goes on from, where that is another run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<Start>,
    /// The step at which early stopping ended the run before it was resumed; its patience counts evaluations after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_from: Option<u64>,
    /// What the guard did to it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
    /// Seconds that the whole run was estimated to take.
    #[serde(default)]
    pub estimated_seconds: Option<f64>,
}

/// Held while a program trains a run, so that no second one does; the operating system drops it with the program.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl Run {
    /// The run in a folder, if its name and its configuration say that it holds one.
    pub(super) fn at(folder: PathBuf) -> Option<Self> {
        let number = Self::number_of(&folder)?;
        files::is_file(&folder.join(CONFIG)).then_some(Self { folder, number })
    }

    /// The number in the name of a run's folder.
    pub(super) fn number_of(folder: &Path) -> Option<u64> {
        let (number, _) = folder.file_name()?.to_str()?.split_once('-')?;
        number.parse().ok()
    }

    /// Writes both records into a folder; it has no number yet.
    pub(super) fn write(folder: &Path, config: &RunConfig, data: &Path) -> Result<Self> {
        let run = Self { folder: folder.to_owned(), number: 0 };
        run.write_records(config, data)?;
        Ok(run)
    }

    /// The same run with a number, in the place that it is to have.
    pub(super) fn named(&self, runs: &Path, number: u64, config: &RunConfig) -> Self {
        Self { folder: runs.join(format!("{number}-{}", label_from_preset(&config.preset))), number }
    }

    fn write_records(&self, config: &RunConfig, data: &Path) -> Result<()> {
        let now = storage::unix_seconds() as u64;
        let names: Vec<String> = data.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        self.save_record(&RunRecord {
            state: RunState::Created,
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: now,
            updated: now,
            data: names.join("/"),
            step: 0,
            evaluate_whole_split: false,
            device: None,
            parameters: 0,
            val_loss: None,
            best_val_loss: None,
            seconds: 0.0,
            error: None,
            notes: String::new(),
            title: String::new(),
            tags: Vec::new(),
            family: None,
            dtype: None,
            whole_context: None,
            plain_pairs: None,
            source: None,
            for_comparison: false,
            restored_from: None,
            patience_from: None,
            interventions: Vec::new(),
            estimated_seconds: None,
        })?;
        // Last, since a folder with a configuration is a run.
        self.save_config(config)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its number in the project, from 1 on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The folder's name, `3-nanogpt-cpu`.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The project folder's own name.
    pub fn project_name(&self) -> String {
        let project = self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder);
        let whole = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
        whole.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// The project that it is in.
    ///
    /// # Errors
    /// The folder around it is no project.
    pub fn project(&self) -> Result<Project> {
        // runs/<run> lies two names below the project.
        Project::open(self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder))
    }

    /// Whether a person means it by a number (`3`), a name (`3-nanogpt-cpu`), or a name without its number.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name.parse() == Ok(self.number) || self.name() == name || self.label() == name
    }

    /// The name without its number.
    pub fn label(&self) -> String {
        self.name().split_once('-').map(|(_, label)| label.to_owned()).unwrap_or_default()
    }

    /// The resolved configuration.
    ///
    /// # Errors
    /// The file cannot be read, or was edited into something that is no configuration or breaks a rule.
    pub fn config(&self) -> Result<RunConfig> {
        let config = RunConfig::from_toml(&self.config_text()?)
            .map_err(|reason| Error::bad_file(self.folder.join(CONFIG), reason))?;
        config.validate()?;
        config.validate_labels()?;
        Ok(config)
    }

    fn config_text(&self) -> Result<String> {
        storage::read_text(&self.folder.join(CONFIG), MAX_RECORD_BYTES)
    }

    /// Checksum of the configuration's text, kept in checkpoints to notice that it was edited.
    pub fn config_crc32c(&self) -> Result<u32> {
        self.config_text().map(|text| crc32c::crc32c(text.as_bytes()))
    }

    /// Whether it is an imported model, and no run.
    pub(crate) fn is_imported(&self) -> bool {
        self.record().is_ok_and(|record| record.state == RunState::Imported)
    }

    /// Whether it is an imported model that came from outside: merging keeps its weights likewise, and names the run that they come from.
    pub(crate) fn is_from_outside(&self) -> Result<bool> {
        Ok(self.is_imported() && self.config()?.start.is_none())
    }

    /// Whether it was imported to compare others with, and is never the project's latest run. Of a damaged run that is not known.
    pub(crate) fn is_for_comparison(&self) -> bool {
        self.record().is_ok_and(|record| record.for_comparison)
    }

    /// Has a model that was imported to compare with count as any other run.
    pub(crate) fn count_as_latest(&self) -> Result<()> {
        match self.record()? {
            record if record.for_comparison => {
                self.save_record(&RunRecord { for_comparison: false, ..record })
            }
            _ => Ok(()),
        }
    }

    /// The title that it can be named by; `None` where it has none, its record is damaged, or the title reads as a number: numbers mean
    /// runs by their numbers alone, those that are gone among them.
    pub(super) fn title(&self) -> Option<String> {
        let title = self.record().ok()?.title;
        let is_number = title.bytes().all(|letter| letter.is_ascii_digit());
        (!title.is_empty() && !is_number).then_some(title)
    }

    /// Whether it can be named by this title.
    pub(super) fn is_titled(&self, title: &str) -> bool {
        self.title() == Some(one_line(title, MAX_TITLE_CHARACTERS))
    }

    /// Refuses an imported model where a run is to go on.
    pub(crate) fn check_has_text(&self) -> Result<()> {
        match self.is_imported() {
            true => {
                let reason = "it is an imported model, which has no text to train on: begin a run with its weights, or name another run";
                Err(Error::bad_file(&self.folder, reason))
            }
            false => Ok(()),
        }
    }

    /// Refuses a checkpoint whose weights were trained as another model than the configuration says.
    pub(crate) fn check_model(&self, info: &CheckpointInfo, config: &RunConfig) -> Result<()> {
        info.check_model(&config.model).map_err(|reason| Error::bad_file(self.folder.join(CONFIG), reason))
    }

    /// Replaces the configuration: more steps for a run that is resumed, say.
    pub fn save_config(&self, config: &RunConfig) -> Result<()> {
        let text = config.to_toml().map_err(Error::Internal)?;
        storage::write_atomically(&self.folder.join(CONFIG), text.as_bytes())
    }

    /// How the run fares.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn record(&self) -> Result<RunRecord> {
        storage::read_json(&self.folder.join(RECORD), MAX_RECORD_BYTES).map_err(|error| match error {
            Error::BadFile { path, reason } => {
                let reason = format!(
                    "the run's record is damaged ({reason}); put a copy of the file there, or delete the run"
                );
                Error::bad_file(path, reason)
            }
            error => error,
        })
    }

    /// Replaces the record.
    pub fn save_record(&self, record: &RunRecord) -> Result<()> {
        storage::write_json(&self.folder.join(RECORD), record)
    }

    /// Keeps a note with the run; one in training keeps it, too.
    pub fn set_notes(&self, notes: &str) -> Result<()> {
        self.save_record(&RunRecord { notes: notes.to_owned(), ..self.record()? })
    }

    /// Gives it a title; an empty one takes it away.
    pub fn set_title(&self, title: &str) -> Result<()> {
        let title = one_line(title, MAX_TITLE_CHARACTERS);
        self.save_record(&RunRecord { title, ..self.record()? })
    }

    /// Sets its tags, each once and in their order.
    pub fn set_tags(&self, tags: &[String]) -> Result<()> {
        let mut kept: Vec<String> = Vec::new();
        for tag in tags.iter().map(|tag| one_line(tag, MAX_TAG_CHARACTERS)).filter(|tag| !tag.is_empty()) {
            if !kept.contains(&tag) && kept.len() < MAX_TAGS {
                kept.push(tag);
            }
        }
        self.save_record(&RunRecord { tags: kept, ..self.record()? })
    }

    /// Marks it as deleted: it is no longer among the project's runs. [`super::Project::restore_run`] undoes it, and
    /// [`super::Project::clear_deleted_runs`] removes it for good.
    ///
    /// # Errors
    /// A program trains it, or the mark cannot be written.
    pub fn delete(&self) -> Result<()> {
        let _lock = self.lock()?;
        let mark = self.folder.join(DELETED);
        storage::write_atomically(&mark, storage::unix_seconds().to_string().as_bytes())
    }

    /// Whether it was deleted, and can be restored.
    pub fn is_deleted(&self) -> bool {
        files::exists(&self.folder.join(DELETED))
    }

    /// Keeps what the run was estimated to take.
    pub fn set_estimated_seconds(&self, seconds: f64) -> Result<()> {
        self.save_record(&RunRecord { estimated_seconds: Some(seconds), ..self.record()? })
    }

    /// The run in a list of runs: one whose records cannot be read is listed as failed, with the reason.
    pub(crate) fn summary_or_error(&self) -> RunSummary {
        self.summary().unwrap_or_else(|error| RunSummary {
            name: self.name(),
            state: RunState::Failed,
            error: Some(error.to_string()),
            ..RunSummary::default()
        })
    }

    /// The run as people see it.
    ///
    /// # Errors
    /// Its records cannot be read.
    pub fn summary(&self) -> Result<RunSummary> {
        let (config, record) = (self.config()?, self.record()?);
        let mut checkpoints = Checkpoints::new(self.checkpoints_folder()).list();
        if record.state == RunState::Imported {
            checkpoints.iter_mut().for_each(|checkpoint| checkpoint.resumable = false);
        }
        // A program that was killed after storing a checkpoint and before the record goes on from the checkpoint.
        let resumable = checkpoints.iter().filter(|checkpoint| checkpoint.resumable);
        let step = resumable.map(|checkpoint| checkpoint.step).fold(record.step, u64::max);
        Ok(RunSummary {
            name: self.name(),
            title: record.title,
            tags: record.tags,
            state: if self.is_interrupted(record.state) { RunState::Interrupted } else { record.state },
            step,
            // An imported model has its settings' schedule yet to come, in a run of its own.
            steps: if record.state == RunState::Imported { 0 } else { config.train.steps },
            for_comparison: record.for_comparison,
            start: record.restored_from.or(config.start),
            learns_from: learned_from(&config.data),
            parameters: record.parameters,
            val_loss: record.val_loss,
            best_val_loss: record.best_val_loss,
            seconds: record.seconds,
            created: record.created,
            device: record.device.map(|device| device.to_string()).unwrap_or_default(),
            error: record.error,
            notes: record.notes,
            shape: config.model.shape(),
            labels: config.model.labels,
            checkpoints,
            estimated_seconds: record.estimated_seconds,
        })
    }

    /// Whether the program that trained it ended without a word: nobody holds its lock any more.
    pub(super) fn is_interrupted(&self, state: RunState) -> bool {
        let is_free = || File::open(self.folder.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok());
        state == RunState::Running && is_free()
    }

    /// Bytes that it writes at most, over all its steps.
    pub fn bytes_to_write(&self) -> Result<u64> {
        let config = self.config()?;
        Ok(disk::bytes_of_run(&parameters(&config.model, &config.train)?, &config.train))
    }

    /// Where its tokens and tokenizer are.
    ///
    /// # Errors
    /// The record cannot be read, or names a place outside the project.
    pub fn data_folder(&self) -> Result<PathBuf> {
        let data = self.record()?.data;
        let path = Path::new(&data);
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        // runs/<run> lies two names below the project.
        let project = self.folder.parent().and_then(Path::parent);
        match project {
            Some(project) if inside => Ok(project.join(path)),
            _ => Err(Error::bad_file(
                self.folder.join(RECORD),
                format!("its data folder `{data}` is not a place inside the project"),
            )),
        }
    }

    /// `metrics.jsonl`.
    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    /// Folder of the TensorBoard events.
    pub fn tensorboard_folder(&self) -> PathBuf {
        self.folder.join("tensorboard")
    }

    /// Folder of the checkpoints.
    pub fn checkpoints_folder(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    /// Takes the run for this program until the lock is dropped.
    ///
    /// # Errors
    /// Another program trains it.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.folder.join(LOCK);
        let file = File::create(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(files::TryLockError::WouldBlock) => Err(Error::bad_file(
                &self.folder,
                "another program is training this run; wait for it, or start a new run",
            )),
            // A file system without locks (some network drives): go on without.
            Err(files::TryLockError::Error(_)) => Ok(RunLock { _file: file }),
        }
    }
}

/// What [`Run::config_crc32c`] will be once a configuration is saved.
pub(crate) fn crc32c_of(config: &RunConfig) -> Result<u32> {
    config.to_toml().map(|text| crc32c::crc32c(text.as_bytes())).map_err(Error::Internal)
}

/// A preset's name as a folder's name; a run described by a file has none.
fn label_from_preset(preset: &str) -> String {
    let kept: String = preset
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' })
        .take(64)
        .collect();
    let kept = kept.trim_matches(['-', '.']);
    if kept.is_empty() { "run".to_owned() } else { kept.to_owned() }
}

/// A person's words in one line, and not too many of them.
fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|letter| !letter.is_control()).take(most).collect()
}

/// What a run learned from, wherever the project was then.
fn learned_from(data: &DataConfig) -> LearnsFrom {
    let path = data.paths.first().map(Path::new);
    // A project may be called Feedback; its documents are in folders.
    let of_feedback = |path: &Path| {
        path.extension().is_some_and(|ending| ending == "jsonl")
            && path.parent().is_some_and(|folder| folder.ends_with(FEEDBACK_FOLDER))
    };
    if path.is_some_and(is_of_tasks) {
        LearnsFrom::Tasks
    } else if path.is_some_and(of_feedback) {
        LearnsFrom::Feedback
    } else {
        LearnsFrom::Documents
    }
}
