//! Experiments that choose settings: the range test of learning rates, and sweeps.

use super::training::{PREPARING, RunRequest, set_visible};
use super::{EventSink, Session, cancellable};
use crate::metrics::law::scaling;
use crate::metrics::statistics::{Bootstrap, main_effects};
use crate::platform;
use crate::project::{KeptSweep, Project, Run, RunRecord, SweepPlace, SweptRun, metrics};
use crate::protocol::evaluation::Metric;
use crate::protocol::{
    Command, Event, RangeCurve, RangeTest, RunConfig, RunLaunch, RunState, Steer, Sweep, SweepRow,
    SweepState, SweepSummary, TrainEvent, TrainingState,
};
use crate::training::{Options, Progress};
use crate::{Error, Result};

/// Resamples for the importance of settings, which is measured again whenever a run ends.
const RESAMPLES: u32 = 1000;

impl Session {
    /// Trains with a rising rate in a run that is gone afterwards.
    pub(super) async fn find_rate(&mut self, id: u64, config: RunConfig, test: RangeTest) -> Result<()> {
        test.check().map_err(Error::Refused)?;
        if config.train.objective.answers_prompts() {
            let reason =
                "rewards have no loss that shows a good learning rate; sweep train.learning_rate instead";
            return Err(Error::Refused(reason.to_owned()));
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
        self.sink.answer(id, Event::RangeTested { curve: Box::new(curve) });
        Ok(())
    }

    /// Reports the state of the sweep that was started last, if any.
    pub(super) fn tell_last_sweep(&mut self, id: u64) -> Result<()> {
        let project = &self.opened()?.project;
        let place = project.runs()?.iter().rev().find_map(|run| run.record().ok()?.sweep);
        if let Some(kept) = place.map(|place| project.sweep(&place.name)).transpose()?.flatten() {
            let sweep = Sweep::from_toml(&kept.toml).map_err(Error::Refused)?;
            OpenSweep::new(project, sweep, kept)?.tell(&self.sink, id, false);
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
        let has_runs = project.runs()?.iter().any(|run| place_in(run, &sweep.name).is_some());
        let kept = match project.sweep(&sweep.name)?.filter(|_| has_runs) {
            Some(kept) if Sweep::from_toml(&kept.toml).as_ref() == Ok(&sweep) => {
                if kept.config != config {
                    let text = "the sweep continues with the settings that it was started with; to use others, change its name";
                    self.sink.notice(text.to_owned());
                }
                kept
            }
            Some(_) => {
                // What is wrong with the file itself is said first.
                sweep.points(&config).map_err(Error::Refused)?;
                return Err(Error::Refused(format!(
                    "the project has runs of another sweep called {}; change its name (`name` in the file), or delete those runs",
                    sweep.name
                )));
            }
            None => {
                let points = match &sweep.ladder {
                    Some(ladder) => {
                        self.say_state(TrainingState::Preparing, 0, 0);
                        let (sink, evaluations) = (self.sink.clone(), self.evaluations.clone());
                        let mut inbox = std::mem::take(&mut self.inbox);
                        let ends = |command: &Command| *command == Steer::Stop.into();
                        let (work, chosen) =
                            ((id, PREPARING), self.choose_sizes(id, ladder, &config, &launch));
                        let chosen =
                            cancellable(&mut inbox, &sink, &evaluations, work, ends, None, chosen).await;
                        self.inbox = inbox;
                        chosen?
                    }
                    None => Vec::new(),
                };
                KeptSweep { toml, config, points }
            }
        };
        let mut open = OpenSweep::new(&project, sweep, kept)?;
        loop {
            open.tell(&self.sink, id, true);
            let Some((at, until)) = open.summary.current else { return Ok(()) };
            // Epochs may become more steps than the settings say.
            let stop_after = Some(until).filter(|until| open.sweep.stop.rungs.contains(until));
            let launch = RunLaunch { stop_after, seconds: None, ..launch.clone() };
            let request = match &open.runs[at] {
                Some(run) => RunRequest::resume(id, Some(run.name()), launch),
                None => {
                    let place = SweepPlace { name: open.sweep.name.clone(), point: at, given_up: false };
                    let swept =
                        SweptRun { place, title: open.summary.rows[at].title(), kept: open.kept.clone() };
                    RunRequest::start(id, open.configs[at].clone(), launch).in_sweep(swept)
                }
            };
            let trained = self.train_one(request).await;
            if let Some(run) = self.current.take() {
                open.runs[at] = Some(run);
            }
            let ended = match trained {
                Ok(stopped) => stopped.then_some(Ok(())),
                Err(error) if open.survives(at, &error) => {
                    self.sink
                        .notice(format!("{}: {error}. The sweep goes on", open.summary.rows[at].title()));
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
                    Some(Err(error))
                }
            };
            let read = open.read(at);
            if let Some(ended) = ended {
                open.tell(&self.sink, id, false);
                return ended.and(read);
            }
            read?;
        }
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
    summary: SweepSummary,
}

impl OpenSweep {
    /// `sweep` is the file of `kept`, whose sizes of a ladder are used.
    fn new(project: &Project, mut sweep: Sweep, kept: KeptSweep) -> Result<Self> {
        if let Some(ladder) = &mut sweep.ladder {
            ladder.points.clone_from(&kept.points);
        }
        let points = sweep.points(&kept.config).map_err(Error::Refused)?;
        let (rows, configs): (Vec<SweepRow>, _) = points.into_iter().unzip();
        let (name, toml) = (sweep.name.clone(), kept.toml.clone());
        let runs = vec![None; rows.len()];
        let summary = SweepSummary { name, toml, rows, ..SweepSummary::default() };
        let mut open = Self { sweep, kept, configs, runs, summary };
        for run in project.runs()? {
            if let Some(at) = place_in(&run, &open.sweep.name).map(|place| place.point)
                && let Some(own) = open.runs.get_mut(at)
            {
                *own = Some(run);
                open.read(at)?;
            }
        }
        Ok(open)
    }

    /// Reports its state.
    fn tell(&mut self, sink: &EventSink, id: u64, goes_on: bool) {
        for (run, row) in self.runs.iter().zip(&mut self.summary.rows) {
            // A run deleted while the sweep works on others is not trained again.
            if run.as_ref().is_some_and(Run::is_deleted) {
                row.fail("it was deleted".to_owned());
            }
        }
        self.summary.settle(&self.sweep, goes_on);
        // The sizes of a ladder vary together.
        match self.sweep.ladder {
            Some(_) => self.summary.scaling = Some(scaling(&self.summary.rows)),
            None => self.summary.importance = importance(&self.summary),
        }
        sink.answer(id, Event::Sweep { sweep: Box::new(self.summary.clone()) });
    }

    /// Whether an error ends only a run: it diverged, or its settings cannot be trained where those of others can.
    fn survives(&self, at: usize, error: &Error) -> bool {
        let is_of_settings = matches!(
            error,
            Error::Refused(_) | Error::Invalid(_) | Error::Graph(_) | Error::OutOfMemory { .. }
        );
        let has_others = || self.runs[at].is_none() && self.runs.iter().any(Option::is_some);
        matches!(error, Error::Diverged(_)) || is_of_settings && has_others()
    }

    /// Reads what a run has done.
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
        row.loss = if row.size.is_some() { losses.next_back() } else { losses.min_by(f32::total_cmp) };
        row.interval = record.best_val_interval.filter(|_| row.loss == record.best_val_loss);
        (row.run, row.step, row.steps) = (Some(run.name()), summary.step, summary.steps);
        (row.seconds, row.error) = (record.seconds, record.error);
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
