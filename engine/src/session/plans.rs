//! Plans, forecasts and speed measurements of runs before training.

use super::Session;
use super::device::of_run;
use super::documents::raw_files;
use crate::cpu;
use crate::data::Rows;
use crate::device::{DeviceDescription, DeviceKind};
use crate::measure::Extent;
use crate::model::{own_parameters, training_graphs};
use crate::plan::cluster::cluster_plan;
use crate::plan::disk;
use crate::plan::estimate::{estimate, estimate_graphs};
use crate::plan::fit::{DeviceLimits, fit};
use crate::plan::lower::Target;
use crate::platform::{self, SPEEDS_FILE, files, storage};
use crate::project::{Project, Teacher};
use crate::protocol::cluster::ClusterRequest;
use crate::protocol::{
    DeviceType, EnergyUse, Event, Fit, Forecast, PlanSummary, RunConfig, SpeedFrom, TokenizerSummary, answer,
    presets,
};
use crate::training::reward::RewardModel;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

const MEASURED: f64 = 2.0;

/// The first model on a device that is fast enough for it, and on others.
const LARGE: &str = "first-stories";
const SMALL: &str = "first-stories-small";
/// Minimum steps for sensible sentences, for the large and for the small model.
const MIN_STEPS: u64 = 1200;
pub(super) const MIN_STEPS_SMALL: u64 = 500;
/// Steps after which the small model hardly improves.
const MAX_STEPS_SMALL: u64 = 4000;

const MAX_SPEEDS_BYTES: u64 = 1 << 20;
/// Minimum steps and seconds of training that a speed is learned from: the first steps are slower.
const MIN_TRAINED: (u64, f64) = (10, 2.0);
/// Maximum share of a run's time that its evaluations, samples and checkpoints are taken to need; the rest was a pause.
const MAX_UPKEEP: f64 = 2.0;

/// Training speed of a device: every forecast is a run's operations divided by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DeviceSpeed {
    /// Of training steps; per worker, if the CPU uses several.
    flops_per_s: f64,
    /// Duration of a run relative to that of its steps.
    pub(super) upkeep: f64,
    from: SpeedFrom,
}

impl DeviceSpeed {
    /// A typical speed of a device on which nothing was measured yet.
    fn typical(kind: DeviceType) -> Self {
        let flops_per_s = match kind {
            DeviceType::Cpu => 2e10,
            DeviceType::Gpu => 1e12,
            DeviceType::Software => 2e9,
        };
        Self { flops_per_s, upkeep: 1.0 / 0.9, from: SpeedFrom::Class }
    }
}

/// Speeds by name of device.
pub(super) type Speeds = BTreeMap<String, DeviceSpeed>;

/// The speeds stored in a folder; damaged ones are measured again.
pub(super) fn stored_speeds(folder: &Path) -> Speeds {
    let read = storage::if_there(&folder.join(SPEEDS_FILE), MAX_SPEEDS_BYTES, storage::read_json);
    read.ok().flatten().unwrap_or_default()
}

impl Session {
    pub(super) async fn plan(&mut self, config: &RunConfig) -> Result<Event> {
        let (config, rates) = (&self.settled(config)?, platform::energy::settings()?);
        config.validate()?;
        let (planned, target, limits) = (config.clone(), self.device.target(), self.device.limits());
        // Planning a large model takes seconds.
        let project = self.project.as_ref().map(|open| open.project.clone());
        let plan = move || match project {
            Some(project) => plan_beside_judge(&project, &planned, &target, limits),
            None => plan_of(&planned, &target, limits),
        };
        let mut plan = platform::spawn_blocking(plan).await??;
        let speed = self.device_speed();
        (plan.steps, plan.speed_from) = (config.train.steps, speed.from);
        plan.run_seconds = self.seconds_of(config, plan.flops_per_token, speed);
        let seconds = plan.run_seconds;
        plan.energy = seconds.and_then(|seconds| EnergyUse::of_run(seconds, None, &rates));
        plan.text_tokens = self.text_tokens(config);
        plan.proportions = config.proportions(plan.parameters, plan.text_tokens);
        let of_step = (config.train.batch_size * config.train.accumulate) as u64;
        let lengths = self.row_lengths(config).filter(|_| !config.train.objective.answers_prompts());
        if let Some(lengths) = lengths {
            let rows = rows_in(config, &lengths);
            plan.proportions.extend(config.repeats(rows, of_step, "row"));
            plan.proportions.extend(config.cuts(&lengths));
        }
        Ok(Event::Planned(Forecast::Run { plan: Box::new(plan) }))
    }

    pub(super) fn plan_cluster(&mut self, config: &RunConfig, request: &ClusterRequest) -> Result<Event> {
        let config = &self.with_teacher(config)?;
        config.validate()?;
        let mut plan = Box::new(cluster_plan(config, request)?);
        plan.energy = plan.energy.with(&platform::energy::settings()?);
        plan.assumptions.extend(plan.energy.facts().into_iter().map(|fact| fact.exact));
        Ok(Event::Planned(Forecast::Cluster { plan }))
    }

    /// Adds the teacher's model to the settings, if a run of the open project is the teacher.
    pub(super) fn with_teacher(&self, config: &RunConfig) -> Result<RunConfig> {
        let mut config = config.clone();
        if let Some(open) = &self.project
            && let Some(teacher) = Teacher::find(&open.project, &config)?
        {
            teacher.settle(&mut config);
        }
        Ok(config)
    }

    /// Completes the settings as for a run that starts now: the teacher's model, the vocabulary of the project's tokenizer, and the
    /// approximate number of steps for its epochs.
    fn settled(&mut self, config: &RunConfig) -> Result<RunConfig> {
        let mut config = self.with_teacher(config)?;
        let is_new = config.start.is_none() && config.train.teacher_model().is_none();
        if let Some(trained) = self.trained_tokenizer(&config).filter(|_| is_new) {
            config.model.vocabulary = trained.vocabulary;
        }
        if config.train.epochs.is_some() {
            let rows = match config.train.objective.learns_text() {
                true => Some(self.text_tokens(&config) as f64 / config.model.context_length as f64),
                false => self.row_lengths(&config).map(|lengths| rows_in(&config, &lengths) as f64),
            };
            // The epochs of an unknown text are unknown.
            if let Some(rows) = rows.filter(|rows| *rows > 0.0) {
                config.settle_epochs(rows);
            }
        }
        Ok(config)
    }

    /// Approximate tokens of each training row in the open project's files, for an objective that trains on rows. `None` without rows.
    fn row_lengths(&mut self, config: &RunConfig) -> Option<Vec<usize>> {
        let objective = config.train.objective;
        if objective.learns_text() {
            return None;
        }
        let project = self.project.as_ref().filter(|project| !project.is_beside_others())?;
        let mut files = project.row_files(objective);
        let held_out = self.held_out(config.data.validation_files.clone()).ok()?;
        files.retain(|file| !held_out.contains(&file.display().to_string()));
        let mut lines = files.iter().map(|file| lines_of(file)).collect::<Option<Vec<_>>>()?.concat();
        if held_out.is_empty() {
            lines.truncate((lines.len() as f64 * (1.0 - config.data.validation)) as usize);
        }
        let trained = self.trained_tokenizer(config);
        // A row's field names and quotes take about as many tokens as a chat template.
        let length = |bytes: &u64| tokens_in(config, trained.as_ref(), *bytes) as usize;
        Some(lines.iter().map(length).collect()).filter(|lengths: &Vec<_>| !lengths.is_empty())
    }

    /// The project's tokenizer, if it is of the run's settings.
    fn trained_tokenizer(&mut self, config: &RunConfig) -> Option<TokenizerSummary> {
        // Damaged data is reported when it is read.
        let summary = self.tokenizer_summary().ok().flatten();
        summary.filter(|summary| summary.config == config.tokenizer)
    }

    /// Approximate number of tokens in the open project's training split; 0 if unknown.
    fn text_tokens(&mut self, config: &RunConfig) -> u64 {
        let trained = self.trained_tokenizer(config);
        // Held-out files replace the held-out share.
        let has_held_out = !config.data.validation_files.is_empty();
        let share = if has_held_out { 1.0 } else { 1.0 - config.data.validation };
        match (self.text_bytes(config), trained) {
            (Some(bytes), trained) => tokens_in(config, trained.as_ref(), (bytes as f64 * share) as u64),
            (None, Some(trained)) => trained.train_tokens,
            (None, None) => 0,
        }
    }

    /// Bytes of the open project's text, from its survey, or of the built-in stories.
    fn text_bytes(&mut self, config: &RunConfig) -> Option<u64> {
        if !config.data.synthetic.is_none() {
            // Generated rows are meant to be repeated.
            return Some(0);
        }
        let data = self.data_config().ok()?;
        if data.paths.is_empty() {
            return Some(config.data.corpus_bytes);
        }
        let project = self.project.as_ref()?;
        if let Some((_, survey)) = project.survey.as_ref().filter(|(of, _)| *of == data) {
            return Some(survey.bytes());
        }
        // Not read yet: the size of files that are plain text is that of their text.
        let files = raw_files(&project.documents_folder());
        let is_plain =
            |name: &str| [".txt", ".md"].iter().any(|ending| name.to_lowercase().ends_with(ending));
        let size = files.iter().map(|(name, bytes)| is_plain(name).then_some(*bytes)).sum::<Option<u64>>();
        size.filter(|size| *size > 0)
    }

    /// Estimated seconds of a run, if anything was measured on the chosen device, and its planned memory in bytes.
    pub(super) fn estimates(&self, config: &RunConfig) -> (Option<f64>, Option<u64>) {
        let (target, limits) = (self.device.target(), self.device.limits());
        let project = self.project.as_ref().map(|open| &open.project);
        let Some(Ok(needs)) = project.map(|project| plan_beside_judge(project, config, &target, limits))
        else {
            return (None, None);
        };
        let speed = Some(self.device_speed()).filter(|speed| speed.from != SpeedFrom::Class);
        let seconds = speed.and_then(|speed| self.seconds_of(config, needs.flops_per_token, speed));
        (seconds, Some(needs.bytes))
    }

    /// The run's operations, divided by the speed of the chosen device and the gain of several workers.
    fn seconds_of(&self, config: &RunConfig, flops_per_token: f64, speed: DeviceSpeed) -> Option<f64> {
        let tokens = config.train.steps as f64 * config.tokens_per_step() as f64;
        let flops_per_s = speed.flops_per_s * self.gain(config).ok()?;
        Some(tokens * flops_per_token / flops_per_s.max(1.0) * speed.upkeep)
    }

    /// Like [`Self::seconds_of`] a run, of steps that are not divided among workers.
    pub(super) fn alone_seconds(&self, config: &RunConfig, flops_per_token: f64) -> f64 {
        let (tokens, speed) =
            (config.train.steps as f64 * config.tokens_per_step() as f64, self.device_speed());
        tokens * flops_per_token / speed.flops_per_s.max(1.0) * speed.upkeep
    }

    /// The speed of the chosen device: the last one measured, else that of the project's last run on it, else a typical one.
    pub(super) fn device_speed(&self) -> DeviceSpeed {
        let known = self.speeds.get(&self.device.summary.name).copied();
        let of_run = || {
            let runs = self.project.as_ref()?.project.runs().ok()?;
            runs.iter().rev().find_map(|run| {
                let record = run.record().ok()?;
                let device = of_run(record.device.as_ref()?).name;
                let enough = record.step >= MIN_TRAINED.0 && record.seconds >= MIN_TRAINED.1;
                let config = run.config().ok().filter(|_| enough && device == self.device.summary.name)?;
                let needs = estimate(&config.model, &config.train, &self.device.target()).ok()?;
                let tokens = record.step as f64 * config.tokens_per_step() as f64;
                let flops_per_s =
                    tokens * needs.flops_per_token / record.seconds / self.gain(&config).ok()?;
                Some(DeviceSpeed { flops_per_s, upkeep: 1.0, from: SpeedFrom::Run })
            })
        };
        known.or_else(of_run).unwrap_or_else(|| DeviceSpeed::typical(self.device.summary.kind))
    }

    /// Learns the speed of a run's device from the end of a session of its training.
    pub(super) fn learn_speed(
        &mut self,
        device: &DeviceDescription,
        config: &RunConfig,
        (steps, seconds, tokens_per_s): (u64, f64, f64),
    ) {
        let is_ours = matches!(device.kind, DeviceKind::Cpu | DeviceKind::Gpu);
        let is_chosen = is_ours && of_run(device).name == self.device.summary.name;
        let training = steps as f64 * config.tokens_per_step() as f64 / tokens_per_s.max(1e-6);
        if steps < MIN_TRAINED.0 || training < MIN_TRAINED.1 || !is_chosen {
            return;
        }
        let Ok(needs) = estimate(&config.model, &config.train, &self.device.target()) else { return };
        let Ok(gain) = self.gain(config) else { return };
        let flops_per_s = tokens_per_s * needs.flops_per_token / gain;
        let upkeep = (seconds / training).clamp(1.0, MAX_UPKEEP);
        self.set_speed(DeviceSpeed { flops_per_s, upkeep, from: SpeedFrom::Run });
    }

    fn set_speed(&mut self, speed: DeviceSpeed) {
        self.speeds.insert(self.device.summary.name.clone(), speed);
        let Some(folder) = &self.options.cache else { return };
        // Another program may have measured another device.
        let all: Speeds = stored_speeds(folder).into_iter().chain(self.speeds.clone()).collect();
        // Without the file, the next program starts from what this one started from.
        files::create_dir_all(folder).ok();
        storage::write_json(&folder.join(SPEEDS_FILE), &all).ok();
    }

    /// Speed-up by the workers that would train the run in parallel; depends on its batches.
    fn gain(&self, config: &RunConfig) -> Result<f64> {
        match self.device.summary.kind {
            DeviceType::Cpu => cpu::gain_of_workers(config, self.options.threads),
            DeviceType::Gpu | DeviceType::Software => Ok(1.0),
        }
    }

    pub(super) async fn measure(&mut self, config: &RunConfig) -> Result<Event> {
        let config = &self.settled(config)?;
        let measured = self.measured(config, Extent::Seconds(MEASURED)).await?.step;
        self.remember_speed(config, measured.flops_per_s)?;
        let needs = estimate(&config.model, &config.train, &self.device.target())?;
        let run_seconds = self.seconds_of(config, needs.flops_per_token, self.device_speed());
        Ok(Event::Planned(Forecast::Speed(answer::Speed {
            ms_per_step: measured.ms_per_step,
            tokens_per_s: measured.tokens_per_s,
            flops_per_s: measured.flops_per_s,
            device: self.device.summary.name.clone(),
            run_seconds: run_seconds.unwrap_or(measured.ms_per_step / 1e3 * config.train.steps as f64),
        })))
    }

    /// A run on the built-in stories that takes about `seconds` on the chosen device.
    pub(super) async fn first_config(&mut self, seconds: f64) -> Result<RunConfig> {
        let mut small = presets::preset(SMALL).map_err(Error::Internal)?;
        let mut large = presets::preset(LARGE).map_err(Error::Internal)?;
        let speed = self.measured(&small, Extent::Seconds(MEASURED / 2.0)).await?.step;
        // Larger models use a device better, up to twice as well: measure again with the large one.
        if self.steps_within(&large, seconds, speed.flops_per_s)? >= MIN_STEPS / 2 {
            let speed = self.measured(&large, Extent::Seconds(MEASURED)).await?.step;
            let steps = self.steps_within(&large, seconds, speed.flops_per_s)?;
            if steps >= MIN_STEPS {
                let most = max_steps(&large)?;
                set_length(&mut large, steps.min(most));
                self.remember_speed(&large, speed.flops_per_s)?;
                return Ok(large);
            }
        }
        let steps = self.steps_within(&small, seconds, speed.flops_per_s)?;
        let most = max_steps(&small)?;
        set_length(&mut small, steps.clamp(MIN_STEPS_SMALL, most));
        self.remember_speed(&small, speed.flops_per_s)?;
        Ok(small)
    }

    fn steps_within(&self, config: &RunConfig, seconds: f64, flops_per_s: f64) -> Result<u64> {
        let needs = estimate(&config.model, &config.train, &self.device.target())?;
        let a_step = needs.flops_per_token * config.tokens_per_step() as f64;
        Ok((seconds / self.device_speed().upkeep * flops_per_s / a_step) as u64)
    }

    fn remember_speed(&mut self, config: &RunConfig, flops_per_s: f64) -> Result<()> {
        let flops_per_s = flops_per_s / self.gain(config)?;
        let upkeep = self.speeds.get(&self.device.summary.name).map(|known| known.upkeep);
        let upkeep = upkeep.unwrap_or(DeviceSpeed::typical(self.device.summary.kind).upkeep);
        self.set_speed(DeviceSpeed { flops_per_s, upkeep, from: SpeedFrom::Measurement });
        Ok(())
    }

    pub(super) async fn fit(&mut self, id: u64, request: Fit) -> Result<Event> {
        let config = match request {
            Fit::ToDevice { config } => config,
            Fit::First { seconds } => {
                let config = Box::new(self.first_config(seconds).await?);
                return Ok(answer::Fitted { config, changes: Vec::new() }.into());
            }
            Fit::LearningRate { config, test } => return self.find_rate(id, *config, test).await,
        };
        let config = &self.with_teacher(&config)?;
        config.validate()?;
        let (wanted, target, limits) = (config.clone(), self.device.target(), self.device.limits());
        let (config, changes) = platform::spawn_blocking(move || fit(&wanted, &target, limits)).await??;
        Ok(answer::Fitted { config: Box::new(config), changes }.into())
    }
}

/// Approximate number of rows in an epoch of rows with these lengths in tokens: packed if the run packs them. As in a run, a pair is two
/// rows, and a prompt a group of answers.
fn rows_in(config: &RunConfig, lengths: &[usize]) -> u64 {
    let (objective, context_length) = (config.train.objective, config.model.context_length);
    if config.train.packs_examples(&config.model) {
        let within = lengths.iter().map(|tokens| (*tokens).clamp(1, context_length.max(1)));
        let lengths: Vec<(u32, usize)> = (0..).zip(within).collect();
        return Rows::packed(&lengths, context_length).count() as u64;
    }
    let each = match objective {
        _ if objective.learns_pairs() && !config.train.judges_answers() => 2,
        _ if objective.answers_prompts() => config.train.reward.group.max(1),
        _ => 1,
    };
    (lengths.len() * each) as u64
}

/// Approximate number of tokens in a text of so many bytes.
fn tokens_in(config: &RunConfig, trained: Option<&TokenizerSummary>, bytes: u64) -> u64 {
    match trained {
        Some(trained) => (bytes as f64 / trained.bytes_per_token.max(0.1)) as u64,
        None => config.tokenizer.estimated_tokens(bytes),
    }
}

/// Bytes of each line of a file; `None` if its rows are not lines, or it cannot be read.
fn lines_of(path: &Path) -> Option<Vec<u64>> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    if ending == "json" {
        return None;
    }
    let mut file = BufReader::new(files::File::open(path).ok()?);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    loop {
        let block = file.fill_buf().ok()?;
        if block.is_empty() {
            // The last line need not be ended.
            lines.extend((bytes > 0).then_some(bytes));
            return Some(lines);
        }
        for part in block.split_inclusive(|byte| *byte == b'\n') {
            bytes += part.len() as u64;
            if part.ends_with(b"\n") {
                lines.push(std::mem::take(&mut bytes));
            }
        }
        let length = block.len();
        file.consume(length);
    }
}

/// The plan of a run including its reward model, if it uses one of the project.
fn plan_beside_judge(
    project: &Project,
    config: &RunConfig,
    target: &Target,
    limits: DeviceLimits,
) -> Result<PlanSummary> {
    let Some(judge) = RewardModel::estimate(project, config, target)? else {
        return plan_of(config, target, limits);
    };
    let memory = limits.memory.map(|memory| memory.saturating_sub(judge.bytes));
    let mut plan = plan_of(config, target, DeviceLimits { memory, ..limits })?;
    plan.bytes += judge.bytes;
    for (kind, more) in judge.bytes_by_kind {
        *plan.bytes_by_kind.entry(kind).or_insert(0) += more;
    }
    plan.largest_binding = plan.largest_binding.max(judge.largest_binding);
    plan.largest_buffer = plan.largest_buffer.max(judge.largest_buffer);
    Ok(plan)
}

/// The plan of a run for a target and limits, without time estimates.
fn plan_of(config: &RunConfig, target: &Target, limits: DeviceLimits) -> Result<PlanSummary> {
    platform::pulse();
    let graphs = training_graphs(&config.model, &config.train)?;
    let own = own_parameters(&graphs.train.parameters);
    platform::pulse();
    let needs = estimate_graphs(graphs, target)?;
    let mut train = config.train.clone();
    disk::settle_milestones(&own, &mut train, platform::MILESTONE_BYTES);
    let names = own.iter();
    Ok(PlanSummary {
        tensors: names.map(|parameter| (parameter.name.clone(), parameter.ty.shape.clone())).collect(),
        disk_bytes: disk::bytes_of_run(&own, &train),
        milestone_bytes: disk::bytes_of_milestones(&own, &train),
        tokens_per_step: config.tokens_per_step(),
        fits: limits.holds(&needs),
        ..needs
    })
}

/// Maximum steps of a first run.
pub(super) fn max_steps(config: &RunConfig) -> Result<u64> {
    match config.preset.as_str() {
        SMALL => Ok(MAX_STEPS_SMALL),
        other => Ok(presets::preset(other).map_err(Error::Internal)?.train.steps),
    }
}

/// Sets a run's length, with an evaluation every twentieth of it, so that the curve is visible early, and a sample and a
/// checkpoint every tenth. Milestones are spaced accordingly.
pub(super) fn set_length(config: &mut RunConfig, steps: u64) {
    let tenth = (steps / 10).max(1);
    config.set_steps(steps);
    config.train.eval_interval = (steps / 20).max(1);
    (config.train.checkpoint_interval, config.train.sample_interval) = (tenth, tenth);
}
