//! Opens a run on its device, and reopens it after the device was lost: the steps of every front end before a trainer's first
//! step.
//!
//! ```text
//! settings, text, run to resume ── open ──► PreparedRun (graphs, executor) ── trainer ──► Trainer
//!                                             ▲                                             │
//!                                             └────────────── reopen ◄── lost GPU ◄─────────┘
//! ```

use crate::checkpoint::Checkpoints;
use crate::data::Prepared;
use crate::executor::{Executor, Opened};
use crate::gpu::{Gpu, Tuned, Tuning};
use crate::measure::settle_precision;
use crate::model::{TrainingGraphs, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::estimate::estimate;
use crate::plan::fit::{DeviceLimits, fit};
use crate::plan::lower::Target;
use crate::platform;
use crate::project::{Beginning, Project, Run, RunRecord, StagedRun, SweptRun};
use crate::protocol::{
    EarlyStopping, GuardMode, Milestones, OpenedRun, Precision, RangeTest, RunConfig, TextSummary,
};
use crate::step::ArenaState;
use crate::training::reward::RewardModel;
use crate::training::{Options, Trainer};
use crate::{Error, Result};
use std::sync::Arc;

/// The run fails after this many consecutive device losses without a checkpoint between them.
const MAX_DEVICE_LOSSES: u32 = 3;
/// Attempts to reopen a device, and the seconds between them: a driver takes a moment to restart.
const TRIES: u32 = 6;
const PAUSE: f64 = 0.5;

/// Warning for a mixed-precision run that continues in 32 bits.
const IN_FULL: &str =
    "This device has no 16-bit floats: the run, started in mixed precision, continues in 32 bits.";

/// How the device of a run is chosen.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// The device as accepted by [`Executor::open`]. A resumed run uses its previous device, and this one only if that cannot be
    /// opened or `moved` is set.
    pub request: String,
    /// Whether a resumed run leaves its previous device.
    pub moved: bool,
    /// Threads of the CPU executor; `None` means the run's previous number, or every core for a new run.
    pub threads: Option<usize>,
    /// How GPU kernels are chosen for a new run. A resumed run keeps its kernels, so its results stay bit-identical.
    pub tuning: Tuning,
}

/// A run on its open device, before and between its trainers.
pub struct PreparedRun {
    pub config: RunConfig,
    pub prepared: Arc<Prepared>,
    pub graphs: TrainingGraphs,
    /// Why this precision was chosen, if it was chosen now.
    pub settled: Option<String>,
    /// Measurements used to choose the device's kernels.
    pub tuned: Tuned,
    /// What falls short of the requested settings.
    pub warnings: Vec<String>,
    /// Whether the run continues on its previous device.
    pub on_own_device: bool,
    /// If the new run belongs to a sweep.
    pub sweep: Option<Box<SweptRun>>,
    /// Title of a new run.
    pub title: Option<String>,
    run: Option<Run>,
    optimizer: Optimizer,
    threads: Option<usize>,
    executor: Option<Executor>,
    /// Initial weights, until the trainer takes them.
    weights: Option<ArenaState>,
    resumes: bool,
    losses: u32,
    /// Step of the latest checkpoint, if any, at the last device loss.
    saved: Option<Option<u64>>,
}

/// Whether the device supports 16-bit floats, without opening it.
async fn has_half(device: &str) -> bool {
    let adapter = Gpu::adapter_of(device).await.ok().flatten();
    adapter.is_some_and(|adapter| adapter.precisions.contains(&Precision::Mixed.name()))
}

impl PreparedRun {
    /// Chooses the precision, builds the graphs and opens the device. Writes nothing to disk.
    ///
    /// `config` holds the complete settings, in which a resumed run may change precision; `run` is the run to resume, or `None` for a new
    /// one. Fails if the text is shorter than the context, or the device is missing or cannot hold the run.
    pub async fn open(
        config: &RunConfig,
        prepared: &Arc<Prepared>,
        run: Option<Run>,
        options: DeviceOptions,
    ) -> Result<Self> {
        let DeviceOptions { request, moved, threads, tuning } = options;
        prepared.batches(config)?;
        let before = match &run {
            Some(run) => run.record()?.device,
            None => None,
        };
        let resumes = run.is_some();
        let threads = threads.or_else(|| before.as_ref().and_then(|device| device.threads));
        let mut warnings = Vec::new();
        let mut own = None;
        if let Some(before) = before.as_ref().filter(|_| !moved) {
            let pinned = Tuning::Pinned(before.clone());
            match Self::open_on(config, prepared, true, before.request(), threads, &pinned).await {
                Ok(opened) => own = Some(opened),
                // The device is gone or has no room; fall back to the chosen one.
                Err(error) => warnings.push(error.to_string()),
            }
        }
        let on_own_device = own.is_some();
        let tuning = before.filter(|_| moved).map_or(tuning, Tuning::Pinned);
        let opened = match own {
            Some(opened) => opened,
            None => {
                let may_lower = resumes && !moved;
                Self::open_on(config, prepared, may_lower, &request, threads, &tuning).await?
            }
        };
        warnings.extend(opened.warnings);
        Ok(Self { warnings, on_own_device, run, resumes, ..opened })
    }

    /// Opens a new run on a device. Falls back from mixed precision to 32 bits if `may_lower` is set and the device has no 16-bit floats.
    async fn open_on(
        config: &RunConfig,
        prepared: &Arc<Prepared>,
        may_lower: bool,
        device: &str,
        threads: Option<usize>,
        tuning: &Tuning,
    ) -> Result<Self> {
        let mut config = config.clone();
        let (mut settled, mut warnings) = (None, Vec::new());
        if let Some(found) = settle_precision(&config, device, tuning).await? {
            config.train.precision = found.precision;
            settled = Some(found.sentence);
        } else if may_lower && config.train.precision == Precision::Mixed && !has_half(device).await {
            config.train.precision = Precision::F32;
            warnings.push(IN_FULL.to_owned());
        }
        let graphs = training_graphs(&config.model, &config.train)?;
        let optimizer = Optimizer::new(&config.train).for_model(&config.model);
        let opened = Executor::open_tuned(device, &graphs, optimizer, threads, tuning).await;
        let Opened { executor, warning, tuned } = opened.map_err(|error| advised(error, &config))?;
        warnings.extend(warning);
        Ok(Self {
            config,
            prepared: prepared.clone(),
            graphs,
            settled,
            tuned,
            warnings,
            on_own_device: false,
            sweep: None,
            title: None,
            run: None,
            optimizer,
            threads,
            executor: Some(executor),
            weights: None,
            resumes: false,
            losses: 0,
            saved: None,
        })
    }

    /// The open device, until a trainer takes it. Fails if a trainer has already taken it.
    pub fn executor(&mut self) -> Result<&mut Executor> {
        self.executor.as_mut().ok_or_else(without_device)
    }

    pub fn resumes(&self) -> bool {
        self.resumes
    }

    /// Describes the run about to be trained. Fails if a trainer has already taken the device.
    pub fn about(&mut self) -> Result<OpenedRun> {
        let executor = self.executor()?;
        let (target, device) = (executor.target(), executor.describe());
        let on_gpu = executor.gpu().is_some();
        let RunConfig { model, train, .. } = &self.config;
        let text = self.prepared.store.index().map(|index| TextSummary {
            documents: index.documents,
            bytes: index.bytes,
            train_tokens: index.train.tokens,
            validation_tokens: index.validation.tokens,
        });
        let needs = estimate(model, train, &target)?;
        let parameters = needs.parameters;
        // A resumed run already reported this when it started.
        let tokens = text.filter(|_| !self.resumes).map_or(0, |text| text.train_tokens);
        Ok(OpenedRun {
            resumes: self.resumes,
            text,
            parameters,
            trained_parameters: needs.trained_parameters,
            flops_per_token: needs.flops_per_token,
            bytes: needs.bytes,
            device: device.to_string(),
            on_gpu,
            settled: self.settled.take(),
            tuned: self.tuned.sentence(),
            proportions: self.config.proportions(parameters, tokens),
            prompt: self.prompt_to_try(),
            config: self.config.clone(),
        })
    }

    /// The run's sample prompt, or a short text the vocabulary can encode.
    fn prompt_to_try(&self) -> String {
        let known = |text: &&str| {
            !text.trim().is_empty() && self.prepared.tokenizer.unknown_characters(text).is_empty()
        };
        let of_run = self.config.train.sample_prompt.trim();
        [of_run, "Once", "The", "a"].into_iter().find(known).unwrap_or_default().to_owned()
    }

    /// Reads the initial weights from another run and locates the reward model, if the settings name them, so that errors show up before a
    /// run is created. Fails if the other run is gone, its checkpoint is damaged, or its model does not fit; the reward model is missing or
    /// has another vocabulary or chat template.
    pub async fn read_start(&mut self, project: &Project) -> Result<()> {
        if self.run.is_none() {
            self.weights = weights_of_start(project.clone(), &self.config).await?;
            let Prepared { tokenizer, folder, .. } = &*self.prepared;
            if let Some(model) = RewardModel::find(project, &self.config, tokenizer, folder)? {
                self.config.train.reward.model = model.settled()?;
            }
        }
        Ok(())
    }

    /// The run; a new one is created in the project.
    pub fn run_of(&mut self, project: &Project) -> Result<Run> {
        let run = match self.run.take() {
            Some(run) => run,
            None => {
                let beginning = Beginning::find(project, &self.config)?;
                let imported_as = beginning.map(|beginning| beginning.imported_as()).transpose()?;
                let (family, whole_context) = imported_as.unwrap_or_default();
                let learns_pairs = self.config.train.objective.learns_pairs();
                let index = self.prepared.store.index();
                let plain_pairs = index.filter(|_| learns_pairs).map(|index| index.plain);
                let is_of_text =
                    self.config.train.objective.learns_text() && self.config.data.synthetic.is_none();
                let bytes_per_token = index.filter(|_| is_of_text).map(|index| {
                    index.bytes as f64 / (index.train.tokens + index.validation.tokens).max(1) as f64
                });
                let (swept, title) = (self.sweep.take(), self.title.take());
                project.create_run_with(&self.config, &self.prepared.folder, |run| {
                    if let Some(SweptRun { place, title, kept, .. }) = swept.as_deref() {
                        // Before the run exists, so that a killed sweep resumes with the same settings.
                        project.keep_sweep(&place.name, kept)?;
                        run.set_title(title)?;
                        run.set_tags(std::slice::from_ref(&place.name))?;
                    } else if let Some(title) = &title {
                        run.set_title(title)?;
                    }
                    let sweep = swept.as_deref().map(|swept| swept.place.clone());
                    run.save_record(&RunRecord {
                        family,
                        whole_context,
                        plain_pairs,
                        sweep,
                        bytes_per_token,
                        ..run.record()?
                    })
                })?
            }
        };
        self.run = Some(run.clone());
        Ok(run)
    }

    /// Makes it a run of a range test, which is deleted when the returned value is dropped.
    pub fn stage(&mut self, project: &Project, test: &RangeTest) -> Result<StagedRun> {
        let train = &mut self.config.train;
        (train.steps, train.epochs, train.decay_steps) = (test.steps, None, 0);
        (train.eval_interval, train.sample_interval, train.early_stopping) = (0, 0, EarlyStopping::default());
        (train.checkpoint_interval, train.checkpoint_seconds) = (0, 0);
        (train.milestone_interval, train.milestones) = (0, Milestones::Off);
        train.guard.mode = GuardMode::Off;
        train.ema = 0.0;
        let staged = project.stage_run(&self.config, &self.prepared.folder)?;
        self.run = Some(staged.run().clone());
        Ok(staged)
    }

    /// The trainer, from the start or the latest checkpoint. Call [`PreparedRun::run_of`] first.
    pub async fn trainer(&mut self, options: Options) -> Result<Trainer<'_>> {
        let (Some(executor), Some(run)) = (self.executor.take(), self.run.clone()) else {
            return Err(without_device());
        };
        let batches = self.prepared.batches(&self.config)?;
        let resumes = std::mem::replace(&mut self.resumes, true);
        let has_own = !Checkpoints::new(run.checkpoints_folder()).list().is_empty();
        let weights = match self.weights.take() {
            Some(weights) => Some(weights),
            None if has_own => None,
            None => weights_of_start(run.project()?, &self.config).await?,
        };
        Trainer::begin(run, &self.graphs, batches, executor, options, resumes, weights).await
    }

    /// Reopens a lost device with the same kernels, after the trainer has failed and was dropped. Drivers lose devices when a kernel hangs,
    /// a cable comes loose or the machine sleeps. Returns a message to show before the next [`PreparedRun::trainer`]. Fails with `error`
    /// itself if it is no device loss or the device does not come back.
    pub async fn reopen(&mut self, error: Error) -> Result<String> {
        let Some(run) = self.run.as_ref().filter(|_| matches!(error, Error::DeviceLost(_))) else {
            return Err(error);
        };
        let Some(device) = run.record()?.device else { return Err(error) };
        let checkpoints = Checkpoints::new(run.checkpoints_folder()).list();
        let resumable = checkpoints.iter().filter(|checkpoint| checkpoint.resumable);
        let saved = resumable.map(|checkpoint| checkpoint.step).max();
        self.losses = if self.saved == Some(saved) { self.losses + 1 } else { 1 };
        self.saved = Some(saved);
        if self.losses > MAX_DEVICE_LOSSES {
            return Err(error);
        }
        let (optimizer, tuning) = (self.optimizer, Tuning::Pinned(device.clone()));
        for _ in 0..TRIES {
            platform::pause(PAUSE).await?;
            let opened =
                Executor::open_tuned(device.request(), &self.graphs, optimizer, self.threads, &tuning).await;
            if let Ok(Opened { executor, .. }) = opened {
                self.executor = Some(executor);
                return Ok(format!("{error}. The GPU is back; training resumes from the last checkpoint"));
            }
        }
        Err(error)
    }
}

/// The initial weights from another run, if the settings name one.
async fn weights_of_start(project: Project, config: &RunConfig) -> Result<Option<ArenaState>> {
    if config.start.is_none() {
        return Ok(None);
    }
    let config = config.clone();
    let read = move || {
        let beginning = Beginning::find(&project, &config)?;
        beginning.map(|beginning| beginning.weights(&config)).transpose()
    };
    platform::spawn_blocking(read).await?
}

fn without_device() -> Error {
    Error::Internal("a run without its folder or device".to_owned())
}

/// Adds to an [`Error::OutOfMemory`] the settings that would fit into the memory the device had; returns any other error unchanged.
///
/// GPUs do not report their memory, so plans are not checked against it beforehand; only the amount allocated before the failure is known.
fn advised(error: Error, config: &RunConfig) -> Error {
    let Error::OutOfMemory { what, needed, held: Some(held), advice } = error else { return error };
    // A target without special features needs at least as much scratch memory as any other.
    let limits = DeviceLimits { memory: Some(held), ..DeviceLimits::default() };
    let advice = match fit(config, &Target::new(false), limits) {
        Ok((_, changes)) if !changes.is_empty() => {
            format!("{held} bytes were available, which are enough with {}", changes.join(", "))
        }
        _ => advice,
    };
    Error::OutOfMemory { what, needed, held: Some(held), advice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::presets::preset;

    #[test]
    fn memory_that_gives_out_names_settings_that_fit() {
        let config = preset("nanogpt-gpu").unwrap();
        let target = Target::new(false);
        let whole = estimate(&config.model, &config.train, &target).unwrap().bytes;
        let out = |held| {
            let (what, advice) = ("the model".to_owned(), "lower something".to_owned());
            advised(Error::OutOfMemory { what, needed: whole, held, advice }, &config).to_string()
        };
        let text = out(Some(whole / 3));
        assert!(text.contains("enough with train.batch_size: 64 to"), "{text}");
        let batch =
            text.split(" to ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        let train = crate::protocol::TrainConfig { batch_size: batch, ..config.train.clone() };
        assert!(estimate(&config.model, &train, &target).unwrap().bytes <= whole / 3);
        for held in [Some(1000), None] {
            assert!(out(held).ends_with("lower something"));
        }
    }
}
