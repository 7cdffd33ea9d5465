//! Experiments that choose settings: the range test of learning rates, and sweeps.

use super::ablation::{checksum, effects, own_losses};
use super::training::{PREPARING, RunRequest, set_visible};
use super::{EventSink, Session, cancellable};
use crate::metrics::law::scaling;
use crate::metrics::statistics::{Bootstrap, main_effects};
use crate::platform::{self, files};
use crate::project::{
    KeptSweep, Project, Run, RunRecord, SweepClaim, SweepFindings, SweepPlace, SweptRun, metrics,
};
use crate::protocol::evaluation::{DocumentLoss, Metric};
use crate::protocol::{
    AblatedText, Command, EVALUATING, Event, LadderPoint, RangeCurve, RangeTest, RunConfig, RunLaunch,
    RunState, Steer, Sweep, SweepRow, SweepState, SweepSummary, TrainEvent, TrainingState, WHOLE,
};
use crate::training::{Options, Progress};
use crate::{Error, Result, refuse};
use std::rc::Rc;

/// Resamples for the importance of settings, which is measured again whenever a run ends.
const RESAMPLES: u32 = 1000;
/// Interval of looking for rows that other workers have ended or left.
const LOOK_AGAIN_SECONDS: f64 = 1.0;

impl Session {
    /// Trains with a rising rate in a temporary run.
    pub(super) async fn find_rate(&mut self, id: u64, config: RunConfig, test: RangeTest) -> Result<Event> {
        test.check().map_err(Error::Refused)?;
        if config.train.objective.answers_prompts() {
            refuse!(
                "rewards have no loss that shows a good learning rate; sweep train.learning_rate instead"
            );
        }
        let request = RunRequest::start(id, config, RunLaunch::default());
        let (mut prepared_run, ..) = self.prepare_run(request).await?;
        self.settle_claim(true);
        let staged = prepared_run.stage(&self.opened()?.project, &test)?;
        let options = Options { range_test: Some(test), ..Options::default() };
        let mut trainer = prepared_run.trainer(options).await?;
        set_visible(&mut trainer, self.visible);
        let start = if test.noise { Some(trainer.executor().state().await?) } else { None };
        let mut curve = RangeCurve { test, ..RangeCurve::default() };
        loop {
            let goes_on = match trainer.next().await {
                Ok(Progress::Event(TrainEvent::Step { step, loss, lr, skipped, .. })) => {
                    // Mixed precision skips steps until it has found its loss scale.
                    (skipped || curve.push(lr, f64::from(loss))) && step < test.steps
                }
                Ok(Progress::Over) => false,
                Ok(_) => true,
                Err(Error::Diverged(_)) => {
                    curve.diverged = true;
                    false
                }
                Err(error) => return Err(error),
            };
            if !goes_on {
                break;
            }
            if !trainer.has_news() {
                self.sink.answer(id, Event::RangeTested { curve: Box::new(curve.clone()) });
                platform::yield_now().await;
            }
        }
        curve.suggest();
        if let (Some(start), Some(rate)) = (start, curve.suggestion) {
            curve.noise = trainer.noise_scale(&start, rate).await?;
        }
        // Its folder is removed after the trainer has closed its files.
        drop(trainer);
        drop(staged);
        Ok(Event::RangeTested { curve: Box::new(curve) })
    }

    /// Reports the state of the sweep that was started last, if any.
    pub(super) fn report_last_sweep(&mut self, id: u64) -> Result<()> {
        let project = &self.opened()?.project;
        let place = project.runs()?.iter().rev().find_map(|run| run.record().ok()?.sweep);
        if let Some(kept) = place.map(|place| project.sweep(&place.name)).transpose()?.flatten() {
            let sweep = Sweep::from_toml(&kept.toml).map_err(Error::Refused)?;
            OpenSweep::new(project, sweep, kept)?.report(&self.sink, id, false);
        }
        Ok(())
    }

    /// Trains the runs of a sweep that are not done yet, until it is complete or stopped.
    pub(super) async fn sweep(
        &mut self,
        id: u64,
        toml: String,
        config: RunConfig,
        launch: RunLaunch,
    ) -> Result<()> {
        let sweep = Sweep::from_toml(&toml).map_err(Error::Refused)?;
        let project = self.opened()?.project.clone();
        let claim = if sweep.is_in_order() { project.claim_of_sweep(&sweep.name, 0)? } else { None };
        if sweep.is_in_order() && claim.is_none() {
            refuse!(
                "another process trains the runs of {}; wait until it ends, or choose another name",
                sweep.name
            );
        }
        let begin = async |_: &mut Self| begin_alone(&project, &sweep.name).await;
        let Some(begins) = self.until_stopped((id, PREPARING), begin).await? else { return Ok(()) };
        let mut begins = begins.map(Rc::new);
        let kept = match project.sweep(&sweep.name)?.filter(|_| begins.is_none()) {
            Some(kept) if Sweep::from_toml(&kept.toml).as_ref() == Ok(&sweep) => {
                if kept.config != config {
                    let text = "the sweep continues with the settings that it was started with; to use others, change its name";
                    self.sink.notice(text.to_owned());
                }
                if let Some(text) = &kept.text {
                    let files = self.ablated_files(&sweep.name, &config)?;
                    let now = self.stoppable((id, PREPARING), async |_: &mut Self| checksum(&files).await);
                    if now.await? != text.input_crc32c {
                        refuse!(
                            "the text has changed since the ablation {} cleaned it; restore it, or change the ablation's name to measure the new text",
                            sweep.name
                        );
                    }
                }
                kept
            }
            Some(_) => {
                // Report mistakes in the file itself first.
                sweep.points(&config).map_err(Error::Refused)?;
                refuse!(
                    "the project has runs of another sweep called {}; change its name (`name` in the file), or delete those runs",
                    sweep.name
                );
            }
            None => {
                // Mistakes are reported before anything is measured or cleaned.
                sweep.points(&config).map_err(Error::Refused)?;
                self.say_state(TrainingState::Preparing, 0, 0);
                let begin =
                    async |session: &mut Self| session.begin_sweep(id, &sweep, &config, &launch).await;
                let (points, text) = self.stoppable((id, PREPARING), begin).await?;
                KeptSweep { toml, config, points, text, findings: SweepFindings::default() }
            }
        };
        let mut open = OpenSweep { claim, ..OpenSweep::new(&project, sweep, kept)? };
        let mut waited = false;
        loop {
            let waits = open.claim_next()?;
            while let Some((at, run)) = open.unmeasured() {
                let measure = async |session: &mut Self| session.measure_version(id, &run).await;
                if self.until_stopped((id, EVALUATING), measure).await?.is_none() {
                    open.report(&self.sink, id, false);
                    return Ok(());
                }
                open.read(at)?;
                if open.documents[at].is_empty() {
                    refuse!(
                        "the last checkpoint of {} is damaged, so its loss cannot be measured; delete that run, and start the ablation again",
                        run.name()
                    );
                }
            }
            if !(waits && waited) {
                open.report(&self.sink, id, true);
            }
            let Some((at, until)) = open.summary.current else {
                if waited {
                    self.say_state(TrainingState::Idle, 0, 0);
                }
                return Ok(());
            };
            waited = waits;
            if waits {
                let wait = async |_: &mut Self| platform::pause(LOOK_AGAIN_SECONDS).await;
                if self.until_stopped((id, PREPARING), wait).await?.is_none() {
                    open.report(&self.sink, id, false);
                    return Ok(());
                }
                continue;
            }
            // Epochs may become more steps than the settings say.
            let stop_after = Some(until).filter(|until| open.sweep.stop.rungs.contains(until));
            let launch = RunLaunch { stop_after, seconds: None, ..launch.clone() };
            let request = match &open.runs[at] {
                Some(run) => RunRequest::resume(id, Some(run.name()), launch),
                None => {
                    let place = SweepPlace { name: open.sweep.name.clone(), point: at, given_up: false };
                    let (title, kept) = (open.summary.rows[at].title(), open.kept.clone());
                    let swept = SweptRun { place, title, kept, begins: begins.take() };
                    // The versions of a text are learned with the same tokenizer.
                    let version = open.sweep.ablate.as_ref().and_then(|ablate| ablate.version(at));
                    let shares = version.is_some_and(|version| version.tokenizer.is_none());
                    let mut request = RunRequest::start(id, open.configs[at].clone(), launch);
                    request.sweep = Some(Box::new(swept));
                    request.tokenizer_of = open.runs.first().cloned().flatten().filter(|_| shares);
                    request
                }
            };
            let trained = self.train_one(request).await;
            if let Some(run) = self.current.take() {
                open.runs[at] = Some(run);
            }
            if trained.is_err() {
                // Other workers may have runs by now.
                open.refresh()?;
            }
            let ended = match trained {
                Ok(stopped) => stopped.then_some(Ok(())),
                Err(error) if open.survives(at, &error) => {
                    self.sink
                        .notice(format!("{}: {error}. The sweep continues", open.summary.rows[at].title()));
                    match &open.runs[at] {
                        Some(run) => {
                            let record = run.record()?;
                            let place = record.sweep.clone();
                            let sweep = place.map(|place| SweepPlace { given_up: true, ..place });
                            run.save_record(&RunRecord { sweep, ..record })?;
                            self.sink.answer(id, Event::TrainingEnded { run: run.summary_or_error() });
                        }
                        // It is tried again when the sweep is next started.
                        None => open.summary.rows[at].fail(error.to_string()),
                    }
                    None
                }
                Err(error) => {
                    self.current = open.runs[at].clone();
                    Some(Err(match error {
                        Error::Diverged(reason) if open.sweep.ablate.is_some() => Error::Diverged(format!(
                            "no run of the complete recipe is left to compare with; change the settings and the ablation's name: {reason}"
                        )),
                        error => error,
                    }))
                }
            };
            let read = open.read(at);
            if let Some(ended) = ended {
                open.report(&self.sink, id, false);
                return ended.and(read);
            }
            read?;
        }
    }
}

impl Session {
    /// Awaits work that stopping the training cancels.
    pub(super) async fn stoppable<T>(
        &mut self,
        work: (u64, &'static str),
        does: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let (sink, evaluations) = (self.sink.clone(), self.evaluations.clone());
        let mut inbox = std::mem::take(&mut self.inbox);
        let ends = |command: &Command| *command == Steer::Stop.into();
        let done = cancellable(&mut inbox, &sink, &evaluations, work, ends, None, does(self)).await;
        self.inbox = inbox;
        done
    }

    /// Awaits work of a sweep between its runs; `None` if the sweep was stopped meanwhile.
    async fn until_stopped<T>(
        &mut self,
        work: (u64, &'static str),
        does: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.stoppable(work, does).await {
            Err(Error::Cancelled(_)) => {
                // As after a failure: what was set aside for a run that has not begun is restored.
                self.settle_claim(false);
                if let Err(error) = self.take_documents_back() {
                    self.sink.notice(error.to_string());
                }
                self.say_state(TrainingState::Idle, 0, 0);
                Ok(None)
            }
            done => done.map(Some),
        }
    }

    /// Chooses the sizes of a ladder, or cleans the versions of a text.
    async fn begin_sweep(
        &mut self,
        id: u64,
        sweep: &Sweep,
        config: &RunConfig,
        launch: &RunLaunch,
    ) -> Result<(Vec<LadderPoint>, Option<AblatedText>)> {
        Ok(match (&sweep.ladder, &sweep.ablate) {
            (Some(ladder), _) => (self.choose_sizes(id, ladder, config, launch).await?, None),
            (None, Some(ablate)) => {
                let inputs = self.ablated_files(&sweep.name, config)?;
                let text = self.clean_versions(id, &sweep.name, ablate, &inputs, config.seed).await;
                if text.is_err() {
                    files::remove_dir_all(self.opened()?.project.sweep_folder(&sweep.name)).ok();
                }
                (Vec::new(), Some(text?))
            }
            (None, None) => (Vec::new(), None),
        })
    }
}

/// Waits until a sweep has a run, or nobody else is about to begin it: then claims that. Otherwise two sweeps of the same name could mix,
/// and each worker would prepare the text.
async fn begin_alone(project: &Project, sweep: &str) -> Result<Option<SweepClaim>> {
    loop {
        let claim = project.claim_of_sweep(sweep, "begin")?;
        if project.runs()?.iter().any(|run| place_in(run, sweep).is_some()) {
            return Ok(None);
        }
        if claim.is_some() {
            return Ok(claim);
        }
        platform::pause(LOOK_AGAIN_SECONDS).await?;
    }
}

fn place_in(run: &Run, sweep: &str) -> Option<SweepPlace> {
    run.record().ok()?.sweep.filter(|place| place.name == sweep)
}

/// The importance of the settings that vary.
fn importance(summary: &SweepSummary) -> Vec<Metric> {
    let finished = summary.rows.iter().filter(|row| row.state == SweepState::Finished);
    let (rows, losses): (Vec<&SweepRow>, Vec<f64>) =
        finished.filter_map(|row| Some((row, f64::from(row.loss?)))).unzip();
    let mut settings: Vec<(&str, Vec<&str>)> = Vec::new();
    for (at, path) in summary.settings().enumerate() {
        let values = rows.iter().filter_map(|row| row.values.get(at)).map(|(_, value)| value.as_str());
        settings.push((path, values.collect()));
    }
    settings.retain(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]));
    let (paths, values): (Vec<&str>, Vec<Vec<&str>>) = settings.into_iter().unzip();
    let bootstrap = Bootstrap { resamples: RESAMPLES, ..Bootstrap::default() };
    let effects = main_effects(&values, &losses, &bootstrap).unwrap_or_default();
    let share = |(path, (share, interval)): (&str, (f64, Option<[f64; 2]>))| Metric {
        name: path.to_owned(),
        value: Some(share),
        interval,
        count: losses.len() as u64,
        of: "runs".to_owned(),
        ..Metric::default()
    };
    paths.into_iter().zip(effects).map(share).collect()
}

/// A sweep with the runs that the project has of it; runs, settings and rows have the same indices.
struct OpenSweep {
    sweep: Sweep,
    kept: KeptSweep,
    configs: Vec<RunConfig>,
    runs: Vec<Option<Run>>,
    /// For an ablation, the losses of the held-out documents; empty for runs that are not measured yet.
    documents: Vec<Vec<DocumentLoss>>,
    summary: SweepSummary,
    project: Project,
    /// The row in training; the whole sweep if its runs are trained in order.
    claim: Option<SweepClaim>,
}

impl OpenSweep {
    /// `sweep` is the file of `kept`, whose sizes of a ladder or versions of a text are used.
    fn new(project: &Project, mut sweep: Sweep, kept: KeptSweep) -> Result<Self> {
        if let Some(ladder) = &mut sweep.ladder {
            ladder.points.clone_from(&kept.points);
        }
        if let (Some(ablate), Some(text)) = (&mut sweep.ablate, &kept.text) {
            ablate.folder = project.sweep_folder(&sweep.name).display().to_string();
            ablate.text.clone_from(text);
        }
        let points = sweep.points(&kept.config).map_err(Error::Refused)?;
        let (rows, configs): (Vec<SweepRow>, _) = points.into_iter().unzip();
        let (name, toml) = (sweep.name.clone(), kept.toml.clone());
        let (runs, documents) = (vec![None; rows.len()], vec![Vec::new(); rows.len()]);
        let summary = SweepSummary { name, toml, rows, ..SweepSummary::default() };
        let project = project.clone();
        let mut open = Self { sweep, kept, configs, runs, documents, summary, project, claim: None };
        open.refresh()?;
        Ok(open)
    }

    /// Reads the runs that are not over; other workers may have begun or continued them.
    fn refresh(&mut self) -> Result<()> {
        for run in self.project.runs()? {
            if let Some(at) = place_in(&run, &self.sweep.name).map(|place| place.point)
                && self.summary.rows.get(at).is_some_and(|row| !row.is_over())
            {
                self.runs[at] = Some(run.clone());
                match self.read(at) {
                    // Another worker has removed a run that never started.
                    Err(_) if !files::is_dir(run.folder()) => self.runs[at] = None,
                    read => read?,
                }
            }
        }
        self.mark_failed();
        Ok(())
    }

    fn mark_failed(&mut self) {
        for (run, row) in self.runs.iter().zip(&mut self.summary.rows) {
            // A run deleted while the sweep works on others is not trained again.
            if run.as_ref().is_some_and(Run::is_deleted) {
                row.fail("it was deleted".to_owned());
            }
        }
        if let Some(ablate) = &self.sweep.ablate {
            // Nothing to compare the others of its seed with.
            for rows in self.summary.rows.chunks_mut(ablate.learned().count().max(1)) {
                let Some((SweepRow { state: SweepState::Failed, .. }, twins)) = rows.split_first_mut() else {
                    continue;
                };
                for twin in twins.iter_mut().filter(|twin| !twin.is_over()) {
                    twin.fail("the run on the complete recipe's text failed with this seed".to_owned());
                }
            }
        }
    }

    /// Chooses what to train next and claims it. Returns whether that has to wait for other workers.
    fn claim_next(&mut self) -> Result<bool> {
        self.refresh()?;
        if self.sweep.is_in_order() {
            return Ok(false);
        }
        for row in self.summary.rows.iter_mut().filter(|row| row.is_elsewhere()) {
            row.state = SweepState::Waiting;
        }
        loop {
            self.claim = None;
            let Some((at, _)) = self.sweep.next(&mut self.summary.rows) else { return Ok(false) };
            if self.summary.rows[at].is_elsewhere() {
                return Ok(true);
            }
            self.claim = self.project.claim_of_sweep(&self.sweep.name, at)?;
            if self.claim.is_none() {
                self.summary.rows[at].state = SweepState::Elsewhere;
                continue;
            }
            // Another worker may have trained it meanwhile.
            self.refresh()?;
            if self.sweep.next(&mut self.summary.rows).is_some_and(|(next, _)| next == at) {
                return Ok(false);
            }
        }
    }

    /// Reports its state.
    fn report(&mut self, sink: &EventSink, id: u64, goes_on: bool) {
        self.mark_failed();
        self.summary.settle(&self.sweep, goes_on);
        self.find();
        sink.answer(id, Event::Sweep { sweep: Box::new(self.summary.clone()) });
    }

    /// Conclusions from the runs so far. Laws and importance are computed and kept whenever a run is over.
    fn find(&mut self) {
        if let Some(ablate) = &self.sweep.ablate {
            self.summary.ablation = Some(effects(ablate, &self.documents));
            return;
        }
        let over = |row: &SweepRow| (row.is_over(), row.loss.filter(|_| row.is_over()));
        let of: Vec<_> = self.summary.rows.iter().map(over).collect();
        if self.kept.findings.of != of {
            // The sizes of a ladder vary together.
            let (importance, scaling) = match self.sweep.ladder {
                Some(_) => (Vec::new(), Some(scaling(&self.summary.rows))),
                None => (importance(&self.summary), None),
            };
            self.kept.findings = SweepFindings { of, importance, scaling };
            if self.runs.iter().any(Option::is_some) {
                // If that fails, they are computed again.
                self.project.keep_sweep(&self.sweep.name, &self.kept).ok();
            }
        }
        let SweepFindings { importance, scaling, .. } = self.kept.findings.clone();
        (self.summary.importance, self.summary.scaling) = (importance, scaling);
    }

    /// A finished run of an ablation whose loss by document is not known yet.
    fn unmeasured(&self) -> Option<(usize, Run)> {
        self.sweep.ablate.as_ref()?;
        let mut rows = self.runs.iter().zip(&self.documents).zip(&self.summary.rows).enumerate();
        rows.find_map(|(at, ((run, documents), row))| {
            let run = run.as_ref().filter(|run| documents.is_empty() && !run.is_deleted())?;
            (row.state == SweepState::Finished).then(|| (at, run.clone()))
        })
    }

    /// Whether an error ends only a run: it diverged, or its settings cannot be trained where those of others can.
    fn survives(&self, at: usize, error: &Error) -> bool {
        let is_of_settings = matches!(
            error,
            Error::Refused(_) | Error::Invalid(_) | Error::Graph(_) | Error::OutOfMemory { .. }
        );
        let others =
            || self.runs.iter().any(Option::is_some) || self.summary.rows.iter().any(SweepRow::is_elsewhere);
        let has_others = || self.runs[at].is_none() && others();
        let diverged = matches!(error, Error::Diverged(_));
        match &self.sweep.ablate {
            // The others of its seed are compared with it.
            Some(ablate) if ablate.version(at).is_some_and(|version| version.name == WHOLE) => {
                let mut seeds = self.summary.rows.iter().enumerate().step_by(ablate.learned().count().max(1));
                diverged && seeds.any(|(other, row)| other != at && row.state != SweepState::Failed)
            }
            _ => diverged || is_of_settings && has_others(),
        }
    }

    fn read(&mut self, at: usize) -> Result<()> {
        let Some(run) = self.runs[at].as_ref().filter(|run| !run.is_deleted()) else { return Ok(()) };
        let (record, summary, row) = (run.record()?, run.summary()?, &mut self.summary.rows[at]);
        let evaluated = |event: TrainEvent| match event {
            TrainEvent::Eval { step: step @ 1.., val_loss, .. } if val_loss.is_finite() => {
                Some((step, val_loss))
            }
            _ => None,
        };
        let history = metrics::thinned(&run.metrics_path(), 0)?;
        row.losses = history.into_iter().filter_map(evaluated).collect();
        let mut losses = row.losses.iter().map(|(_, loss)| *loss);
        let is_last = row.size.is_some() || self.sweep.ablate.is_some();
        // As the run itself: its best checkpoint's, which may be the initial weights'.
        row.loss = if is_last { losses.next_back() } else { record.best_val_loss };
        row.interval = record.best_val_interval.filter(|_| row.loss == record.best_val_loss);
        (row.run, row.step, row.steps) = (Some(run.name()), summary.step, summary.steps);
        (row.seconds, row.error) = (record.seconds, record.error);
        if self.sweep.ablate.is_some()
            && let Some(losses) = run.evaluation()?.and_then(|own| own_losses(own, summary.step))
        {
            self.documents[at] = losses;
        }
        if record.sweep.is_some_and(|place| place.given_up) {
            let error = row.error.take().unwrap_or_default();
            row.fail(error);
        } else if summary.state == RunState::StoppedEarly || summary.step >= summary.steps {
            // A run stopped in its last step has done all of them.
            row.state = SweepState::Finished;
        }
        Ok(())
    }
}
