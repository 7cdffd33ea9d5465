//! Starts a session of a run, from initial weights or from a checkpoint.

use super::reference::{self, TEACHER_FILE};
use super::{GROUP_SECONDS, MAX_GROUP_STEPS, Options, StepGroup, Timing, Trainer, average};
use crate::TrainEvent;
use crate::guard::Guard;
use crate::tensorboard::TensorboardWriter;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::{TrainingGraphs, own_parameters};
use glasshouse_compiler::step::ArenaState;
use glasshouse_executors::executor::Executor;
use glasshouse_platform::energy::{self, Meter};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_project::checkpoint::{Checkpoints, Content, Loaded};
use glasshouse_project::initial;
use glasshouse_project::metrics::{self, MetricsWriter, Resumed};
use glasshouse_project::{Curve, Run, RunRecord, Teacher};
use glasshouse_protocol::{CheckpointChoice, RunConfig, RunState};
use glasshouse_text::data::{Batches, Reference};
use std::collections::VecDeque;
use web_time::Instant;

impl<'data> Trainer<'data> {
    /// Starts a run created by [`glasshouse_project::Project::create_run`], from the initial `weights` (in the run's arena layout, without
    /// moments; `None` for random ones), or with `resume` continues it from its latest intact checkpoint; on the same device, results are
    /// bit-identical to an uninterrupted run. Notices (a damaged checkpoint, another device) are the first events. `graphs` must be those that the executor was
    /// opened with, and `batches` must be drawn with the run's seed. Fails if a run to be started has already started, every checkpoint is
    /// damaged or belongs to another model, another process has locked the run, or the executor or the disk fails.
    pub async fn begin(
        run: Run,
        graphs: &TrainingGraphs,
        batches: Batches<'data>,
        mut executor: Executor,
        options: Options,
        resume: bool,
        weights: Option<ArenaState>,
    ) -> Result<Self> {
        let lock = run.lock()?;
        let config = run.config()?;
        let config_crc32c = run.config_crc32c()?;
        let mut record = run.record()?;
        if !resume && record.state != RunState::Created {
            let reason = "this run has already started; resume it, or start a new one";
            return Err(Error::bad_file(run.folder(), reason));
        }
        let taught = weights_of_teacher(&run, &config).await?;
        let parameters = own_parameters(&graphs.train.parameters);
        let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
        let mut notices = Vec::new();
        let loaded = if resume {
            let (latest, content) = (CheckpointChoice::Latest, Content::WeightsAndMoments);
            checkpoints.load(&latest, &parameters, content, &Yielder::new()).await?
        } else {
            None
        };
        let lost_best = checkpoints.keep_best()?;
        let best_is_lost = lost_best.is_some();
        let (step, saved, best, mut state, remembered) = match loaded {
            Some(Loaded { info, state, notices: damage, .. }) => {
                notices.extend(damage);
                notices.extend(lost_best);
                run.check_model(&info, &config)?;
                if info.config_crc32c != config_crc32c {
                    notices.push(
                        "run.toml was changed after this checkpoint; later losses are those of the changed settings"
                            .to_owned(),
                    );
                }
                let best = info.best_val_loss.filter(|_| !best_is_lost);
                (info.step, Some(info.step), best, state, info.guard)
            }
            None => {
                if resume {
                    check_never_saved(&run, &record)?;
                    notices.push("the run has no checkpoint yet; it starts at step 0".to_owned());
                }
                (0, None, None, initial_state(&config, &parameters, weights).await, None)
            }
        };
        let (metrics, resumed) = if resume {
            MetricsWriter::resume(&run.metrics_path(), step)?
        } else {
            (MetricsWriter::create(&run.metrics_path())?, Resumed::default())
        };
        notices.extend(resumed.notice);
        let tensorboard = TensorboardWriter::open(&run.tensorboard_folder(), resume.then_some(step))?;
        let average = average::first(&config.train, &parameters, &mut state);
        if !taught.is_empty() {
            state.weights_mut().extend(taught);
        }
        executor.set_state(&state).await?;
        drop(state);
        let device = executor.describe();
        if let Some(before) = record.device.as_ref().filter(|before| !before.repeats(&device)) {
            notices.push(format!(
                "the run was trained on {before} and continues on {device}: its losses will differ in their last digits"
            ));
        }
        record.device = Some(device);
        record.parameters = parameters.iter().map(|parameter| parameter.ty.count() as u64).sum();
        record.evaluate_whole_split |= options.evaluate_whole_split;
        record.held_out = batches.held_out();
        record.error = None;
        record.curve.cut(step);
        if resume && record.curve.is_empty() {
            // A record of an earlier version, or of a restored checkpoint.
            for event in metrics::thinned(&run.metrics_path(), Curve::POINTS)? {
                match event {
                    TrainEvent::Step { step, loss, .. } => record.curve.add(step, loss),
                    TrainEvent::Sample { text, .. } => record.curve.sample = text,
                    _ => {}
                }
            }
        }
        // A mistake in the user's figures was reported before.
        record.watts = energy::settings().unwrap_or_default().watts;
        if record.state == RunState::StoppedEarly {
            // Resuming restarts the patience.
            record.patience_from = Some(step);
        }
        let evaluated = resumed.last_evaluation;
        let pace = Timing {
            began: Instant::now(),
            step_seconds: None,
            tokens: 0,
            steps: 0,
            training_seconds: 0.0,
            evaluation_seconds: None,
            // A resumed run already had its early sample, or will soon have one due by its step.
            sampled: step > 0,
            earlier_seconds: record.seconds,
            saved: Instant::now(),
            saving_seconds: 0.0,
            meter: Meter::system(),
            metered: Instant::now(),
        };
        let guard = Guard::new(&config, remembered);
        let mut trainer = Self {
            run,
            config,
            parameters,
            batches,
            executor,
            options,
            checkpoints,
            metrics,
            tensorboard,
            lens: None,
            record,
            config_crc32c,
            step,
            saved,
            evaluated,
            best,
            best_here: false,
            interval: None,
            validations: resumed.validations,
            stopped_early: None,
            actions: VecDeque::new(),
            ready: VecDeque::new(),
            failure: None,
            over: false,
            pace,
            group: StepGroup { seconds: GROUP_SECONDS, steps: MAX_GROUP_STEPS },
            guard,
            average,
            rewards: super::reward::Rewards::default(),
            reference: Reference::default(),
            reference_told: None,
            _lock: lock,
        };
        for notice in notices {
            trainer.notice(notice);
        }
        if let Some((from, to)) = resumed.gap {
            trainer.emit(TrainEvent::Gap { from, to })?;
            trainer.metrics.sync()?;
        }
        trainer.take_reference()?;
        trainer.take_rewards().await?;
        trainer.save_record(RunState::Running)?;
        let evaluated_here = evaluated.filter(|(at, ..)| *at == step);
        trainer.plan_actions(evaluated_here.is_some(), resumed.sampled);
        if let Some((_, _, val_loss)) = evaluated_here {
            // The last session may have died between an evaluation and saving the best checkpoint.
            trainer.take_if_best(val_loss);
            trainer.stop_early()?;
        }
        trainer.remember(&resumed.samples);
        Ok(trainer)
    }
}

/// Fails if the run's checkpoints are lost: it must not begin anew in their place.
fn check_never_saved(run: &Run, record: &RunRecord) -> Result<()> {
    // A run may fail before its first checkpoint.
    let reached = Some(record.step).filter(|_| record.state != RunState::Failed);
    let saved = metrics::last_checkpoint(&run.metrics_path())?.or(reached).filter(|step| *step > 0);
    saved.map_or(Ok(()), |step| {
        let reason = format!(
            "the run was saved at step {step}, but no checkpoint can be found or read; restore this folder from a copy, or start a new run"
        );
        Err(Error::bad_file(run.checkpoints_folder(), reason))
    })
}

/// The weights of the run's teacher, if any. They are stored with the run from its start.
async fn weights_of_teacher(run: &Run, config: &RunConfig) -> Result<Vec<f32>> {
    if !config.train.objective.has_teacher() {
        return Ok(Vec::new());
    }
    let (run, config) = (run.clone(), config.clone());
    let read = move || {
        let (path, count) = (run.folder().join(TEACHER_FILE), Teacher::length(&config)?);
        let load = || Teacher::weights(&run.project()?, &config);
        reference::kept(&path, &config.train.distil.teacher, count, load)
    };
    glasshouse_platform::spawn_blocking(read).await?
}

/// The given weights or those of the seed, and zero moments.
async fn initial_state(
    config: &RunConfig,
    parameters: &[Parameter],
    weights: Option<ArenaState>,
) -> ArenaState {
    let weights = match weights {
        Some(weights) => weights,
        None => ArenaState::from_weights(initial::parameters(parameters, config.seed, &Yielder::new()).await),
    };
    let zeros = initial::zero_moments(&config.train, parameters);
    ArenaState { first_moments: zeros.first_moments, second_moments: zeros.second_moments, ..weights }
}
