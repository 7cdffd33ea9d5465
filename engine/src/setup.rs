//! A run on its way to its device, and back to it after the device was lost: what every front end does before a trainer's first step.
//!
//! ```text
//! RunSetup (settings, text, the run that goes on) ─ open ─► OpenRun (graphs, executor) ─ trainer ─► Trainer
//!                                                              ▲                                      │
//!                                                              └──────────── reopen ◄── a lost GPU ◄──┘
//! ```

use crate::checkpoint::Checkpoints;
use crate::data::Prepared;
use crate::error::{Error, Result};
use crate::executor::{Executor, Opened};
use crate::gpu::{Gpu, Tuned, Tuning};
use crate::measure::settle_precision;
use crate::model::{TrainingGraphs, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::estimate::estimate;
use crate::plan::fit::{DeviceLimits, fit};
use crate::plan::lower::Target;
use crate::platform;
use crate::project::{Beginning, Project, Run, RunRecord};
use crate::protocol::{OpenedRun, Precision, RunConfig, TextSummary};
use crate::train::reward::RewardModel;
use crate::train::{Options, Trainer};
use std::sync::Arc;

/// So many losses of a device in a row, without a checkpoint between them, are its end.
const MAX_DEVICE_LOSSES: u32 = 3;
/// A driver that starts again takes a moment: so often it is asked, so many seconds apart.
const TRIES: u32 = 6;
const PAUSE: f64 = 0.5;

/// What is said where a run of mixed precision goes on without.
const IN_FULL: &str =
    "This device has no 16-bit floats: the run, started in mixed precision, continues in 32 bits.";

/// A run that is to be trained.
#[derive(Debug)]
pub struct RunSetup {
    /// Its settings, complete. A run that goes on may do so in another precision than it began in.
    pub config: RunConfig,
    /// Its text and tokenizer.
    pub prepared: Arc<Prepared>,
    /// The run that goes on; `None` begins one.
    pub run: Option<Run>,
    /// Where, as [`Executor::open`] has it. A run that goes on does so on the device that it was trained on, and here where that cannot be
    /// opened, unless it is `moved`.
    pub device: String,
    /// Whether a run that goes on is to leave the device that it was trained on.
    pub moved: bool,
    /// Threads of the CPU executor; `None` takes as many as the run that goes on had, and every core for a new one.
    pub threads: Option<usize>,
    /// How a GPU's kernels are chosen, where they were not before: the same kernels give the same bits.
    pub tuning: Tuning,
}

/// A run on an open device.
#[derive(Debug)]
pub struct OpenRun {
    /// Its settings, as it is trained.
    pub config: RunConfig,
    /// Its text and tokenizer.
    pub prepared: Arc<Prepared>,
    /// What is computed.
    pub graphs: TrainingGraphs,
    /// Why it has its precision, where that was settled now.
    pub settled: Option<String>,
    /// What was timed to choose the device's kernels.
    pub tuned: Tuned,
    /// What became worse than was asked for.
    pub warnings: Vec<String>,
    /// It goes on where it was trained before.
    pub on_own_device: bool,
    run: Option<Run>,
    optimizer: Optimizer,
    threads: Option<usize>,
    executor: Option<Executor>,
    /// Weights to begin with, read and not yet taken.
    weights: Option<Vec<f32>>,
    resumes: bool,
    losses: u32,
    /// Step of the latest checkpoint at the last loss of the device, where there was one.
    saved: Option<Option<u64>>,
}

impl RunSetup {
    /// Settles the precision, builds the graphs and opens the device. Nothing is made on disk.
    ///
    /// # Errors
    /// A text that is too short for a window, a device that is missing or cannot hold the run.
    pub async fn open(self) -> Result<OpenRun> {
        let Self { mut config, prepared, run, device, moved, threads, tuning } = self;
        prepared.batches(&config)?;
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
            match Opening::of(&config, true, before.request(), threads, &pinned).await {
                Ok(opening) => own = Some(opening),
                // It is not in this machine any more, or has no room: the chosen one may do.
                Err(error) => warnings.push(error.to_string()),
            }
        }
        let on_own_device = own.is_some();
        let tuning = before.filter(|_| moved).map_or(tuning, Tuning::Pinned);
        let opening = match own {
            Some(opening) => opening,
            None => Opening::of(&config, resumes && !moved, &device, threads, &tuning).await?,
        };
        let Opening { precision, settled, warning, graphs, optimizer, opened } = opening;
        config.train.precision = precision;
        warnings.extend(warning);
        let Opened { executor, warning, tuned } = opened;
        warnings.extend(warning);
        Ok(OpenRun {
            config,
            prepared,
            graphs,
            settled,
            tuned,
            warnings,
            on_own_device,
            resumes,
            run,
            optimizer,
            threads,
            executor: Some(executor),
            weights: None,
            losses: 0,
            saved: None,
        })
    }
}

/// A run's graphs on one device.
struct Opening {
    precision: Precision,
    settled: Option<String>,
    warning: Option<String>,
    graphs: TrainingGraphs,
    optimizer: Optimizer,
    opened: Opened,
}

impl Opening {
    /// Mixed precision gives way to 32 bits where the device has nothing else and the run `may_lower` it.
    async fn of(
        config: &RunConfig,
        may_lower: bool,
        device: &str,
        threads: Option<usize>,
        tuning: &Tuning,
    ) -> Result<Self> {
        let mut config = config.clone();
        let (mut settled, mut warning) = (None, None);
        if let Some(found) = settle_precision(&config, device, tuning).await? {
            config.train.precision = found.precision;
            settled = Some(found.sentence);
        } else if may_lower && config.train.precision == Precision::Mixed && !has_half(device).await {
            config.train.precision = Precision::F32;
            warning = Some(IN_FULL.to_owned());
        }
        let graphs = training_graphs(&config.model, &config.train)?;
        let optimizer = Optimizer::of(&config.train);
        let opened = Executor::open_tuned(device, &graphs, optimizer, threads, tuning).await;
        let opened = opened.map_err(|error| advised(error, &config))?;
        Ok(Self { precision: config.train.precision, settled, warning, graphs, optimizer, opened })
    }
}

/// Whether what a device's word means computes in 16-bit floats; nothing is opened.
async fn has_half(device: &str) -> bool {
    let adapter = Gpu::adapter_of(device).await.ok().flatten();
    adapter.is_some_and(|adapter| adapter.precisions.contains(&Precision::Mixed.name()))
}

impl OpenRun {
    /// The open device, before a trainer has it.
    ///
    /// # Errors
    /// A trainer has it.
    pub fn executor(&mut self) -> Result<&mut Executor> {
        self.executor.as_mut().ok_or_else(without_device)
    }

    /// Whether the run began before.
    pub fn resumes(&self) -> bool {
        self.resumes
    }

    /// What is about to be trained.
    ///
    /// # Errors
    /// A trainer has the device.
    pub fn about(&mut self) -> Result<OpenedRun> {
        let executor = self.executor()?;
        let (target, bytes, device) = (executor.target(), executor.bytes(), executor.describe());
        let on_gpu = executor.gpu().is_some();
        let RunConfig { model, train, .. } = &self.config;
        let text = self.prepared.store.index().map(|index| TextSummary {
            documents: index.documents,
            bytes: index.bytes,
            train_tokens: index.train.tokens,
            validation_tokens: index.validation.tokens,
        });
        let needs = estimate(model, train, &target)?;
        let parameters = needs.parameters as u64;
        // Whoever resumes a run was told when it began.
        let tokens = text.filter(|_| !self.resumes).map_or(0, |text| text.train_tokens);
        Ok(OpenedRun {
            resumes: self.resumes,
            text,
            parameters,
            trained_parameters: needs.trained_parameters as u64,
            flops_per_token: needs.flops_per_token,
            bytes,
            device: device.to_string(),
            on_gpu,
            settled: self.settled.take(),
            tuned: self.tuned.sentence(),
            proportions: self.config.proportions(parameters, tokens),
            prompt: self.prompt_to_try(),
            config: self.config.clone(),
        })
    }

    /// The beginning of the run's samples, or a letter that the vocabulary has.
    fn prompt_to_try(&self) -> String {
        let known = |text: &&str| {
            !text.trim().is_empty() && self.prepared.tokenizer.unknown_characters(text).is_empty()
        };
        let of_run = self.config.train.sample_prompt.trim();
        [of_run, "Once", "The", "a"].into_iter().find(known).unwrap_or_default().to_owned()
    }

    /// Reads the weights of another run that it begins with, where it does, and looks for the reward model that judges it: what is wrong
    /// with them is known before there is a run.
    ///
    /// # Errors
    /// The other run is gone, its checkpoint is damaged, or its model does not fit; the reward model is none, or of another vocabulary
    /// or chat template.
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

    /// The run, made in the project where it begins.
    ///
    /// # Errors
    /// The disk fails.
    pub fn run_of(&mut self, project: &Project) -> Result<Run> {
        let run = match self.run.take() {
            Some(run) => run,
            None => {
                let beginning = Beginning::find(project, &self.config)?;
                let imported_as = beginning.map(|beginning| beginning.imported_as()).transpose()?;
                let (family, whole_context) = imported_as.unwrap_or_default();
                let learns_pairs = self.config.train.objective.learns_pairs();
                let index = self.prepared.store.index().filter(|_| learns_pairs);
                let plain_pairs = index.map(|index| index.plain);
                project.create_run_with(&self.config, &self.prepared.folder, |run| {
                    run.save_record(&RunRecord { family, whole_context, plain_pairs, ..run.record()? })
                })?
            }
        };
        self.run = Some(run.clone());
        Ok(run)
    }

    /// The run in training, from its beginning or its latest checkpoint. [`OpenRun::run_of`] comes before it.
    ///
    /// # Errors
    /// As [`Trainer::start`] and [`Trainer::resume`].
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

    /// After an error of its trainer, which was dropped: opens the device again, with the kernels that it had, where it was lost, as
    /// drivers lose them when a kernel hangs, a cable comes loose or the machine sleeps. Returns what to say before the next
    /// [`OpenRun::trainer`].
    ///
    /// # Errors
    /// The error itself, where it was another or the device does not come back.
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

/// The weights of another run that one of these settings begins with, where it does.
async fn weights_of_start(project: Project, config: &RunConfig) -> Result<Option<Vec<f32>>> {
    if config.start.is_none() {
        return Ok(None);
    }
    let config = config.clone();
    let read = move || {
        let beginning = Beginning::find(&project, &config)?;
        beginning.map(|beginning| beginning.weights(&config)).transpose()
    };
    platform::aside(read).await?
}

fn without_device() -> Error {
    Error::Internal("a run without its folder or device".to_owned())
}

/// An [`Error::OutOfMemory`] that names settings which take no more than the device did have; any other error as it is.
///
/// How much memory a GPU has is not told, so that a plan is not held to it: what was allocated before it gave out is all that is
/// known.
fn advised(error: Error, config: &RunConfig) -> Error {
    let Error::OutOfMemory { what, needed, held: Some(held), advice } = error else { return error };
    // A plain device's plans take as much scratch as any other's, or more.
    let limits = DeviceLimits { memory: Some(held), ..DeviceLimits::default() };
    let advice = match fit(config, &Target::new(false), limits) {
        Ok((_, changes)) if !changes.is_empty() => {
            format!("{held} bytes of it were there, which are enough with {}", changes.join(", "))
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
        let whole = estimate(&config.model, &config.train, &target).unwrap().bytes.total;
        let out = |held| {
            let (what, advice) = ("the model".to_owned(), "lower something".to_owned());
            advised(Error::OutOfMemory { what, needed: whole, held, advice }, &config).to_string()
        };
        let text = out(Some(whole / 3));
        assert!(text.contains("enough with train.batch_size: 64 to"), "{text}");
        let batch =
            text.split(" to ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        let train = crate::protocol::TrainConfig { batch_size: batch, ..config.train.clone() };
        assert!(estimate(&config.model, &train, &target).unwrap().bytes.total <= whole / 3);
        // Nothing fits, or nothing is known.
        for held in [Some(1000), None] {
            assert!(out(held).ends_with("lower something"));
        }
    }
}
