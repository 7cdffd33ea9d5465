//! A run's folder: its name, configuration and record.

use super::shelf::DELETED;
use super::{FEEDBACK_FOLDER, MAX_RECORD_BYTES, Project, RUNS_LOCK};
use crate::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_compiler::model::parameters;
use glasshouse_compiler::plan::disk;
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, LockFile, Result, storage};
use glasshouse_protocol::energy::Rate;
use glasshouse_protocol::{
    DataConfig, DeviceDescription, EnergySettings, EnergyUse, HeldOut, Hint, Intervention, LearnsFrom,
    MeteredEnergy, RunConfig, RunState, RunSummary, Start,
};
use glasshouse_text::data::recipes::is_of_tasks;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const CONFIG: &str = "run.toml";
const RECORD: &str = "run.json";
/// A second copy of [`RECORD`], read where the first one is damaged or missing.
const RECORD_COPY: &str = "run-copy.json";
const ABOUT: &str = "about.json";
const LOCK: &str = "lock";
/// Maximum characters of a title, characters of a tag, and number of tags.
const MAX_TITLE_CHARACTERS: usize = 120;
const MAX_TAG_CHARACTERS: usize = 40;
const MAX_TAGS: usize = 32;

/// A run of a project. Its folder is `runs/<number>-<label>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    folder: PathBuf,
    number: u64,
}

/// Contents of `run.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub state: RunState,
    /// Glasshouse version that created the run.
    pub app_version: String,
    /// Creation time in seconds since 1970, UTC.
    pub created: u64,
    /// Time of the last change to this record, in seconds since 1970, UTC.
    pub updated: u64,
    /// Folder of tokens and tokenizer, relative to the project folder, with `/` as separator.
    pub data: String,
    /// Optimizer steps completed when the record was written.
    pub step: u64,
    /// Evaluate on the whole validation split instead of `train.eval_batches` batches.
    pub evaluate_whole_split: bool,
    /// The device the run is pinned to; `None` before its first session.
    pub device: Option<DeviceDescription>,
    pub parameters: u64,
    /// Training loss of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f32>,
    /// Validation loss of the last evaluation, and its step.
    pub val_loss: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_step: Option<u64>,
    pub best_val_loss: Option<f32>,
    /// The set that evaluations draw from; `None` if their loss is not a mean over tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Mean bytes per token of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_token: Option<f64>,
    /// Planned memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Training time in seconds, summed over all sessions.
    pub seconds: f64,
    pub error: Option<String>,
    /// `model_type` of an imported model's transformers class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The `dtype` of an imported model in `config.json`; `None` if its weights have several types or came from a GGUF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// An imported model's original context length if it was shortened on import; exports restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_context: Option<usize>,
    /// For preference runs: whether the pairs were raw text, not rendered by a chat template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_pairs: Option<bool>,
    /// Source of an imported model, as returned by `glasshouse_formats::source_of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether an imported model serves only for comparison and is never the project's latest run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_comparison: bool,
    /// The checkpoint the run started from, if it belongs to another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<Start>,
    /// Step at which early stopping ended the run before it was resumed; patience counts evaluations after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_from: Option<u64>,
    /// The guard's interventions, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
    pub estimated_seconds: Option<f64>,
    /// 95 % interval of `best_val_loss` over the batches of its evaluation; `None` for losses of pairs and rewards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_val_interval: Option<[f32; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepPlace>,
    /// Energy counted while it trained; `None` without a meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<MeteredEnergy>,
    /// The power of the device under full load, if the user gave it when the run was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watts: Option<Rate>,
    #[serde(default, skip_serializing_if = "Curve::is_empty")]
    pub curve: Curve,
}

/// A run's training loss over its whole length, and its last sample, for lists of projects, which read no metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Steps and losses.
    points: Vec<(u64, f32)>,
    /// Steps between points; 0 before the first.
    interval: u64,
    pub sample: String,
}

impl Curve {
    pub const POINTS: usize = 60;

    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.sample.is_empty()
    }

    pub fn add(&mut self, step: u64, loss: f32) {
        self.interval = self.interval.max(1);
        // JSON has no infinity.
        if !step.is_multiple_of(self.interval) || !loss.is_finite() {
            return;
        }
        self.points.push((step, loss));
        if self.points.len() > Self::POINTS {
            self.interval *= 2;
            self.points.retain(|(step, _)| step.is_multiple_of(self.interval));
        }
    }

    /// Removes what came after a step.
    pub fn cut(&mut self, step: u64) {
        self.points.retain(|(at, _)| *at <= step);
    }

    pub fn losses(&self) -> Vec<f32> {
        self.points.iter().map(|(_, loss)| *loss).collect()
    }
}

impl RunRecord {
    /// The energy of the training, if it was metered or the user gave the device's power. Fails if the user's figures are not of the
    /// expected form.
    pub fn energy_use(&self) -> Result<Option<EnergyUse>> {
        // The power is that of the run's device, not of the one that shows it.
        let settings =
            EnergySettings { watts: self.watts.clone(), ..glasshouse_platform::energy::settings()? };
        let trained = self.state != RunState::Imported;
        Ok(EnergyUse::of_run(self.seconds, self.energy.as_ref(), &settings).filter(|_| trained))
    }
}

/// Contents of `about.json`: what people write. The trainer never writes it, so that a run can be renamed while it trains. Records of earlier
/// versions hold these fields too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Empty if none.
    pub title: String,
    pub tags: Vec<String>,
    pub notes: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPlace {
    pub name: String,
    /// Index among the sweep's runs.
    pub point: usize,
    /// It diverged; the sweep does not resume it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
}

/// Locks a run against being trained twice. The operating system releases the lock when the process ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl Run {
    /// Opens the run in a folder if the folder's name and one of its records identify one. A run that lacks the other is damaged, but must
    /// not disappear from lists.
    pub(super) fn at(folder: PathBuf) -> Option<Self> {
        let number = Self::number_of(&folder)?;
        let is_there = |name: &&str| match files::metadata(folder.join(name)) {
            Ok(metadata) => metadata.is_file(),
            // Nor must another user's, which cannot be looked into.
            Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
        };
        [CONFIG, RECORD].iter().any(is_there).then_some(Self { folder, number })
    }

    pub(super) fn number_of(folder: &Path) -> Option<u64> {
        let (number, _) = folder.file_name()?.to_str()?.split_once('-')?;
        number.parse().ok()
    }

    /// Writes both records into a folder; the run has no number yet.
    pub(super) fn write(folder: &Path, config: &RunConfig, data: &Path) -> Result<Self> {
        let run = Self { folder: folder.to_owned(), number: 0 };
        run.write_records(config, data)?;
        Ok(run)
    }

    /// The same run with a number and its final folder.
    pub(super) fn named(&self, runs: &Path, number: u64, config: &RunConfig) -> Self {
        Self { folder: runs.join(format!("{number}-{}", label_from_preset(&config.preset))), number }
    }

    fn write_records(&self, config: &RunConfig, data: &Path) -> Result<()> {
        let now = storage::unix_seconds() as u64;
        let names: Vec<String> = data.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        self.save_record(&RunRecord {
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: now,
            updated: now,
            data: names.join("/"),
            ..RunRecord::default()
        })?;
        // Written last, because a folder with a configuration counts as a run.
        self.save_config(config)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Number in the project, starting at 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Name of the folder, such as `3-nanogpt-cpu`.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub fn project_name(&self) -> String {
        let project = self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder);
        let whole = std::path::absolute(project).unwrap_or_else(|_| project.to_owned());
        whole.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Opens the project that contains the run. Fails if the parent folder is not a project.
    pub fn project(&self) -> Result<Project> {
        // The project folder is two levels above runs/<run>.
        Project::open(self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder))
    }

    /// Whether `name` refers to the run: its number (`3`), name (`3-nanogpt-cpu`) or name without number.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name.parse() == Ok(self.number) || self.name() == name || self.label() == name
    }

    /// The folder's name without the number.
    pub fn label(&self) -> String {
        self.name().split_once('-').map(|(_, label)| label.to_owned()).unwrap_or_default()
    }

    /// Reads the resolved configuration. Fails if the file cannot be read, is not a configuration, or breaks a rule.
    pub fn config(&self) -> Result<RunConfig> {
        let config = RunConfig::from_toml(&self.config_text()?)
            .map_err(|reason| Error::bad_file(self.folder.join(CONFIG), reason))?;
        config.validate()?;
        config.validate_labels()?;
        Ok(config)
    }

    fn config_text(&self) -> Result<String> {
        let path = self.folder.join(CONFIG);
        if !files::exists(&path) {
            let reason = "the run's settings are missing; restore a copy of the file, or delete the run";
            return Err(Error::bad_file(path, reason).hint(Hint::DeleteRun));
        }
        storage::read_text(&path, MAX_RECORD_BYTES)
    }

    /// Checksum of the configuration's text, stored in checkpoints to detect edits.
    pub fn config_crc32c(&self) -> Result<u32> {
        self.config_text().map(|text| crc32c::crc32c(text.as_bytes()))
    }

    /// Whether it is an imported model rather than a trained run.
    pub fn is_imported(&self) -> bool {
        self.record().is_ok_and(|record| record.state == RunState::Imported)
    }

    /// Whether the weights come from outside the project. (A merge is also recorded as imported, but names its source run.)
    pub fn is_from_outside(&self) -> Result<bool> {
        Ok(self.is_imported() && self.config()?.start.is_none())
    }

    /// Makes a model imported for comparison count like any other run.
    pub fn count_as_latest(&self) -> Result<()> {
        match self.record()? {
            record if record.for_comparison => {
                self.save_record(&RunRecord { for_comparison: false, ..record })
            }
            _ => Ok(()),
        }
    }

    /// The title, if the run can be named by it. `None` if it is empty or reads as a number (numbers always refer to run numbers,
    /// including deleted ones), or cannot be read.
    pub(super) fn title(&self) -> Option<String> {
        let title = self.about().title;
        let is_number = title.bytes().all(|letter| letter.is_ascii_digit());
        (!title.is_empty() && !is_number).then_some(title)
    }

    /// Whether the run can be named by this title.
    pub(super) fn is_titled(&self, title: &str) -> bool {
        self.title() == Some(one_line(title, MAX_TITLE_CHARACTERS))
    }

    /// Fails for an imported model, which has no text to train on.
    pub fn check_has_text(&self) -> Result<()> {
        match self.is_imported() {
            true => {
                let reason = "it is an imported model, which has no text to train on: start a run from its weights, or choose another run";
                Err(Error::bad_file(&self.folder, reason).hint(Hint::NewRun).hint(Hint::Run))
            }
            false => Ok(()),
        }
    }

    /// Fails if the run's folder was removed or moved: a run in training must not write half of it anew.
    pub fn check_exists(&self) -> Result<()> {
        if files::is_file(&self.folder.join(CONFIG)) {
            return Ok(());
        }
        let reason = "the run's folder was removed or moved while it trained, so that its state cannot be saved; restore the folder and \
                      resume the run, or start a new one";
        Err(Error::bad_file(&self.folder, reason))
    }

    /// Fails if the checkpoint's model differs from the configuration's.
    pub fn check_model(&self, info: &CheckpointInfo, config: &RunConfig) -> Result<()> {
        info.check_model(&config.model).map_err(|reason| Error::bad_file(self.folder.join(CONFIG), reason))
    }

    /// Replaces the configuration, for example to resume a run with more steps.
    pub fn save_config(&self, config: &RunConfig) -> Result<()> {
        let text = config.to_toml().map_err(Error::Internal)?;
        storage::write_atomically(&self.folder.join(CONFIG), text.as_bytes())
    }

    pub fn record(&self) -> Result<RunRecord> {
        let path = self.folder.join(RECORD);
        let read = |path: &Path| storage::read_checked_json(path, MAX_RECORD_BYTES);
        read(&path).or_else(|error| match error.is_unread() {
            true => Err(error),
            false => read(&self.folder.join(RECORD_COPY)).map_err(|_| {
                let reason = format!(
                    "the run's record and its copy {RECORD_COPY} are lost ({error}); restore one of them, or delete the run"
                );
                Error::bad_file(path, reason).hint(Hint::DeleteRun)
            }),
        })
    }

    /// Replaces the record. Only one program may do that: the one that made the run or trains it.
    pub fn save_record(&self, record: &RunRecord) -> Result<()> {
        let is_only_there = || self.about() != About::default();
        if !files::exists(&self.folder.join(ABOUT)) && is_only_there() {
            // The record of an earlier version holds them.
            self.change_about(|_| {})?;
        }
        let text = storage::checked_json_from(record)?;
        let write = |name| storage::write_atomically(&self.folder.join(name), text.as_bytes());
        write(RECORD).and_then(|()| write(RECORD_COPY))
    }

    /// What people wrote about the run. If the file is damaged, the notes say so, because nothing else depends on it.
    pub fn about(&self) -> About {
        self.read_about().unwrap_or_else(|error| About {
            notes: format!("{error}: title, tags and note cannot be read; restore a copy, or write new ones"),
            ..About::default()
        })
    }

    fn read_about(&self) -> Result<About> {
        let read = |name| storage::if_there(&self.folder.join(name), MAX_RECORD_BYTES, storage::read_json);
        Ok(read(ABOUT)?.or_else(|| read(RECORD).ok().flatten()).unwrap_or_default())
    }

    /// Changes what people wrote about the run. Safe to call from several processes, also while the run trains.
    fn change_about(&self, change: impl FnOnce(&mut About)) -> Result<()> {
        let lock_path = self.folder.with_file_name(RUNS_LOCK);
        let lock = LockFile::open(&lock_path).map_err(Error::io(lock_path))?;
        lock.hold();
        let path = self.folder.join(ABOUT);
        let is_there = files::exists(&path);
        let mut about = match self.read_about() {
            Err(error) if error.is_unread() => return Err(error),
            Err(_) => {
                // It is kept, and so is an earlier one.
                let mut asides = (1..).map(|number| self.folder.join(format!("about-damaged-{number}.json")));
                let aside = asides.find(|aside| !files::exists(aside)).unwrap_or_default();
                files::rename(&path, aside).map_err(Error::io(&path))?;
                About::default()
            }
            Ok(about) => about,
        };
        change(&mut about);
        if is_there || about != About::default() { storage::write_json(&path, &about) } else { Ok(()) }
    }

    pub fn set_notes(&self, notes: &str) -> Result<()> {
        self.change_about(|about| notes.clone_into(&mut about.notes))
    }

    /// Sets the title; an empty one removes it.
    pub fn set_title(&self, title: &str) -> Result<()> {
        let title = one_line(title, MAX_TITLE_CHARACTERS);
        self.change_about(|about| about.title = title)
    }

    /// Sets the tags, without duplicates, in the given order.
    pub fn set_tags(&self, tags: &[String]) -> Result<()> {
        let mut kept: Vec<String> = Vec::new();
        for tag in tags.iter().map(|tag| one_line(tag, MAX_TAG_CHARACTERS)).filter(|tag| !tag.is_empty()) {
            if !kept.contains(&tag) && kept.len() < MAX_TAGS {
                kept.push(tag);
            }
        }
        self.change_about(|about| about.tags = kept)
    }

    /// Marks the run as deleted and hides it from the project's runs. [`super::Project::restore_run`] undoes it;
    /// [`super::Project::clear_deleted_runs`] deletes it permanently. Fails if a process is training the run, or the mark cannot be
    /// written.
    pub fn delete(&self) -> Result<()> {
        if self.is_in_training() == Some(true) {
            return Err(Error::Training { run: self.name(), advice: "stop it, then delete it" });
        }
        let _lock = self.lock()?;
        let mark = self.folder.join(DELETED);
        storage::write_atomically(&mark, storage::unix_seconds().to_string().as_bytes())
    }

    /// Whether the run is marked as deleted and can be restored.
    pub fn is_deleted(&self) -> bool {
        files::exists(&self.folder.join(DELETED))
    }

    /// Records the time and memory that were planned for it.
    pub fn set_estimates(&self, seconds: Option<f64>, bytes: Option<u64>) -> Result<()> {
        self.save_record(&RunRecord { estimated_seconds: seconds, bytes, ..self.record()? })
    }

    /// Summary for a list of runs. A run with unreadable records is listed as failed, with the reason.
    pub fn summary_or_error(&self) -> RunSummary {
        self.summary().unwrap_or_else(|error| RunSummary {
            name: self.name(),
            state: RunState::Failed,
            error: Some(error.to_string()),
            ..RunSummary::default()
        })
    }

    pub fn summary(&self) -> Result<RunSummary> {
        let (config, mut record, about) = (self.config()?, self.record()?, self.about());
        if self.is_interrupted(record.state) {
            // It may have ended after its record was read.
            record = self.record()?;
            if record.state == RunState::Running {
                record.state = RunState::Interrupted;
            }
        }
        // The shape is shown with every run.
        let is_shape = |path: &str| matches!(path, "model.layers" | "model.width" | "model.context_length");
        let changes = config.changes().into_iter().filter(|(path, _)| !is_shape(path));
        let changes = changes.map(|(_, words)| words).collect();
        // Mistakes in the user's figures are reported when a project is opened and when its runs are listed.
        let energy = record.energy_use().unwrap_or_default();
        let mut checkpoints = Checkpoints::new(self.checkpoints_folder()).list();
        if record.state == RunState::Imported {
            checkpoints.iter_mut().for_each(|checkpoint| checkpoint.resumable = false);
        }
        // A process killed between saving a checkpoint and the record resumes from the checkpoint.
        let best_step = checkpoints.iter().rfind(|checkpoint| checkpoint.best).map(|best| best.step);
        let resumable = checkpoints.iter().filter(|checkpoint| checkpoint.resumable);
        let step = resumable.map(|checkpoint| checkpoint.step).fold(record.step, u64::max);
        Ok(RunSummary {
            name: self.name(),
            title: about.title,
            tags: about.tags,
            state: record.state,
            step,
            // An imported model has no steps; its schedule applies to a new run.
            steps: if record.state == RunState::Imported { 0 } else { config.train.steps },
            for_comparison: record.for_comparison,
            start: record.restored_from.or(config.start),
            learns_from: learned_from(&config.data),
            objective: config.train.objective,
            parameters: record.parameters,
            train_loss: record.train_loss,
            val_loss: record.val_loss,
            val_step: record.val_step,
            best_val_loss: record.best_val_loss,
            best_step: best_step.filter(|_| record.best_val_loss.is_some()),
            held_out: record.held_out,
            bytes_per_token: record.bytes_per_token,
            bytes: record.bytes,
            seconds: record.seconds,
            created: record.created,
            device: record.device.map(|device| device.to_string()).unwrap_or_default(),
            error: record.error,
            notes: about.notes,
            changes,
            preset: config.preset,
            shape: config.model.shape(),
            labels: config.model.labels,
            checkpoints,
            estimated_seconds: record.estimated_seconds,
            energy,
        })
    }

    /// Whether the training process died: the record says "running" but the lock is free.
    pub(super) fn is_interrupted(&self, state: RunState) -> bool {
        state == RunState::Running && self.is_in_training() == Some(false)
    }

    /// Whether a process is training the run; `None` if it never trained here or the file system has no locks. Probes with a shared lock,
    /// which [`Run::lock`] waits for.
    pub(super) fn is_in_training(&self) -> Option<bool> {
        let path = self.folder.join(LOCK);
        storage::regular_length(&path).ok()?;
        match File::open(path).ok()?.try_lock_shared() {
            Ok(()) => Some(false),
            Err(files::TryLockError::WouldBlock) => Some(true),
            Err(files::TryLockError::Error(_)) => None,
        }
    }

    /// Upper bound of the bytes written over the whole run.
    pub fn bytes_to_write(&self) -> Result<u64> {
        let config = self.config()?;
        Ok(disk::bytes_of_run(&parameters(&config.model, &config.train)?, &config.train))
    }

    /// Folder of tokens and tokenizer. Fails if the record cannot be read, or names a folder outside the project.
    pub fn data_folder(&self) -> Result<PathBuf> {
        let data = self.record()?.data;
        let path = Path::new(&data);
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        // The project folder is two levels above runs/<run>.
        let project = self.folder.parent().and_then(Path::parent);
        match project {
            Some(project) if inside => Ok(project.join(path)),
            _ => Err(Error::bad_file(
                self.folder.join(RECORD),
                format!("its data folder `{data}` is not a path inside the project"),
            )),
        }
    }

    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    pub fn tensorboard_folder(&self) -> PathBuf {
        self.folder.join("tensorboard")
    }

    pub fn checkpoints_folder(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    /// Locks the run for this process until the lock is dropped. Fails if another process is training the run.
    pub fn lock(&self) -> Result<RunLock> {
        let file = storage::open_to_write(&self.folder.join(LOCK))?;
        loop {
            match file.try_lock() {
                Err(files::TryLockError::WouldBlock) if self.is_in_training() != Some(false) => {
                    let reason = "another program is training this run; wait for it, or start a new run";
                    return Err(Error::bad_file(&self.folder, reason));
                }
                // Another program is only probing.
                Err(files::TryLockError::WouldBlock) => std::thread::yield_now(),
                // Some network file systems have no locks; continue without one.
                Ok(()) | Err(files::TryLockError::Error(_)) => return Ok(RunLock { _file: file }),
            }
        }
    }
}

/// The value that [`Run::config_crc32c`] returns once `config` is saved.
pub fn crc32c_of(config: &RunConfig) -> Result<u32> {
    config.to_toml().map(|text| crc32c::crc32c(text.as_bytes())).map_err(Error::Internal)
}

/// Converts a preset's name to a folder name; configurations from a file have no preset.
fn label_from_preset(preset: &str) -> String {
    let kept: String = preset
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' })
        .take(64)
        .collect();
    let kept = kept.trim_matches(['-', '.']);
    if kept.is_empty() { "run".to_owned() } else { kept.to_owned() }
}

/// Collapses a user's text to one line of at most `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|letter| !letter.is_control()).take(most).collect()
}

/// The kind of data a run learned from, independent of where the project was at that time.
fn learned_from(data: &DataConfig) -> LearnsFrom {
    let path = data.paths.first().map(Path::new);
    // A project may be named Feedback, but its documents are folders.
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
