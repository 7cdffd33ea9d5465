//! A run in training: groups of steps, with all other work between them.

mod control;

pub(super) use control::{Control, RunControl, is_put_off, urgent};

use super::plans::{MIN_STEPS_SMALL, max_steps, set_length};
use super::projects::learns_other_text;
use super::{After, Session, device};
use crate::data::{self, Prepared};
use crate::device::DeviceKind;
use crate::executor::Executor;
use crate::model::parameters;
use crate::plan::disk;
use crate::platform::{self, files};
use crate::project::{Beginning, Run, SweptRun, Teacher};
use crate::protocol::{
    Command, DataConfig, DeviceSummary, Event, LearnsFrom, RunConfig, RunLaunch, RunSummary, Steer,
    TrainEvent, TrainingState, quantity,
};
use crate::setup::{DeviceOptions, PreparedRun};
use crate::training::{Options, PendingSample, Progress, Trainer};
use crate::{Error, Result, refuse};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use web_time::{Duration, Instant};

pub(super) const PREPARING: &str = "preparing the run";
/// Minimum interval between reports of steps. Each redraws the window or page, on a machine without a GPU with the cores that train.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);
/// Interval between reports of the time left.
const TIMED: Duration = Duration::from_secs(1);
/// Share of a first run's time after which its number of steps is fitted again, at the run's own pace: the page was idle when the device
/// was measured and draws now, or the machine was busy.
const REFITTED: f64 = 0.15;
/// Smallest change of the number of steps that is worth it.
const REFIT_TOLERANCE: f64 = 0.1;
/// Target seconds of a group of steps (requests are served between groups), while the window is visible and while it is not.
const GROUP: f64 = 0.05;
const UNSEEN_GROUP: f64 = 0.2;

/// A request to start or resume a run.
pub(super) struct RunRequest {
    id: u64,
    /// Settings of a new run; `None` resumes one.
    config: Option<Box<RunConfig>>,
    /// The run to resume; `None` means the latest.
    run: Option<String>,
    /// The sweep that a new run belongs to.
    pub(super) sweep: Option<Box<SweptRun>>,
    /// The run whose tokenizer a new one uses, instead of training its own.
    pub(super) tokenizer_of: Option<Run>,
    /// The seconds that a new run should take.
    within: Option<f64>,
    launch: RunLaunch,
}

impl RunRequest {
    pub(super) fn start(id: u64, config: RunConfig, launch: RunLaunch) -> Self {
        Self {
            id,
            config: Some(Box::new(config)),
            run: None,
            sweep: None,
            tokenizer_of: None,
            within: None,
            launch,
        }
    }

    /// A first run of about `seconds`.
    pub(super) fn first(id: u64, config: RunConfig, seconds: f64) -> Self {
        Self { within: Some(seconds), ..Self::start(id, config, RunLaunch::default()) }
    }

    pub(super) fn resume(id: u64, run: Option<String>, launch: RunLaunch) -> Self {
        Self { id, config: None, run, sweep: None, tokenizer_of: None, within: None, launch }
    }

    /// Whether its settings name its text: a version of an ablation's text.
    fn has_own_text(&self) -> bool {
        self.sweep.as_ref().is_some_and(|sweep| sweep.kept.text.is_some())
    }
}

/// Adapts a run to whether the window is visible.
pub(super) fn set_visible(trainer: &mut Trainer<'_>, visible: bool) {
    trainer.set_group_seconds(if visible { GROUP } else { UNSEEN_GROUP });
    trainer.executor().set_interactive(visible);
}

/// The run in training, for requests that are served meanwhile.
pub(super) struct ActiveRun<'live, 'data> {
    pub(super) trainer: &'live mut Trainer<'data>,
    pub(super) control: &'live Control,
}

impl<'live> ActiveRun<'live, '_> {
    /// The run's control, with its current step and total number of steps.
    pub(super) fn run_control(&self) -> RunControl<'live> {
        RunControl { control: self.control, at: (self.trainer.step(), self.trainer.config().train.steps) }
    }
}

impl Session {
    /// Trains a run, or the runs of a sweep, until they end or are stopped.
    pub(super) async fn train(&mut self, mut request: RunRequest) {
        let id = request.id;
        let trained = match (request.launch.sweep.take(), request.config.take()) {
            (Some(toml), Some(config)) => self.sweep(id, toml, *config, request.launch).await,
            (_, config) => self.train_one(RunRequest { config, ..request }).await.map(drop),
        };
        self.keep_files().await;
        match trained {
            Ok(()) => self.sink.finished(id),
            Err(error) => {
                self.settle_claim(false);
                if let Err(error) = self.take_documents_back() {
                    self.sink.notice(error.to_string());
                }
                // Show a run that failed midway with its current state: failed, with the checkpoints to resume from.
                if let Some(run) = self.current.take() {
                    self.sink.answer(id, Event::TrainingEnded { run: run.summary_or_error() });
                }
                self.sink.failed(Some(id), &error);
                self.say_state(TrainingState::Idle, 0, 0);
            }
        }
    }

    pub(super) fn say_state(&self, state: TrainingState, step: u64, steps: u64) {
        self.sink.say(Event::TrainingState { state, step, steps });
    }

    /// Trains a run until it ends. Returns whether it was stopped.
    pub(super) async fn train_one(&mut self, request: RunRequest) -> Result<bool> {
        let id = request.id;
        self.current = None;
        let (run, stopped) = self.prepare_and_follow(request).await?;
        self.sink.answer(id, Event::TrainingEnded { run });
        Ok(stopped)
    }

    /// Tells a front end of the run in training.
    pub(super) fn report_training(&self, id: u64, live: &ActiveRun<'_, '_>) -> Result<()> {
        let Some((device, estimated_seconds)) = self.trains_on.clone() else { return Ok(()) };
        let (run, step) = (live.trainer.run().summary()?, live.trainer.step());
        let device = Box::new(device);
        self.sink.answer(id, Event::TrainingStarted { run, device, step, folder: None, estimated_seconds });
        let steps = live.trainer.config().train.steps;
        self.sink.answer(id, Event::TrainingState { state: live.control.state(), step, steps });
        Ok(())
    }

    async fn prepare_and_follow(&mut self, request: RunRequest) -> Result<(RunSummary, bool)> {
        self.opened()?;
        self.say_state(TrainingState::Preparing, 0, 0);
        let (id, sweep, mut within) = (request.id, request.sweep.clone(), request.within);
        let RunLaunch { stop_after, seconds, evaluate_whole_split, steps: mut more_steps, .. } =
            request.launch;
        let title = request.launch.title.clone();
        let work = (id, PREPARING);
        let prepare = async |session: &mut Self| session.prepare_run(request).await;
        let (mut prepared_run, device, (estimated, bytes)) = self.stoppable(work, prepare).await?;
        let begins = !prepared_run.resumes();
        (prepared_run.sweep, prepared_run.title) = (sweep, title);
        let run = prepared_run.run_of(&self.opened()?.project)?;
        self.settle_claim(true);
        let folder = self.opened()?.is_beside_others().then(|| run.folder().display().to_string());
        if begins {
            run.set_estimates(estimated, bytes)?;
        }
        self.current = Some(run.clone());
        self.keep_documents();
        self.warn_of_full_storage(&run).await?;
        let control = Control { request: id, ..Control::default() };
        let options = Options {
            stop_after,
            seconds,
            evaluate_whole_split,
            early_sample: true,
            stop: control.stop.clone(),
            save: control.save.clone(),
            ..Options::default()
        };
        let prepared = prepared_run.prepared.clone();
        loop {
            let begins = !prepared_run.resumes();
            let begun = prepared_run.trainer(options.clone());
            let begun = self.stoppable(work, async |_: &mut Self| begun.await).await;
            if begins && matches!(begun, Err(Error::Cancelled(_))) {
                // Remove a run that never started.
                self.current = None;
                files::remove_dir_all(run.folder()).ok();
            }
            let mut trainer = begun?;
            set_visible(&mut trainer, self.visible);
            self.generations.forget_current();
            let began = Event::TrainingStarted {
                run: run.summary()?,
                device: Box::new(device.clone()),
                step: trainer.step(),
                folder: folder.clone(),
                estimated_seconds: estimated,
            };
            self.sink.answer(id, began);
            self.trains_on = Some((device.clone(), estimated));
            if let Some(steps) = more_steps.take().filter(|steps| *steps != trainer.config().train.steps) {
                let event = trainer.change(None, Some(steps)).await?;
                self.sink.answer(id, Event::Training { events: vec![event], seconds: None });
            }
            let Err(error) = self.follow(id, &mut trainer, &control, &prepared, &mut within).await else {
                return Ok((run.summary()?, control.stopping()));
            };
            drop(trainer);
            self.sink.notice(prepared_run.reopen(error).await?);
        }
    }

    /// Prepares text, tokenizer, kernels and device of a run, before anything is on disk. Returns also the summary of its device, and
    /// its estimated seconds and bytes.
    pub(super) async fn prepare_run(
        &mut self,
        request: RunRequest,
    ) -> Result<(PreparedRun, DeviceSummary, (Option<f64>, Option<u64>))> {
        let (id, has_own_text, is_swept) = (request.id, request.has_own_text(), request.sweep.is_some());
        platform::energy::settings()?;
        let RunLaunch { precision, device: instead, learns_from, recipe, steps, .. } = request.launch;
        let chosen =
            instead.clone().or_else(|| Some(self.device.request.clone()).filter(|it| !it.is_empty()));
        let (mut config, prepared, run) = match request.config {
            Some(config) => {
                let mut config = *config;
                if let Some(chosen) = &chosen {
                    config.device.clone_from(chosen);
                }
                Executor::check_request(&config.device).await?;
                if !self.opened()?.is_beside_others() && !has_own_text {
                    let held_out = std::mem::take(&mut config.data.validation_files);
                    let text = self.data_config()?;
                    config.data = DataConfig {
                        validation: config.data.validation,
                        validation_seed: config.data.validation_seed,
                        validation_files: match config.train.objective.learns_text() {
                            true => text.validation_files,
                            false => self.held_out(held_out)?,
                        },
                        synthetic: config.data.synthetic,
                        corpus_bytes: config.data.corpus_bytes,
                        mixture: BTreeMap::new(),
                        canaries: config.data.canaries,
                        ..text
                    };
                    if !config.data.synthetic.is_none() {
                        // Generated rows replace the project's text.
                        config.data.paths.clear();
                        config.data.validation_files.clear();
                    }
                }
                let is_own = learns_from != LearnsFrom::Documents;
                let learns_from = (learns_from, recipe);
                let learned = self.files_to_learn(&config.train, learns_from).await?;
                if let Some(learned) = learned {
                    config.data.paths = learned;
                    // The mixture's sources belong to another text.
                    config.data.mixture.clear();
                    // The held-out files too.
                    if is_own && !std::mem::take(&mut config.data.validation_files).is_empty() {
                        let text = "the held-out files are not used: rows of tasks and of feedback hold out their own share";
                        self.sink.notices_of(id, [text]);
                    }
                }
                let beginning = Beginning::find(&self.opened()?.project, &config)?;
                if let Some(beginning) = &beginning {
                    self.sink.notices_of(id, beginning.settle(&mut config)?);
                }
                let mut taught = None;
                if let Some(teacher) = Teacher::find(&self.opened()?.project, &config)? {
                    taught = Some(teacher.tokenizer(beginning.as_ref())?);
                    self.sink.notices_of(id, teacher.settle(&mut config));
                }
                if let Some(run) = &request.tokenizer_of {
                    taught = Some(data::prepare::open_tokenizer(&run.data_folder()?)?.into());
                }
                let given = beginning.as_ref().map(|beginning| &beginning.tokenizer).or(taught.as_ref());
                let prepared = Arc::new(self.prepare(id, &config, given).await?);
                let prompt = config.train.sample_prompt.clone();
                prepared.complete(&mut config);
                if !prompt.is_empty() && !self.opened()?.is_beside_others() {
                    // A window shows the prompt before the run begins.
                    config.train.sample_prompt = prompt;
                }
                config.validate()?;
                if let Some(notice) = prepared.settle_epochs(&mut config)? {
                    self.sink.notices_of(id, [notice]);
                    // Changing the steps may violate other rules.
                    config.validate()?;
                }
                let more = config.tuning_sentence().into_iter().chain(config.train.evaluation_sentence());
                self.sink.notices_of(id, prepared.about_batches(&config)?.into_iter().chain(more));
                (config, prepared, None)
            }
            None => {
                let run = self.run_or_latest(request.run.as_deref())?;
                run.check_has_text()?;
                let folder = run.data_folder()?;
                let known = self.opened()?.prepared.clone().filter(|prepared| prepared.folder == folder);
                let prepared = match known {
                    Some(prepared) => prepared,
                    None => Arc::new(data::prepare::open_aside(folder).await?),
                };
                let config = run.config()?;
                if let Some(steps) = steps {
                    // Check before anything in the run is changed.
                    let mut longer = config.clone();
                    longer.train.steps = steps;
                    longer.train.decay_steps = longer.train.decay_steps.min(steps);
                    longer.validate()?;
                    let done = run.record()?.step;
                    if steps <= done && steps != config.train.steps {
                        let done = quantity::counted(done, "step");
                        refuse!("the run has already completed {done}; choose more");
                    }
                }
                (config, prepared, Some(run))
            }
        };
        if let Some(precision) = precision {
            config.train.precision = precision;
        }
        if !is_swept {
            self.adopt(&config, &prepared)?;
        }
        if run.is_none() {
            let own = parameters(&config.model, &config.train)?;
            disk::settle_milestones(&own, &mut config.train, platform::MILESTONE_BYTES);
        }
        let beside_others = self.opened()?.is_beside_others();
        if !beside_others && let Some(tokenizer) = self.tokenizer_summary()? {
            self.sink.answer(id, Event::TokenizerReady { tokenizer });
        }
        let estimated = match &run {
            Some(run) => (run.record()?.estimated_seconds, None),
            None => self.estimates(&config),
        };
        let options = DeviceOptions {
            request: chosen.unwrap_or_else(|| config.device.clone()),
            moved: instead.is_some(),
            threads: self.options.threads,
            tuning: self.tuning(),
        };
        let mut prepared_run = PreparedRun::open(&config, &prepared, run, options).await?;
        let chosen = self.device.summary.clone();
        let description = prepared_run.executor()?.describe();
        let is_chosen = !prepared_run.on_own_device || description.request() == chosen.request;
        let is_known = !self.device.request.is_empty() && instead.is_none();
        let mut device = if is_chosen && is_known { chosen } else { device::of_run(&description) };
        if !prepared_run.on_own_device && !is_known {
            device.why.clear();
        }
        if description.kind == DeviceKind::Gpu {
            device.tuned_kernels = description.variants;
        }
        let settled = if beside_others { None } else { prepared_run.settled.take() };
        self.sink.notices_of(id, settled.into_iter().chain(std::mem::take(&mut prepared_run.warnings)));
        prepared_run.read_start(&self.opened()?.project.clone()).await?;
        if beside_others {
            let opened = Box::new(prepared_run.about()?);
            self.sink.answer(id, Event::RunOpened { opened });
            // Yield, so that the notices are delivered before anything is on disk.
            platform::yield_now().await;
        }
        Ok((prepared_run, device, estimated))
    }

    /// Makes a run's text and settings the project's own, for the Tokenizer page and the next run, unless it learns another text.
    fn adopt(&mut self, config: &RunConfig, prepared: &Arc<Prepared>) -> Result<()> {
        let project = self.opened()?;
        if learns_other_text(&project.project, config) {
            return Ok(());
        }
        if project.prepared.as_ref().is_none_or(|before| before.folder != prepared.folder) {
            project.counts = None;
        }
        project.prepared = Some(prepared.clone());
        project.config = config.clone();
        Ok(())
    }

    /// Warns in advance if the checkpoints will not fit.
    async fn warn_of_full_storage(&mut self, run: &Run) -> Result<()> {
        let needed = run.bytes_to_write()?;
        let available = platform::persistence::available(run.folder()).await;
        if let Some(available) = available.filter(|available| *available < needed) {
            self.sink.notice(format!(
                "the run will write about {}, but there is room for {}: free some space before its first checkpoint",
                quantity::bytes(needed),
                quantity::bytes(available)
            ));
        }
        Ok(())
    }

    /// The training loop: steps, events and requests.
    async fn follow(
        &mut self,
        id: u64,
        trainer: &mut Trainer<'_>,
        control: &Control,
        prepared: &Prepared,
        within: &mut Option<f64>,
    ) -> Result<()> {
        // The project and its text then survive closing the tab before the first checkpoint.
        self.keep_files_meanwhile(control, trainer).await;
        let mut pending = PendingEvents { events: Vec::new(), last: Instant::now(), timed: None };
        let mut sample: Option<PendingSample<'_>> = None;
        let began = trainer.step();
        loop {
            let waits = |command: &Command| control.stopping() && is_put_off(command);
            while let Some(request) = self.inbox.try_next_but(waits) {
                pending.report(id, &self.sink);
                let live = ActiveRun { trainer: &mut *trainer, control };
                if let After::Train(_) = self.serve(request, Some(live)).await {
                    return Err(Error::Internal("a second run while one trains".to_owned()));
                }
            }
            if self.inbox.is_closed() {
                control.stop.store(true, Ordering::Relaxed);
            }
            if control.holds() && !trainer.has_news() {
                pending.report(id, &self.sink);
                self.wait_paused(control, trainer).await;
                continue;
            }
            trainer.set_group_steps(if control.single.get() { 1 } else { u64::MAX });
            let at = (trainer.step(), trainer.config().train.steps);
            if control.stopping() {
                // It is still due at this step and written on resume.
                sample = None;
            }
            if let Some(writing) = &mut sample {
                let written = self.meanwhile(control, at, writing.carry_on()).await;
                let event = match written {
                    Ok(None) => None,
                    Ok(Some(text)) => Some(trainer.sample_written(text)?),
                    Err(error) => Some(trainer.sample_failed(&error.to_string())?),
                };
                if let Some(event) = event {
                    sample = None;
                    pending.events.push(event);
                    pending.report(id, &self.sink);
                }
                self.sink.beat("writing a sample");
                self.carry_on_writing().await;
                platform::yield_now().await;
                continue;
            }
            let progress = self.meanwhile(control, at, trainer.next()).await?;
            match progress {
                Progress::Event(event) => {
                    if let TrainEvent::Step { .. } = event {
                        control.single.set(false);
                    }
                    let rare = !matches!(event, TrainEvent::Step { .. });
                    if let TrainEvent::Guard(report) = &event
                        && report.went_back()
                    {
                        self.generations.forget_run(&trainer.run().name());
                    }
                    let lasting = matches!(event, TrainEvent::Checkpoint { .. } | TrainEvent::Done { .. });
                    // Flush before reporting a checkpoint as saved, because the engine may be killed right after.
                    if lasting {
                        self.keep_files_meanwhile(control, trainer).await;
                    }
                    if let TrainEvent::Done { step, seconds, tokens_per_s, .. } = event {
                        let device = trainer.executor().describe();
                        let trained = (step.saturating_sub(began), seconds, tokens_per_s);
                        self.learn_speed(&device, trainer.config(), trained);
                    }
                    pending.events.push(event);
                    if rare || pending.last.elapsed() >= REPORT_INTERVAL {
                        pending.report(id, &self.sink);
                    }
                }
                Progress::SampleDue(request) => {
                    let visible = self.visible;
                    let begun = PendingSample::begin(trainer, prepared, request, visible);
                    match self.meanwhile(control, at, begun).await {
                        Ok(begun) => sample = Some(begun),
                        Err(error) => {
                            pending.events.push(trainer.sample_failed(&error.to_string())?);
                            pending.report(id, &self.sink);
                        }
                    }
                }
                Progress::Working => {}
                Progress::Over => break,
            }
            pending.report_time(&self.sink, trainer);
            if let (Some(seconds), Some(times)) = (*within, trainer.seconds())
                && times.0 >= REFITTED * seconds
            {
                *within = None;
                let at = (trainer.step(), trainer.config().train.steps);
                let most = max_steps(trainer.config())?;
                if let Some(steps) = refitted_steps(at, times, seconds, most) {
                    let mut config = trainer.config().clone();
                    set_length(&mut config, steps);
                    pending.events.push(trainer.change_to(config).await?);
                    pending.report(id, &self.sink);
                    self.say_state(control.state(), at.0, steps);
                }
            }
            if !trainer.has_news() {
                self.carry_on_writing().await;
                if !control.stopping() {
                    // It continues after the run has ended.
                    self.carry_on_evaluating(true).await;
                }
                self.sink.beat("training");
                platform::yield_now().await;
            }
        }
        pending.report(id, &self.sink);
        Ok(())
    }

    /// While a run is paused, continues generating texts, or else waits for the next request.
    async fn wait_paused(&mut self, control: &Control, trainer: &Trainer<'_>) {
        if self.is_idle() {
            self.keep_files_meanwhile(control, trainer).await;
            if !control.holds() {
                return;
            }
            if let Some(request) = self.inbox.next().await {
                self.inbox.put_back(request);
            }
        } else {
            self.carry_on_writing().await;
            self.carry_on_evaluating(false).await;
            platform::yield_now().await;
        }
    }

    /// Awaits a piece of a run's work, answering urgent requests meanwhile. `at` is the run's step and total number of steps.
    async fn meanwhile<T>(&mut self, control: &Control, at: (u64, u64), work: impl Future<Output = T>) -> T {
        let Self { inbox, sink, evaluations, .. } = self;
        let run_control = Some(RunControl { control, at });
        inbox.meanwhile(work, |request| urgent(request, evaluations, sink, run_control)).await
    }

    /// Like [`Session::keep_files`], answering urgent requests meanwhile.
    async fn keep_files_meanwhile(&mut self, control: &Control, trainer: &Trainer<'_>) {
        let at = (trainer.step(), trainer.config().train.steps);
        if let Err(error) = self.meanwhile(control, at, platform::persistence::flush()).await {
            self.sink.failed(None, &error);
        }
    }

    pub(super) async fn steer(&mut self, id: u64, steer: &Steer, live: ActiveRun<'_, '_>) -> Result<()> {
        let ActiveRun { trainer, control } = live;
        match steer {
            Steer::Change { learning_rate, steps } => {
                let event = trainer.change(*learning_rate, *steps).await?;
                self.sink.answer(id, Event::Training { events: vec![event], seconds: None });
            }
            Steer::Profile => {
                let profile = trainer.profile().await?;
                self.sink.answer(id, profile);
            }
            at_once => {
                control.steered(at_once);
            }
        }
        let steps = trainer.config().train.steps;
        self.sink.answer(id, Event::TrainingState { state: control.state(), step: trainer.step(), steps });
        Ok(())
    }
}

/// The steps that fit into `within` seconds at a run's own pace, at most `most`, if they clearly differ from those planned.
fn refitted_steps(
    (step, steps): (u64, u64),
    (spent, left): (f64, f64),
    within: f64,
    most: u64,
) -> Option<u64> {
    let fitting = step + ((within - spent) / left * (steps.checked_sub(step)? as f64)) as u64;
    let fitting = fitting.clamp(MIN_STEPS_SMALL, most.max(MIN_STEPS_SMALL));
    let differs = fitting.abs_diff(steps) as f64 > REFIT_TOLERANCE * steps as f64;
    (fitting > step && differs).then_some(fitting)
}

/// Events of a run, collected to be sent together.
struct PendingEvents {
    events: Vec<TrainEvent>,
    last: Instant,
    /// When the time left was last reported.
    timed: Option<Instant>,
}

impl PendingEvents {
    fn report(&mut self, id: u64, sink: &super::EventSink) {
        if !self.events.is_empty() {
            sink.answer(id, Event::Training { events: std::mem::take(&mut self.events), seconds: None });
        }
        self.last = Instant::now();
    }

    /// Reports the time left once per interval.
    fn report_time(&mut self, sink: &super::EventSink, trainer: &Trainer<'_>) {
        let due = self.timed.is_none_or(|at| at.elapsed() >= TIMED);
        if let (true, seconds @ Some(_)) = (due, trainer.seconds()) {
            self.timed = Some(Instant::now());
            sink.say(Event::Training { events: Vec::new(), seconds });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::refitted_steps;

    #[test]
    fn a_first_run_gets_the_steps_that_its_pace_allows() {
        let refitted = |at, times| refitted_steps(at, times, 180.0, 4000);
        // 300 steps in 30 s, where 2,700 were planned for 150 s more.
        assert_eq!(refitted((300, 3000), (30.0, 270.0)), Some(1800));
        // As planned.
        assert_eq!(refitted((300, 1800), (30.0, 155.0)), None);
        // The machine was busy when it was measured.
        assert_eq!(refitted((500, 1000), (30.0, 30.0)), Some(3000));
        assert_eq!(refitted((900, 1000), (27.0, 3.0)), Some(4000));
        // Sentences need some steps.
        assert_eq!(refitted((30, 3000), (30.0, 2970.0)), Some(500));
        // No time is left: the machine slept.
        assert_eq!(refitted((600, 3000), (900.0, 10.0)), None);
    }
}
