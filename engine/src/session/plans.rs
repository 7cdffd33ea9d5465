//! Plans, forecasts and speed measurements of runs before training.

use super::Session;
use crate::cpu;
use crate::measure::Extent;
use crate::model::{own_parameters, training_graphs};
use crate::plan::cluster::cluster_plan;
use crate::plan::disk;
use crate::plan::estimate::estimate;
use crate::plan::fit::{DeviceLimits, fit};
use crate::plan::lower::Target;
use crate::platform;
use crate::project::{Project, Teacher};
use crate::protocol::cluster::ClusterRequest;
use crate::protocol::{DeviceType, EnergyUse, Event, Fit, Forecast, PlanSummary, RunConfig, presets};
use crate::training::reward::RewardModel;
use crate::{Error, Result};

const MEASURED: f64 = 2.0;

/// The first model on a device that is fast enough for it, and on others.
const LARGE: &str = "first-stories";
const SMALL: &str = "first-stories-small";
/// Minimum steps for sensible sentences, for the large and for the small model.
const MIN_STEPS: u64 = 1200;
const MIN_STEPS_SMALL: u64 = 500;
/// Steps after which the small model hardly improves.
const MAX_STEPS_SMALL: u64 = 4000;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct MeasuredSpeed {
    device: String,
    /// Per worker, if the CPU uses several.
    flops_per_s: f64,
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
        plan.run_seconds = self.seconds_of(config, plan.flops_per_token);
        let seconds = plan.run_seconds;
        plan.energy = seconds.and_then(|seconds| EnergyUse::of_run(seconds, None, &rates));
        plan.proportions = config.proportions(plan.parameters, self.text_tokens(config));
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

    /// Completes the settings as for a run that starts now: the teacher's model, and the approximate number of steps for its epochs.
    fn settled(&mut self, config: &RunConfig) -> Result<RunConfig> {
        let mut config = self.with_teacher(config)?;
        if config.train.epochs.is_some() && config.train.objective.learns_text() {
            let tokens = self.text_tokens(&config);
            // The epochs of an unknown text are unknown.
            if tokens > 0 {
                config.settle_epochs(tokens as f64 / config.model.context_length as f64);
            }
        }
        Ok(config)
    }

    /// Approximate number of tokens in the open project's training split; 0 if unknown.
    fn text_tokens(&mut self, config: &RunConfig) -> u64 {
        // Damaged data is reported when it is read.
        let summary = self.tokenizer_summary().ok().flatten();
        let trained = summary.filter(|summary| summary.config == config.tokenizer);
        // Held-out files replace the held-out share.
        let has_held_out = !config.data.validation_files.is_empty();
        let share = if has_held_out { 1.0 } else { 1.0 - config.data.validation };
        match (self.text_bytes(config), trained) {
            (Some(bytes), Some(trained)) => (bytes as f64 * share / trained.bytes_per_token.max(0.1)) as u64,
            (None, Some(trained)) => trained.train_tokens,
            (Some(bytes), None) => config.tokenizer.estimated_tokens((bytes as f64 * share) as u64),
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
        let (of, survey) = self.project.as_ref()?.survey.as_ref()?;
        (*of == data).then(|| survey.bytes())
    }

    /// Estimated seconds of a run: the last measurement on the chosen device, scaled by the run's operations and the gain of
    /// several workers.
    pub(super) fn estimated_seconds(&self, config: &RunConfig) -> Option<f64> {
        let needs = estimate(&config.model, &config.train, &self.device.target()).ok()?;
        self.seconds_of(config, needs.flops_per_token)
    }

    fn seconds_of(&self, config: &RunConfig, flops_per_token: f64) -> Option<f64> {
        let speed = self.speed.as_ref().filter(|speed| speed.device == self.device.summary.name)?;
        let tokens = config.train.steps as f64 * config.tokens_per_step() as f64;
        let flops_per_s = speed.flops_per_s * self.gain(config).ok()?;
        Some(tokens * flops_per_token / flops_per_s.max(1.0))
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
        let run_seconds = measured.ms_per_step / 1e3 * config.train.steps as f64;
        Ok(Event::Planned(Forecast::Speed {
            ms_per_step: measured.ms_per_step,
            tokens_per_s: measured.tokens_per_s,
            flops_per_s: measured.flops_per_s,
            device: self.device.summary.name.clone(),
            run_seconds,
        }))
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
                let most = large.train.steps;
                set_length(&mut large, steps.min(most));
                self.remember_speed(&large, speed.flops_per_s)?;
                return Ok(large);
            }
        }
        let steps = self.steps_within(&small, seconds, speed.flops_per_s)?;
        set_length(&mut small, steps.clamp(MIN_STEPS_SMALL, MAX_STEPS_SMALL));
        self.remember_speed(&small, speed.flops_per_s)?;
        Ok(small)
    }

    fn steps_within(&self, config: &RunConfig, seconds: f64, flops_per_s: f64) -> Result<u64> {
        let needs = estimate(&config.model, &config.train, &self.device.target())?;
        let a_step = needs.flops_per_token * config.tokens_per_step() as f64;
        // Leave time for evaluations, samples and checkpoints.
        Ok((0.9 * seconds * flops_per_s / a_step) as u64)
    }

    fn remember_speed(&mut self, config: &RunConfig, flops_per_s: f64) -> Result<()> {
        let flops_per_s = flops_per_s / self.gain(config)?;
        self.speed = Some(MeasuredSpeed { device: self.device.summary.name.clone(), flops_per_s });
        Ok(())
    }

    pub(super) async fn fit(&mut self, id: u64, request: Fit) -> Result<Event> {
        let config = match request {
            Fit::ToDevice { config } => config,
            Fit::First { seconds } => {
                let config = Box::new(self.first_config(seconds).await?);
                return Ok(Event::Fitted { config, changes: Vec::new() });
            }
            Fit::LearningRate { config, test } => return self.find_rate(id, *config, test).await,
        };
        let config = &self.with_teacher(&config)?;
        config.validate()?;
        let (wanted, target, limits) = (config.clone(), self.device.target(), self.device.limits());
        let (config, changes) = platform::spawn_blocking(move || fit(&wanted, &target, limits)).await??;
        Ok(Event::Fitted { config: Box::new(config), changes })
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
    let needs = estimate(&config.model, &config.train, target)?;
    let graph = training_graphs(&config.model, &config.train)?.train;
    let own = own_parameters(&graph.parameters);
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

/// Sets a run's length, with an evaluation every twentieth of it, so that the curve is visible early, and a sample and a
/// checkpoint every tenth. Milestones are spaced accordingly.
fn set_length(config: &mut RunConfig, steps: u64) {
    let tenth = (steps / 10).max(1);
    config.set_steps(steps);
    config.train.eval_interval = (steps / 20).max(1);
    (config.train.checkpoint_interval, config.train.sample_interval) = (tenth, tenth);
}
