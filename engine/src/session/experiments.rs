//! Experiments that choose settings: the range test of learning rates, and sweeps.

use super::Session;
use super::training::{RunRequest, set_visible};
use crate::platform;
use crate::project::{KeptSweep, Project, Run, RunRecord, SweepPlace, metrics};
use crate::protocol::{
    Event, RangeCurve, RangeTest, RunConfig, RunLaunch, RunState, Standing, Sweep, SweepPoint, SweepRow,
    SweepState, SweepSummary, TrainEvent,
};
use crate::training::{Options, Progress};
use crate::{Error, Result};

/// A run of a sweep, and what is known of it.
struct Swept {
    point: SweepPoint,
    run: Option<Run>,
    standing: Standing,
    row: SweepRow,
}

impl Session {
    /// Trains with a rising rate in a run that is gone afterwards.
    pub(super) async fn find_rate(&mut self, id: u64, config: RunConfig, test: RangeTest) -> Result<()> {
        self.opened()?;
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
        // Its folder is removed after the trainer has closed its files.
        drop(trainer);
        drop(staged);
        curve.suggest();
        self.sink.answer(id, Event::RangeTested { curve: Box::new(curve) });
        Ok(())
    }

    /// Reports the state of the sweep that was started last, if any.
    pub(super) fn tell_last_sweep(&mut self, id: u64) -> Result<()> {
        let project = &self.opened()?.project;
        let place = project.runs()?.iter().rev().find_map(|run| run.record().ok()?.sweep);
        let Some(kept) = place.map(|place| project.sweep(&place.name)).transpose()?.flatten() else {
            return Ok(());
        };
        let sweep = Sweep::from_toml(&kept.toml).map_err(Error::Refused)?;
        let points = sweep.points(&kept.config).map_err(Error::Refused)?;
        let all = swept(project, &sweep, points)?;
        let (next, dropped) = next_of(&sweep, &all);
        let sweep = Box::new(summary(&sweep, &kept.toml, &all, &dropped, (None, next.is_none())));
        self.sink.answer(id, Event::Sweep { sweep });
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
        let kept = match project.sweep(&sweep.name)? {
            Some(kept) if Sweep::from_toml(&kept.toml).as_ref() == Ok(&sweep) => {
                if kept.config != config {
                    let text = "the sweep continues with the settings that it was started with; to use others, change its name";
                    self.sink.notice(text.to_owned());
                }
                kept
            }
            Some(_) => {
                return Err(Error::Refused(format!(
                    "the project has another sweep called {}; change `name` in the file, or delete {} to start over",
                    sweep.name,
                    project.sweep_path(&sweep.name).display()
                )));
            }
            None => KeptSweep { toml, config },
        };
        let points = sweep.points(&kept.config).map_err(Error::Refused)?;
        let mut all = swept(&project, &sweep, points)?;
        let mut is_kept = false;
        loop {
            for swept in &mut all {
                swept.notice_deletion();
            }
            let (next, dropped) = next_of(&sweep, &all);
            let sink = self.sink.clone();
            let say = |all: &[Swept], current| {
                let sweep = Box::new(summary(&sweep, &kept.toml, all, &dropped, (current, next.is_none())));
                sink.answer(id, Event::Sweep { sweep });
            };
            say(&all, next);
            let Some((at, until)) = next else { return Ok(()) };
            let Some(swept) = all.get_mut(at) else { return Ok(()) };
            // Epochs may become more steps than the settings say.
            let stop_after = Some(until).filter(|until| sweep.stop.rungs.contains(until));
            let launch = RunLaunch { stop_after, ..launch.clone() };
            let request = match &swept.run {
                Some(run) => RunRequest::resume(id, Some(run.name()), launch),
                None => {
                    let place = SweepPlace { name: sweep.name.clone(), point: at, given_up: false };
                    RunRequest::start(id, swept.point.config.clone(), launch)
                        .in_sweep(place, swept.point.title())
                }
            };
            let trained = self.train_one(request).await;
            let run = self.current.take();
            if run.is_some() && !std::mem::replace(&mut is_kept, true) {
                project.keep_sweep(&sweep.name, &kept)?;
            }
            swept.run = run.or(swept.run.take());
            let stopped = match trained {
                Ok(stopped) => stopped,
                Err(error @ Error::Diverged(_)) => {
                    self.sink.notice(format!("{}: {error}. The sweep goes on", swept.point.title()));
                    if let Some(run) = &swept.run {
                        let record = run.record()?;
                        let sweep = record.sweep.clone().map(|place| SweepPlace { given_up: true, ..place });
                        run.save_record(&RunRecord { sweep, ..record })?;
                        self.sink.answer(id, Event::TrainingEnded { run: run.summary_or_error() });
                    }
                    false
                }
                Err(error) => {
                    self.current = swept.run.clone();
                    say(&all, None);
                    return Err(error);
                }
            };
            swept.read()?;
            if stopped {
                say(&all, None);
                return Ok(());
            }
        }
    }
}

fn next_of(sweep: &Sweep, all: &[Swept]) -> (Option<(usize, u64)>, Vec<usize>) {
    let standings: Vec<Standing> = all.iter().map(|swept| swept.standing.clone()).collect();
    sweep.next(&standings)
}

/// The points of a sweep with the runs that the project has of them.
fn swept(project: &Project, sweep: &Sweep, points: Vec<SweepPoint>) -> Result<Vec<Swept>> {
    let all = points.into_iter().map(|point| {
        let steps = point.config.train.steps;
        let values = point.values.iter().map(|(_, value)| value.clone()).collect();
        let row = SweepRow { values, steps, ..SweepRow::default() };
        Swept { point, run: None, standing: Standing { steps, ..Standing::default() }, row }
    });
    let mut all: Vec<Swept> = all.collect();
    for run in project.runs()? {
        let place = run.record().ok().and_then(|record| record.sweep);
        let place = place.filter(|place| place.name == sweep.name);
        if let Some(swept) = place.and_then(|place| all.get_mut(place.point)) {
            swept.run = Some(run);
            swept.read()?;
        }
    }
    Ok(all)
}

impl Swept {
    /// Reads what its run has done.
    fn read(&mut self) -> Result<()> {
        let Some(run) = self.run.as_ref().filter(|run| !run.is_deleted()) else { return Ok(()) };
        let (record, summary) = (run.record()?, run.summary()?);
        let diverged = record.sweep.is_some_and(|place| place.given_up);
        let evaluated = |event: TrainEvent| match event {
            TrainEvent::Eval { step, val_loss, .. } => Some((step, val_loss)),
            _ => None,
        };
        let losses = match diverged {
            true => Vec::new(),
            false => metrics::read(&run.metrics_path())?.into_iter().filter_map(evaluated).collect(),
        };
        let is_done = matches!(summary.state, RunState::Finished | RunState::StoppedEarly);
        self.standing =
            Standing { step: summary.step, steps: summary.steps, losses, ended: is_done || diverged };
        self.row = SweepRow {
            values: std::mem::take(&mut self.row.values),
            run: Some(run.name()),
            state: match (diverged, is_done) {
                (true, _) => SweepState::Failed,
                (_, true) => SweepState::Finished,
                _ => SweepState::Begun,
            },
            step: summary.step,
            steps: summary.steps,
            loss: record.best_val_loss,
            interval: record.best_val_interval,
            seconds: record.seconds,
            error: record.error,
        };
        Ok(())
    }

    /// A run deleted while the sweep works on others is not trained again.
    fn notice_deletion(&mut self) {
        if self.run.as_ref().is_some_and(Run::is_deleted) {
            (self.standing.ended, self.standing.losses) = (true, Vec::new());
            (self.row.state, self.row.error) = (SweepState::Failed, Some("it was deleted".to_owned()));
        }
    }
}

fn summary(
    sweep: &Sweep,
    toml: &str,
    all: &[Swept],
    dropped: &[usize],
    (current, complete): (Option<(usize, u64)>, bool),
) -> SweepSummary {
    let rows = all.iter().enumerate().map(|(at, swept)| {
        let state = match swept.row.state {
            SweepState::Begun if current.is_some_and(|(trains, _)| trains == at) => SweepState::Training,
            SweepState::Waiting if current.is_some_and(|(trains, _)| trains == at) => SweepState::Training,
            SweepState::Begun if dropped.contains(&at) => SweepState::Dropped,
            state => state,
        };
        SweepRow { state, ..swept.row.clone() }
    });
    let settings = all.first().map(|swept| swept.point.values.iter().map(|(path, _)| path.clone()).collect());
    SweepSummary {
        name: sweep.name.clone(),
        toml: toml.to_owned(),
        settings: settings.unwrap_or_default(),
        rows: rows.collect(),
        current,
        best: None,
        complete,
    }
    .with_best()
}
