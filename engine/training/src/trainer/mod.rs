//! The training loop. Between boundaries (evaluation, checkpoint, sample, stop) it gives the executor short groups of steps; at a
//! boundary it evaluates, then saves, then requests a sample. The actions due at a step depend only on the step, so a resumed run
//! does the same as an uninterrupted one. The clock can only add checkpoints, which change no number.

mod accuracy;
mod average;
mod begin;
mod change;
mod evaluate;
mod fault;
mod guard;
mod loss;
mod noise;
mod preference;
mod reference;
mod reward;
mod save;

pub use fault::Fault;
pub(super) use reference::{REFERENCE_FILE, REWARD_MODEL_FILE, TEACHER_FILE};
pub(super) use reward::ROUND_FILE;

use super::event::{Progress, SampleRequest, TrainEvent};
use super::guard::Guard;
use super::tensorboard::TensorboardWriter;
use glasshouse_compiler::graph::ops::Policy;
use glasshouse_compiler::graph::{Parameter, random};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::merge::merged;
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_executors::executor::{Executor, MAX_LAUNCHED_SECONDS};
use glasshouse_executors::gpu::EncodeStatistics;
use glasshouse_generation::Decoder;
use glasshouse_inspection::Lens;
use glasshouse_platform::energy::Meter;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_project::checkpoint::Checkpoints;
use glasshouse_project::metrics::MetricsWriter;
use glasshouse_project::{Run, RunLock, RunRecord};
use glasshouse_protocol::RunState;
use glasshouse_protocol::config::PreferenceLoss;
use glasshouse_protocol::{
    Event, Intervention, MAX_MILESTONES, MeteredEnergy, Milestones, ProfileEntry, ProfileMethod, RangeTest,
    RunConfig, TrainConfig, WeightFormat,
};
use glasshouse_text::data::{Batches, Reference};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use web_time::Instant;

/// Maximum steps in a group; within a group, the GPU executor overlaps the uploads and read-backs of several submissions.
const MAX_GROUP_STEPS: u64 = 32;
/// Default target duration of a group; a stop request waits for the current group.
const GROUP_SECONDS: f64 = 0.2;
/// Seconds of training before the first time-based sample; later samples follow `sample_interval`.
const FIRST_SAMPLE_SECONDS: f64 = 2.0;
/// Options of one session of a run, in addition to the run's configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Stop, resumably, at this step; the learning-rate schedule still covers all steps.
    pub stop_after: Option<u64>,
    /// End the session, resumably, with an evaluation, at the first end of a step group after so many seconds.
    pub seconds: Option<u64>,
    /// Evaluate on the whole validation split instead of `train.eval_batches` batches. Stored with the run.
    pub evaluate_whole_split: bool,
    /// Set to stop: short steps in flight complete, a long CPU step is abandoned, and the run is saved.
    pub stop: Arc<AtomicBool>,
    /// Write the first sample after two seconds of training instead of waiting for `sample_interval`, for interactive use.
    pub early_sample: bool,
    /// Set to request a checkpoint at the next step; cleared once it is taken.
    pub save: Arc<AtomicBool>,
    /// Rates that replace the schedule's.
    pub range_test: Option<RangeTest>,
    /// Fault to inject in tests of the guard.
    #[doc(hidden)]
    pub fault: Option<Arc<dyn Fault>>,
}

/// An action due at the current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Reference,
    Activations,
    Evaluate,
    Save,
    Milestone,
    Sample,
    Finish,
}

pub struct Trainer<'data> {
    run: Run,
    config: RunConfig,
    /// Only the run's own parameters, not a teacher's.
    parameters: Vec<Parameter>,
    batches: Batches<'data>,
    executor: Executor,
    options: Options,
    checkpoints: Checkpoints,
    metrics: MetricsWriter,
    tensorboard: TensorboardWriter,
    /// Reads the answers to generated rows.
    lens: Option<Box<Lens>>,
    record: RunRecord,
    config_crc32c: u32,
    step: u64,
    saved: Option<u64>,
    /// Step of the last evaluation with its training and validation loss.
    evaluated: Option<(u64, f32, f32)>,
    best: Option<f32>,
    /// Interval of the last evaluated loss, over its batches.
    interval: Option<[f64; 2]>,
    /// Step and validation loss of every evaluation.
    validations: Vec<(u64, f32)>,
    /// Set once early stopping has ended the run: the number of evaluations without improvement.
    stopped_early: Option<u64>,
    /// The current state is the best so far and not yet in a checkpoint.
    best_here: bool,
    actions: VecDeque<Action>,
    ready: VecDeque<Progress>,
    failure: Option<Error>,
    over: bool,
    pace: Timing,
    group: StepGroup,
    guard: Guard,
    /// Average of the trained weights; empty without `train.ema`, and during an evaluation, when the executor has it.
    average: Vec<f32>,
    rewards: reward::Rewards,
    /// Reference log-probabilities of the run's pairs under the initial weights, as far as computed.
    reference: Reference,
    /// Time of the last progress report on `reference`.
    reference_told: Option<Instant>,
    _lock: RunLock,
}

/// Limits of a step group; they affect no result.
#[derive(Clone, Copy, Debug)]
struct StepGroup {
    seconds: f64,
    steps: u64,
}

/// Speed of the session.
struct Timing {
    began: Instant,
    /// Seconds per step in the last group.
    step_seconds: Option<f64>,
    tokens: u64,
    /// Steps of this session and their total seconds.
    steps: u64,
    training_seconds: f64,
    /// Seconds and number of batches of the last evaluation.
    evaluation_seconds: Option<(f64, f64)>,
    /// A sample of trained weights was already requested.
    sampled: bool,
    /// Seconds of the run's earlier sessions.
    earlier_seconds: f64,
    /// Time of the last checkpoint in this session (or of its start), and the seconds that save took.
    saved: Instant,
    saving_seconds: f64,
    meter: Option<Meter>,
    /// Time of the meter's last reading.
    metered: Instant,
}

impl Trainer<'_> {
    /// Performs the next piece of work and returns what happened. Drop the trainer after an error; completed checkpoints are safe. Fails if
    /// the device or the disk failed, or training diverged.
    pub async fn next(&mut self) -> Result<Progress> {
        loop {
            if let Some(progress) = self.ready.pop_front() {
                return Ok(progress);
            }
            // Return the events that precede an error first.
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if self.over {
                return Ok(Progress::Over);
            }
            if let Err(error) = self.work().await {
                self.over = true;
                self.note_failure(&error);
                self.failure = Some(self.with_way_on(error));
            }
        }
    }

    /// Adds to a disk-full error how to resume, if there is a checkpoint. Any error of a file means something else if the run's folder is
    /// gone.
    fn with_way_on(&self, error: Error) -> Error {
        match (error, self.saved) {
            (Error::Io { .. }, _) if let Err(gone) = self.run.check_exists() => gone,
            (Error::Io { path, cause }, Some(step)) if cause.kind() == std::io::ErrorKind::StorageFull => {
                let way_on = format!("{cause}; free some space, then resume the run from step {step}");
                Error::bad_file(path, way_on)
            }
            (error, _) => error,
        }
    }

    /// Records the sample requested by [`Progress::SampleDue`] and returns it as an event for display.
    pub fn sample_written(&mut self, text: String) -> Result<TrainEvent> {
        let event = TrainEvent::Sample { step: self.step, text };
        self.record_event(&event)?;
        if let TrainEvent::Sample { text, .. } = &event {
            self.watch_sample(text)?;
        }
        self.metrics.flush()?;
        Ok(event)
    }

    /// Records that the sample requested by [`Progress::SampleDue`] failed, with a one-line reason. Training continues; the
    /// returned notice is for display.
    pub fn sample_failed(&mut self, reason: &str) -> Result<TrainEvent> {
        let event = TrainEvent::Notice { text: format!("no sample at step {}: {reason}", self.step) };
        match self.samples_by_steps(self.step) {
            true => self.metrics.write(&event)?,
            false => self.metrics.write_timed(&event)?,
        }
        self.metrics.flush()?;
        Ok(event)
    }

    /// Sets the target duration of a step group (default: 0.2 s), the work of one call to [`Trainer::next`].
    pub fn set_group_seconds(&mut self, seconds: f64) {
        self.group.seconds = seconds.max(0.0);
    }

    /// Sets the maximum steps of a group; 1 gives step-by-step execution.
    pub fn set_group_steps(&mut self, steps: u64) {
        self.group.steps = steps.clamp(1, MAX_GROUP_STEPS);
    }

    /// The executor with the current weights, for sampling.
    pub fn executor(&mut self) -> &mut Executor {
        &mut self.executor
    }

    /// Length of the run's own parameter arena, without a teacher's.
    fn parameter_count(&self) -> usize {
        ArenaLayout::from_parameters(&self.parameters).length
    }

    /// The current weights, or their average, in an inference model's layout, with the run's adapter merged in.
    pub async fn weights(&mut self) -> Result<Vec<f32>> {
        let mut weights = self.executor.weights().await?;
        weights.truncate(self.parameter_count());
        if let Some(trained) = weights.get_mut(..self.average.len()) {
            trained.copy_from_slice(&self.average);
        }
        let yielder = Yielder::new();
        let yield_now = async || yielder.maybe_yield().await;
        Ok(merged(&self.parameters, self.config.train.adapter.as_ref(), weights, &yield_now).await)
    }

    /// A decoder of [`Self::weights`] for a batch of `texts`. It shares the executor's memory if possible, with an adapter as it is
    /// trained, and copies the weights otherwise. Training must wait until decoding is done. Fails if the device failed, or has no room for
    /// a decoder next to the run.
    pub async fn decoder(&mut self, texts: usize) -> Result<Decoder> {
        let RunConfig { model, train, .. } = self.config.clone();
        if self.average.is_empty()
            && let Some(decoder) = Decoder::sharing(&self.executor, &model, &train, texts).await?
        {
            return Ok(decoder);
        }
        let weights = self.weights().await?;
        Decoder::beside(&self.executor, &model, &weights, Some(WeightFormat::F32), texts).await
    }

    /// The run's own part of the executor's state, without a teacher's weights, which come last.
    async fn state(&mut self) -> Result<ArenaState> {
        let mut state = self.executor.state().await?;
        let count = self.parameter_count();
        if state.parameters.len() > count {
            state.weights_mut().truncate(count);
        }
        state.average.clone_from(&self.average);
        Ok(state)
    }

    /// Whether [`Trainer::next`] would return without doing work.
    pub fn has_news(&self) -> bool {
        !self.ready.is_empty() || self.failure.is_some()
    }

    /// Profiles one step by kernel and scope. The weights stay unchanged. Fails if the device has no timers, or the run is being stopped.
    pub async fn profile(&mut self) -> Result<Event> {
        let drawn = self.step_inputs(1).await?.and_then(|inputs| inputs.into_iter().next());
        let stopped = || Error::Refused("the run is being stopped".to_owned());
        let input = drawn.ok_or_else(stopped)?;
        let step_seconds = self.pace.step_seconds;
        let profiled =
            undone(&mut self.executor, async |executor| profiled(executor, &input, step_seconds).await);
        let ((mut entries, method), overhead) = profiled.await?;
        let step_ms = self.pace.step_seconds.unwrap_or(0.0) * 1e3;
        entries.extend(rest_of_step(&entries, step_ms, method));
        Ok(Event::Profile {
            entries,
            step_ms,
            launch_overhead_ms: overhead.map_or(0.0, |cost| cost.seconds * 1e3),
            method,
        })
    }

    pub fn step(&self) -> u64 {
        self.step
    }

    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    async fn work(&mut self) -> Result<()> {
        if self.stop_requested() && !self.actions.contains(&Action::Finish) {
            // Actions still due at this step run on resume.
            self.actions.clear();
            self.finish_next();
        }
        match self.actions.pop_front() {
            Some(Action::Reference) => self.compute_reference().await,
            Some(Action::Activations) => self.watch_activations().await,
            Some(Action::Evaluate) => self.evaluate().await,
            Some(Action::Save) => self.save().await,
            Some(Action::Milestone) => self.save_milestone().await,
            Some(Action::Sample) => {
                let (round, group) = (self.rewards.round.as_ref(), self.config.train.reward.group);
                if let Some(text) = round.and_then(|round| round.shown(group)) {
                    self.emit(TrainEvent::Sample { step: self.step, text })?;
                    return self.metrics.flush();
                }
                self.ready.push_back(Progress::SampleDue(SampleRequest {
                    step: self.step,
                    prompt: self.config.train.sample_prompt.clone(),
                    tokens: self.config.train.sample_tokens,
                }));
                Ok(())
            }
            Some(Action::Finish) => self.finish(),
            None if self.step >= self.last_step() || self.stopped_early.is_some() => {
                self.finish_next();
                Ok(())
            }
            None if self.is_out_of_time() => {
                let is_evaluated = self.evaluated.is_some_and(|(step, ..)| step == self.step);
                if is_evaluated || self.config.train.eval_interval == 0 {
                    self.notice(format!(
                        "the time is up at step {} of {}",
                        self.step, self.config.train.steps
                    ));
                    self.finish_next();
                } else {
                    self.actions.push_back(Action::Evaluate);
                }
                Ok(())
            }
            None => {
                if self.train_group().await? {
                    self.plan_actions(false, false);
                    self.plan_save_between();
                    self.plan_sample_by_time();
                }
                Ok(())
            }
        }
    }

    fn stop_requested(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    fn is_out_of_time(&self) -> bool {
        self.options.seconds.is_some_and(|seconds| self.pace.began.elapsed().as_secs() >= seconds)
    }

    fn last_step(&self) -> u64 {
        let steps = self.config.train.steps;
        self.options.stop_after.map_or(steps, |stop| stop.min(steps))
    }

    fn finish_next(&mut self) {
        let train = &self.config.train;
        let ends_early = self.stopped_early.is_some() && !self.stop_requested();
        let has_milestones = || train.milestone_interval > 0 || !spaced_milestones(train).is_empty();
        if ends_early
            && has_milestones()
            && self.has_room_for_milestone()
            && !self.checkpoints.has_milestone(self.step)
        {
            // The final weights are a milestone, as at the end of all steps.
            self.actions.push_back(Action::Milestone);
        }
        if self.saved != Some(self.step) || self.best_here {
            self.actions.push_back(Action::Save);
        }
        self.actions.push_back(Action::Finish);
    }

    /// Plans the actions due at the current step, except those already done.
    fn plan_actions(&mut self, evaluated: bool, sampled: bool) {
        let train = &self.config.train;
        let (step, end) = (self.step, self.step == train.steps);
        let due = |interval: u64| interval > 0 && (step.is_multiple_of(interval) || end);
        // First, so that a checkpoint of this step includes it.
        if self.guard.wants_activations(step) {
            self.actions.push_back(Action::Activations);
        }
        if due(train.eval_interval) && !evaluated {
            self.actions.push_back(Action::Evaluate);
        }
        let is_kept = step == 0 && self.guard.keeps(step, train);
        let is_saved = self.saved == Some(step) && !self.guard.state.layers_due;
        if (is_kept || step > 0 && (due(train.checkpoint_interval) || end)) && !is_saved {
            self.actions.push_back(Action::Save);
        }
        let is_spaced = || spaced_milestones(train).contains(&step) && self.has_room_for_milestone();
        let is_milestone = due(train.milestone_interval) || is_spaced();
        if is_milestone && !self.checkpoints.has_milestone(step) {
            self.actions.push_back(Action::Milestone);
        }
        if due(train.sample_interval) && !sampled {
            self.actions.push_back(Action::Sample);
        }
        self.pace.sampled |= sampled || (step > 0 && self.actions.contains(&Action::Sample));
    }

    /// Whether another logarithmically spaced milestone may be kept before the last one. If the number of steps changed, the
    /// spacing changed too, and the earlier milestones stay.
    fn has_room_for_milestone(&self) -> bool {
        let train = &self.config.train;
        let by_interval =
            |step: u64| train.milestone_interval > 0 && step.is_multiple_of(train.milestone_interval);
        let list = self.checkpoints.list();
        let kept = list.iter().filter(|kept| !kept.resumable && !by_interval(kept.step)).count() as u64;
        kept + u64::from(self.step < train.steps) < MAX_MILESTONES
    }

    /// Requests the first sample of trained weights early. Does not affect training.
    fn plan_sample_by_time(&mut self) {
        let early = self.options.early_sample && !self.pace.sampled && self.config.train.sample_interval > 0;
        let seconds = self.pace.earlier_seconds + self.pace.training_seconds;
        if early && seconds >= FIRST_SAMPLE_SECONDS {
            self.pace.sampled = true;
            self.actions.push_back(Action::Sample);
        }
    }

    /// Seconds of the run so far (all sessions), and estimated seconds left at this session's pace, including evaluations. Before
    /// the first step, the estimate is based on an evaluation's pace; before that, `None`.
    pub fn seconds(&self) -> Option<(f64, f64)> {
        let train = &self.config.train;
        let batches = train.accumulate as f64;
        let evaluated = self.pace.evaluation_seconds;
        let a_step = match (self.pace.steps, evaluated) {
            (0, None) => return None,
            // A gradient takes about twice as long as a forward pass.
            (0, Some((seconds, evaluated))) => 3.0 * batches * seconds / evaluated.max(1.0),
            (steps, _) => self.pace.training_seconds / steps as f64,
        };
        let left = train.steps.saturating_sub(self.step);
        let evaluations = left.checked_div(train.eval_interval).unwrap_or(0) as f64;
        let an_evaluation = evaluated.map_or(0.0, |(seconds, _)| seconds);
        let so_far = self.pace.earlier_seconds + self.pace.began.elapsed().as_secs_f64();
        Some((so_far, left as f64 * a_step + evaluations * an_evaluation))
    }

    /// Adds the energy since the last reading to the run's.
    fn read_meter(&mut self) {
        let Some(meter) = &mut self.pace.meter else { return };
        let Some(joules) = meter.read() else {
            self.pace.meter = None;
            return;
        };
        let seconds = std::mem::replace(&mut self.pace.metered, Instant::now()).elapsed().as_secs_f64();
        let energy = self.record.energy.get_or_insert_default();
        if energy.meter != meter.name {
            // Another machine's energy; what was metered is then a part of the training.
            *energy = MeteredEnergy { meter: meter.name.to_owned(), ..MeteredEnergy::default() };
        }
        energy.joules += joules;
        energy.seconds += seconds;
    }

    fn steps_to_boundary(&self) -> u64 {
        let train = &self.config.train;
        let looks = if self.guard.looks_at_activations() { train.guard.activation_interval } else { 0 };
        let intervals = [
            train.eval_interval,
            train.checkpoint_interval,
            train.milestone_interval,
            train.sample_interval,
            looks,
            self.average_interval(),
        ];
        let boundaries = intervals
            .into_iter()
            .filter(|interval| *interval > 0)
            .map(|interval| interval - self.step % interval)
            .chain(spaced_milestones(train).into_iter().filter_map(|step| step.checked_sub(self.step)))
            // A group ends before the fault.
            .chain(self.options.fault.as_ref().and_then(|own| own.spoils_before()?.checked_sub(self.step)))
            .filter(|left| *left > 0);
        boundaries.fold(self.last_step() - self.step, u64::min)
    }

    /// Trains a group of steps. Returns false if a stop request abandoned a long step, or the guard rolled the run back.
    async fn train_group(&mut self) -> Result<bool> {
        let fitting = self.pace.step_seconds.map_or(1, |seconds| (self.group.seconds / seconds) as u64);
        let count = self.steps_to_boundary().min(fitting.clamp(1, self.group.steps));
        let began = Instant::now();
        self.plant_fault().await?;
        let Some(inputs) = self.step_inputs(count).await? else { return Ok(false) };
        let count = inputs.len() as u64;
        let reports = match inputs.as_slice() {
            [one] if self.executor.can_give_up() => {
                let step = self.executor.train(std::slice::from_ref(one));
                match unless_stopped(&self.options.stop, step).await {
                    Some(reports) => reports?,
                    None => return Ok(false),
                }
            }
            several => self.executor.train(several).await?,
        };
        if let Some(text) = self.executor.take_warning() {
            self.notice(text);
        }
        // Some browsers coarsen the clock, so the elapsed time can be zero.
        let seconds = began.elapsed().as_secs_f64().max(1e-6);
        if reports.len() != inputs.len() {
            return Err(Error::Internal(format!("{} reports of {} steps", reports.len(), inputs.len())));
        }
        self.read_meter();
        let tokens = count * self.config.tokens_per_step();
        self.pace.step_seconds = Some(seconds / count as f64);
        self.pace.tokens += tokens;
        self.pace.steps += count;
        self.pace.training_seconds += seconds;
        let tokens_per_s = tokens as f64 / seconds;
        for (input, report) in inputs.iter().zip(reports) {
            self.step = input.step + 1;
            self.best_here = false;
            let (step, lr) = (self.step, self.learning_rate_at(input.step));
            self.report_rewards()?;
            if let Some(metrics) = report.preference {
                self.report_pairs(metrics)?;
            }
            self.emit(TrainEvent::Step {
                step,
                loss: report.loss,
                lr,
                grad_norm: report.gradient_norm,
                tokens_per_s,
                skipped: report.skipped,
            })?;
            self.tensorboard.scalars(
                step,
                &[
                    ("loss/train", report.loss),
                    ("learning_rate", lr as f32),
                    ("gradient_norm", report.gradient_norm),
                    ("tokens_per_second", tokens_per_s as f32),
                ],
            )?;
            if self.watch_step(&report).await? {
                // The rollback discarded the rest of the group.
                return Ok(false);
            }
            self.watch_divergence(report.loss)?;
        }
        self.update_average().await?;
        self.metrics.flush()?;
        Ok(true)
    }

    /// Records an event and queues it for [`Trainer::next`].
    fn emit(&mut self, event: TrainEvent) -> Result<()> {
        self.record_event(&event)?;
        if let TrainEvent::Step { step, loss, .. } = event {
            self.record.train_loss = Some(loss);
            self.record.curve.add(step, loss);
        }
        self.ready.push_back(Progress::Event(event));
        Ok(())
    }

    fn record_event(&mut self, event: &TrainEvent) -> Result<()> {
        if let TrainEvent::Sample { text, .. } = event {
            self.record.curve.sample.clone_from(text);
        }
        match event {
            TrainEvent::Sample { step, .. } if !self.samples_by_steps(*step) => {
                self.metrics.write_timed(event)
            }
            _ => self.metrics.write(event),
        }
    }

    /// Whether a sample is due at this step by `sample_interval`.
    fn samples_by_steps(&self, step: u64) -> bool {
        let train = &self.config.train;
        let interval = train.sample_interval;
        interval > 0 && (step.is_multiple_of(interval) || step == train.steps)
    }

    /// Queues a notice for this session; it is not recorded.
    fn notice(&mut self, text: String) {
        self.ready.push_back(Progress::Event(TrainEvent::Notice { text }));
    }

    fn finish(&mut self) -> Result<()> {
        let is_whole = !self.stop_requested();
        let finished = self.step == self.config.train.steps && is_whole;
        let stopped_early = self.stopped_early.filter(|_| is_whole);
        self.save_record(match stopped_early {
            Some(_) => RunState::StoppedEarly,
            None if finished => RunState::Finished,
            None => RunState::Stopped,
        })?;
        self.metrics.sync()?;
        self.tensorboard.sync()?;
        self.ready.push_back(Progress::Event(TrainEvent::Done {
            step: self.step,
            finished,
            train_loss: self.evaluated.map(|(_, loss, _)| loss),
            val_loss: self.evaluated.map(|(_, _, loss)| loss),
            best_val_loss: self.best,
            best_step: self.checkpoints.best_step(),
            stopped_early,
            seconds: self.pace.began.elapsed().as_secs_f64(),
            tokens_per_s: self.pace.tokens as f64 / self.pace.training_seconds.max(1e-6),
        }));
        self.over = true;
        Ok(())
    }

    /// Stores the error in the run's record. On a full disk this can fail too; the original error matters more.
    fn note_failure(&mut self, error: &Error) {
        self.record.error = Some(error.to_string());
        self.save_record(RunState::Failed).ok();
        self.metrics.flush().ok();
        self.tensorboard.flush().ok();
    }
}

/// Awaits `work`, or drops it and returns `None` once `stop` is set (checked at every poll).
async fn unless_stopped<T>(stop: &AtomicBool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if stop.load(Ordering::Relaxed) {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Runs work that may train on the executor, then restores weights and optimizer state even if it failed.
async fn undone<T>(executor: &mut Executor, work: impl AsyncFnOnce(&mut Executor) -> Result<T>) -> Result<T> {
    let state = executor.state().await?;
    let done = work(executor).await;
    executor.set_state(&state).await?;
    done
}

/// Profile of a step by scope, the method used, and the launch cost. On a GPU, this executes the step.
async fn profiled(
    executor: &mut Executor,
    input: &StepInput,
    step_seconds: Option<f64>,
) -> Result<((Vec<ProfileEntry>, ProfileMethod), Option<EncodeStatistics>)> {
    let profile = executor.profile(input).await?;
    let overhead = match step_seconds {
        Some(seconds) if seconds > MAX_LAUNCHED_SECONDS => None,
        _ => executor.time_launch(input, false).await?,
    };
    Ok((profile, overhead))
}

/// An extra row for the time not covered by the timed kernels, so that the parts add up to the whole step.
fn rest_of_step(entries: &[ProfileEntry], step_ms: f64, method: ProfileMethod) -> Option<ProfileEntry> {
    let ms = step_ms - entries.iter().map(|entry| entry.ms).sum::<f64>();
    // On the CPU, only the gradient is timed, not the update.
    let kernel = match method {
        ProfileMethod::Timestamps => "launch overhead and waiting",
        ProfileMethod::Clock | ProfileMethod::Worker => "optimizer update and waiting",
    };
    let entry =
        ProfileEntry { scope: "rest of the step".to_owned(), kernel: kernel.to_owned(), count: 1, ms };
    (ms > 0.0).then_some(entry)
}

/// Input of a run's step: a pure function of its settings, text and step number.
pub fn step_input(config: &RunConfig, batches: &Batches<'_>, step: u64) -> Result<StepInput> {
    step_input_after(&[], config, batches, step)
}

/// Like [`step_input`], for a run with guard interventions.
fn step_input_after(
    interventions: &[Intervention],
    config: &RunConfig,
    batches: &Batches<'_>,
    step: u64,
) -> Result<StepInput> {
    let draw = Intervention::draw(interventions, step);
    let mut micro_batches = (0..config.train.accumulate as u64)
        .map(|micro_batch| {
            let seed = random::dropout_seed(config.seed, draw, micro_batch);
            Ok(MicroBatch { seed, ..batches.train(draw, micro_batch)? })
        })
        .collect::<Result<Vec<_>>>()?;
    divide_over_step(config, &mut micro_batches);
    let learning_rate = config.train.learning_rate_at(step) * Intervention::factor(interventions, step);
    Ok(StepInput { step, learning_rate: learning_rate as f32, micro_batches })
}

/// Normalises the loss over the whole step, independent of its division into micro-batches.
fn divide_over_step(config: &RunConfig, micro_batches: &mut [MicroBatch]) {
    let (ignored, time) = (config.train.ignored_target(), config.model.context_length);
    if config.train.prompt_loss_weight > 0.0 {
        MicroBatch::normalise_weights_over_step(micro_batches);
        for scores in micro_batches.iter_mut().filter_map(|batch| batch.scores.as_mut()) {
            *scores = Policy::of_weights(scores);
        }
    } else if !config.train.objective.learns_pairs() {
        MicroBatch::normalise_over_step(micro_batches, ignored);
    } else if config.train.preference.loss == PreferenceLoss::Orpo {
        // Each micro-batch has the same number of pairs, but not of chosen tokens.
        MicroBatch::normalise_chosen_over_step(micro_batches, time, ignored);
    }
}

/// Logarithmically spaced milestone steps; empty while `milestones` is not [`Milestones::Log`].
fn spaced_milestones(train: &TrainConfig) -> Vec<u64> {
    if train.milestones == Milestones::Log { train.milestone_steps() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_compiler::model::LossForm;
    use glasshouse_protocol::{presets, random};

    /// Four rows of random tokens with different numbers of counted targets.
    fn rows_of_a_step(config: &RunConfig) -> MicroBatch {
        let (time, outputs) = (config.model.context_length, config.model.outputs() as u64);
        let draw = |what: u64, below: u64| {
            (0..4 * time as u64).map(move |at| (random::nth(9, what, at) % below) as u32)
        };
        let counts = |at: usize| [2, time, 3, 1][at / time] > at % time;
        let masks = config.train.ignored_target();
        let target = |(at, target)| masks.filter(|_| !counts(at)).unwrap_or(target);
        let scores = match glasshouse_compiler::model::loss_form(&config.train, &config.model) {
            LossForm::Preference(op) => Some((0..op.scores(4)).map(|at| -2.0 - at as f32).collect()),
            LossForm::Weighted(_) => Some(
                (0..4 * time).map(|at| if counts(at) { 1.0 / (1 + at % 3) as f32 } else { 0.0 }).collect(),
            ),
            _ => None,
        };
        MicroBatch {
            tokens: draw(0, config.model.vocabulary as u64).collect(),
            targets: draw(1, outputs).enumerate().map(target).collect(),
            document_starts: config.train.separates_documents(&config.model).then(|| vec![0; 4 * time]),
            seed: [0; 2],
            loss_denominator: None,
            scores,
        }
    }

    /// Loss and gradient of a step with one or two micro-batches.
    fn step_in(config: &RunConfig, parts: usize) -> (f32, Vec<f32>) {
        let mut config = config.clone();
        (config.train.batch_size, config.train.accumulate) = (4 / parts, parts);
        let all = rows_of_a_step(&config);
        let cut = |part: usize| {
            let size = all.tokens.len() / parts;
            let ids = |ids: &[u32]| ids[part * size..(part + 1) * size].to_vec();
            let scores = all.scores.as_ref().map(|scores| {
                let size = scores.len() / parts;
                scores[part * size..(part + 1) * size].to_vec()
            });
            let document_starts = all.document_starts.as_deref().map(ids);
            MicroBatch {
                tokens: ids(&all.tokens),
                targets: ids(&all.targets),
                document_starts,
                scores,
                ..all.clone()
            }
        };
        let mut micro_batches: Vec<MicroBatch> = (0..parts).map(cut).collect();
        divide_over_step(&config, &mut micro_batches);
        let graphs = glasshouse_compiler::model::training_graphs(&config.model, &config.train).unwrap();
        let optimizer = glasshouse_compiler::optimizer::Optimizer::new(&config.train);
        let ends = glasshouse_platform::block_on(async {
            let (mut executor, _) = Executor::open("cpu", &graphs, optimizer, Some(1)).await?;
            let mut state = executor.state().await?;
            let numbers = state.weights_mut().iter_mut().enumerate();
            numbers.for_each(|(at, entry)| *entry = ((at * 7919) as f32).sin() * 0.3);
            executor.set_state(&state).await?;
            let report =
                executor.train(&[StepInput { step: 0, learning_rate: 1.0, micro_batches }]).await?[0];
            Ok::<_, Error>((report.loss, executor.weights().await?))
        });
        ends.unwrap()
    }

    #[test]
    fn a_step_is_the_same_however_it_is_divided() {
        let mut base = presets::preset("llama-tiny").unwrap();
        (base.model.vocabulary, base.model.context_length, base.model.layers) = (16, 8, 1);
        base.train.optimizer = glasshouse_protocol::OptimizerKind::Sgd;
        (base.train.beta1, base.train.weight_decay, base.train.gradient_clipping) = (0.0, 0.0, 0.0);
        let with = |changes: &[&str]| {
            let mut config = base.clone();
            changes.iter().for_each(|change| config.set(change).unwrap());
            if config.train.has_own_head() {
                let labels = if config.train.learns_scores() { &["reward"][..] } else { &["ham", "spam"] };
                config.model.labels = labels.iter().map(|label| (*label).to_owned()).collect();
                config.model.tied_head = false;
            }
            config
        };
        let mut taught = with(&["train.objective=distil"]);
        taught.train.distil.model = Some(Box::new(base.model.clone()));
        let mut all = vec![
            ("text", base.clone()),
            ("unlikelihood", with(&["train.unlikelihood=0.5"])),
            ("chat", with(&["train.objective=chat", "train.chat.packing=false"])),
            (
                "prompt weight",
                with(&["train.objective=chat", "train.chat.packing=false", "train.prompt_loss_weight=0.25"]),
            ),
            ("classify", with(&["train.objective=classify"])),
            ("distil", taught),
        ];
        for loss in ["sigmoid", "orpo", "bradley_terry"] {
            let loss = format!("train.preference.loss={loss}");
            all.push(("preference", with(&["train.objective=preference", &loss])));
        }
        for (name, mut config) in all {
            config.train.learning_rate = 1.0;
            let (loss, weights) = step_in(&config, 1);
            let (divided, led_to) = step_in(&config, 2);
            let about = (name, config.train.preference.loss);
            assert!(
                loss.is_finite() && (divided - loss).abs() <= 2e-5 * loss.abs(),
                "{about:?}: {divided} {loss}"
            );
            let apart =
                weights.iter().zip(&led_to).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(apart < 2e-5, "{about:?}: {apart}");
        }
    }

    #[test]
    fn what_a_profile_trained_is_undone_where_it_fails_too() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.vocabulary, config.model.context_length, config.model.layers) = (16, 8, 1);
        (config.train.batch_size, config.train.accumulate) = (2, 1);
        let graphs = glasshouse_compiler::model::training_graphs(&config.model, &config.train).unwrap();
        let optimizer = glasshouse_compiler::optimizer::Optimizer::new(&config.train);
        let ends = glasshouse_platform::block_on(async {
            let (mut executor, _) = Executor::open("cpu", &graphs, optimizer, Some(1)).await?;
            let mut before = executor.state().await?;
            before
                .weights_mut()
                .iter_mut()
                .enumerate()
                .for_each(|(at, entry)| *entry = (at % 7) as f32 * 0.01);
            executor.set_state(&before).await?;
            let ids: Vec<u32> = (0..16).collect();
            let micro_batch = MicroBatch {
                targets: ids.iter().rev().copied().collect(),
                tokens: ids,
                document_starts: None,
                seed: [0; 2],
                loss_denominator: None,
                scores: None,
            };
            let input = StepInput { step: 0, learning_rate: 0.1, micro_batches: vec![micro_batch] };
            let mut trained = false;
            let failed: Result<()> = undone(&mut executor, async |executor| {
                executor.train(std::slice::from_ref(&input)).await?;
                trained = executor.state().await?.parameters != before.parameters;
                Err(Error::Internal("the clock stood still".to_owned()))
            })
            .await;
            let after = executor.state().await?;
            Ok::<_, Error>((trained, failed.is_err(), after == before))
        });
        assert_eq!(ends.unwrap(), (true, true, true));
    }

    #[test]
    fn the_parts_of_a_profile_add_up_to_the_step() {
        let entry = |ms| ProfileEntry { scope: "head".to_owned(), kernel: "linear".to_owned(), count: 2, ms };
        let timed = [entry(3.0), entry(4.5)];
        let rest = rest_of_step(&timed, 10.0, ProfileMethod::Timestamps).unwrap();
        assert_eq!((rest.ms, rest.kernel.as_str()), (2.5, "launch overhead and waiting"));
        assert_eq!(
            rest_of_step(&timed, 10.0, ProfileMethod::Clock).unwrap().kernel,
            "optimizer update and waiting"
        );
        assert_eq!(
            rest_of_step(&timed, 7.0, ProfileMethod::Timestamps),
            None,
            "kernels timed separately may take longer than together"
        );
    }
}
