//! The training loop from start to end: schedules, bit-identical runs from the same seed, interruptions without a trace in the
//! numbers, and divergence.

use crate::runs::{
    config, create, events_until, last_checkpoint, notices, numbers, project, session, session_until,
    steps_of, store, with_trainer,
};
use crate::{common, runs};
use glasshouse_engine::checkpoint::{Checkpoints, Content};
use glasshouse_engine::data::{Batches, Split, TokenStore};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::gpu::Gpu;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::plan::lower::{Choice, Choices, Tier};
use glasshouse_engine::plan::trial;
use glasshouse_engine::project::{Project, Run, RunRecord, StagedRun, metrics, parameters_of};
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_engine::training::{Options, Progress, TrainEvent, Trainer};
use glasshouse_engine::{Result, Yielder};
use glasshouse_protocol::RunState;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{
    Adapter, CheckpointChoice, Decay, EarlyStopping, GuardKind, Milestones, OptimizerKind, Precision,
    RunConfig, Start, TrainConfig, Trainable, WeightFormat,
};
use glasshouse_tests::blocking;
use pollster::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn restore(project: &Project, run: &Run, checkpoint: &CheckpointChoice) -> Result<StagedRun> {
    block_on(glasshouse_engine::training::restore(project, run, checkpoint, &Yielder::none()))
}

#[test]
fn a_run_evaluates_saves_and_samples_when_it_should_and_learns() {
    let (_folder, project) = project();
    let run = create(&project, &config());
    let events = session(&run, &store(), "cpu", Options::default()).unwrap();
    let steps = steps_of(&events, |event| matches!(event, TrainEvent::Step { .. }));
    assert_eq!(steps, (1..=60).collect::<Vec<_>>());
    assert_eq!(steps_of(&events, |event| matches!(event, TrainEvent::Eval { .. })), [0, 20, 40, 60]);
    assert_eq!(steps_of(&events, |event| matches!(event, TrainEvent::Sample { .. })), [0, 25, 50, 60]);
    // Every best evaluation saves too.
    let best = steps_of(&events, |event| matches!(event, TrainEvent::Eval { best: true, .. }));
    let mut saved: Vec<u64> = best.iter().copied().chain([15, 30, 45, 60]).collect();
    saved.sort_unstable();
    saved.dedup();
    assert_eq!(steps_of(&events, |event| matches!(event, TrainEvent::Checkpoint { .. })), saved);
    let losses: Vec<f32> = found!(events.iter(), TrainEvent::Eval { val_loss, .. } => *val_loss).collect();
    assert!(
        (losses[0] - (runs::VOCABULARY as f32).ln()).abs() < 0.1 && losses[3] < losses[0] - 0.5,
        "{losses:?}"
    );
    let lowest = losses[1..].iter().copied().fold(f32::INFINITY, f32::min);
    match events.last() {
        Some(TrainEvent::Done {
            step: 60, finished: true, val_loss, best_val_loss, tokens_per_s, ..
        }) => {
            assert_eq!((*val_loss, *best_val_loss), (Some(losses[3]), Some(lowest)));
            assert!(*tokens_per_s > 0.0);
        }
        other => panic!("{other:?}"),
    }
    let record = run.record().unwrap();
    assert_eq!((record.state, record.step, record.best_val_loss), (RunState::Finished, 60, Some(lowest)));
    assert_eq!(numbers(&metrics::read(&run.metrics_path()).unwrap()), numbers(&events));
    let parameters = &training_graphs(&config().model, &config().train).unwrap().train.parameters;
    let best = blocking::load_checkpoint(&run, &CheckpointChoice::Best, parameters, Content::Weights);
    assert_eq!(best.info.val_loss, Some(lowest));
}

#[test]
fn equal_seeds_give_equal_bits_and_others_do_not() {
    let (_folder, project) = project();
    let train = |config: &RunConfig| {
        let run = create(&project, config);
        let events = session(&run, &store(), "cpu", Options::default()).unwrap();
        let recorded = std::fs::read(run.metrics_path()).unwrap();
        (numbers(&events), last_checkpoint(&events), recorded)
    };
    let first = train(&config());
    assert_eq!(first, train(&config()), "to the byte of metrics.jsonl");
    assert_ne!(first.0, train(&RunConfig { seed: 2, ..config() }).0);
}

/// Asserts that sixty steps with and without interruptions give the same numbers and the same final state, bit for bit.
fn interruptions_leave_no_trace(device: &str, config: &RunConfig) {
    let (_folder, project) = project();
    let store = store();
    let straight = session(&create(&project, config), &store, device, Options::default()).unwrap();
    let run = create(&project, config);
    // Between an evaluation and a checkpoint, as with `--stop-after 33`.
    let options = Options { stop_after: Some(33), ..Options::default() };
    let first = session(&run, &store, device, options).unwrap();
    assert!(
        matches!(first.last(), Some(TrainEvent::Done { step: 33, finished: false, .. })),
        "{:?}",
        first.last()
    );
    assert_eq!(run.record().unwrap().state, RunState::Stopped);
    // Then a crash seven steps later, so that those steps are repeated.
    let second =
        session_until(&run, &store, device, Options::default(), |event| event.step() == Some(40)).unwrap();
    assert_eq!(second.first().and_then(TrainEvent::step), Some(34));
    assert_eq!(run.record().unwrap().state, RunState::Running);
    let third = session(&run, &store, device, Options::default()).unwrap();
    assert_eq!(notices(&third), [""; 0]);
    let without_saves = |events: &[TrainEvent]| {
        let mut events = numbers(events);
        events.retain(|event| !matches!(event, TrainEvent::Checkpoint { .. }));
        events
    };
    let recorded = metrics::read(&run.metrics_path()).unwrap();
    assert_eq!(without_saves(&recorded), without_saves(&straight));
    assert_eq!(last_checkpoint(&third), last_checkpoint(&straight));
    let again = session(&run, &store, device, Options::default()).unwrap();
    assert!(matches!(again[..], [TrainEvent::Done { step: 60, finished: true, .. }]), "{again:?}");
}

#[test]
fn a_session_out_of_time_ends_with_an_evaluation_and_can_go_on() {
    let (_folder, project) = project();
    let run = create(&project, &config());
    let (before, none) = (Options { stop_after: Some(33), ..Options::default() }, Options::default());
    session(&run, &store(), "cpu", before).unwrap();
    let out = session(&run, &store(), "cpu", Options { seconds: Some(0), ..Options::default() }).unwrap();
    assert_eq!(steps_of(&out, |event| matches!(event, TrainEvent::Eval { .. })), [33]);
    assert!(
        matches!(out.last(), Some(TrainEvent::Done { step: 33, finished: false, val_loss: Some(_), .. })),
        "{out:?}"
    );
    assert_eq!(run.record().unwrap().state, RunState::Stopped);
    let rest = session(&run, &store(), "cpu", none).unwrap();
    let straight = session(&create(&project, &config()), &store(), "cpu", Options::default()).unwrap();
    // The guard remembers the additional evaluation, so the checkpoints are not the same files.
    let steps = |events: &[TrainEvent]| -> Vec<TrainEvent> {
        let after = |event: &TrainEvent| {
            matches!(event, TrainEvent::Step { .. }) && event.step().is_some_and(|step| step > 33)
        };
        numbers(events).into_iter().filter(after).collect()
    };
    assert_eq!((steps(&rest).len(), steps(&rest)), (27, steps(&straight)));
}

#[test]
fn interruptions_leave_no_trace_on_the_cpu() {
    interruptions_leave_no_trace("cpu", &config());
}

/// Trains about half of the model, with biases, norms and matrices among both the trained and the frozen parameters.
fn frozen() -> RunConfig {
    let patterns = ["embedding.positions", "blocks.1.mlp.*", "*norm.weight"];
    let trainable = Trainable::Patterns(patterns.map(str::to_owned).to_vec());
    RunConfig { train: TrainConfig { trainable, ..config().train }, ..config() }
}

#[test]
fn interruptions_leave_no_trace_where_parameters_are_frozen() {
    interruptions_leave_no_trace("cpu", &frozen());
}

/// An adapter with dropout; its parameters have moments.
#[test]
fn interruptions_leave_no_trace_where_an_adapter_trains() {
    let adapter = Adapter { rank: 4, alpha: 6.0, dropout: 0.1, ..Adapter::default() };
    // Also with base weights in 16 bits, which a checkpoint holds as rounded.
    for base in [WeightFormat::F32, WeightFormat::F16] {
        let train = TrainConfig { adapter: Some(Adapter { base, ..adapter.clone() }), ..config().train };
        interruptions_leave_no_trace("cpu", &RunConfig { train, ..config() });
    }
}

#[test]
fn interruptions_leave_no_trace_with_averaged_weights() {
    for base in [config(), frozen()] {
        let train = TrainConfig { ema: 0.99, ..base.train.clone() };
        interruptions_leave_no_trace("cpu", &RunConfig { train, ..base });
    }
}

#[test]
fn averaged_weights_are_evaluated_and_saved_and_do_not_change_training() {
    let (_folder, project) = project();
    let (store, ema) = (store(), 0.99_f64);
    let parameters = &training_graphs(&config().model, &config().train).unwrap().train.parameters;
    let trained = |ema: f64, steps: u64| {
        let run = create(&project, &RunConfig { train: TrainConfig { ema, ..config().train }, ..config() });
        let options = Options { stop_after: Some(steps), ..Options::default() };
        let events = session(&run, &store, "cpu", options).unwrap();
        let load =
            |content| blocking::load_checkpoint(&run, &CheckpointChoice::Latest, parameters, content).state;
        (events, load(Content::WeightsAndMoments), load(Content::Weights).parameters)
    };
    let layout = ArenaLayout::from_parameters(parameters);
    let mut expected = blocking::initial_parameters(parameters, config().seed);
    for steps in [10, 20, 30] {
        let (_, state, weights) = trained(0.0, steps);
        assert!(state.average.is_empty() && state.parameters == weights);
        let kept = ema.min((1.0 + steps as f64) / (10.0 + steps as f64)).powi(10);
        for (average, weight) in expected.iter_mut().zip(weights.iter()) {
            *average = (kept * f64::from(*average) + (1.0 - kept) * f64::from(*weight)) as f32;
        }
    }
    let (plain, plain_state, _) = trained(0.0, 30);
    let (events, state, weights) = trained(ema, 30);
    assert_eq!(state.parameters, plain_state.parameters);
    assert!(weights[..layout.trained_end] == state.average[..] && weights != state.parameters);
    assert!(expected.iter().zip(weights.iter()).all(|(one, other)| (one - other).abs() < 1e-6));
    let losses = |events: &[TrainEvent]| -> Vec<f32> {
        found!(events.iter(), TrainEvent::Step { loss, .. } => *loss).collect()
    };
    assert_eq!(losses(&events), losses(&plain));
    let (with, without) = (validations(&events), validations(&plain));
    assert!(with[0] == without[0] && with[1] != without[1], "{with:?} {without:?}");
}

#[test]
fn frozen_weights_are_where_a_model_has_them() {
    let (_folder, project) = project();
    for device in ["cpu".to_owned(), common::adapter()] {
        let run = create(&project, &frozen());
        let options = Options { stop_after: Some(15), ..Options::default() };
        session(&run, &store(), &device, options).unwrap();
        let weights =
            with_trainer(&run, &store(), &device, Options::default(), |trainer| block_on(trainer.weights()));
        let parameters = parameters_of(&frozen()).unwrap();
        let saved = blocking::load_checkpoint(&run, &CheckpointChoice::Latest, &parameters, Content::Weights);
        assert_eq!(weights.unwrap().unwrap(), *saved.state.parameters);
        // Frozen weights keep their initial values.
        let layout = ArenaLayout::from_parameters(&parameters);
        let first = blocking::initial_parameters(&parameters, frozen().seed);
        for (at, parameter) in parameters.iter().enumerate() {
            let range = layout.offsets[at]..layout.offsets[at] + layout.counts[at];
            let trained = frozen().train.trainable.includes(&parameter.name, 2, true);
            let same = first[range.clone()] == saved.state.parameters[range];
            assert_eq!(same, !trained, "{device}: {}", parameter.name);
        }
    }
}

/// A run whose record names non-default kernels continues with those.
#[test]
fn chosen_kernels_are_recorded_and_pinned() {
    let (_folder, project) = project();
    let store = store();
    let config = RunConfig { train: TrainConfig { steps: 24, ..config().train }, ..config() };
    let adapter = common::adapter();
    let gpu = block_on(Gpu::open(&adapter)).unwrap();
    let graph = training_graphs(&config.model, &config.train).unwrap().train;
    let other = Choice::tier(Tier::Tiled);
    let choices: Choices = trial::of_graph(&graph).iter().map(|trial| (trial.bucket, other)).collect();
    let begun = || {
        let run = create(&project, &config);
        let device = Some(gpu.with_choices(&choices).describe());
        run.save_record(&RunRecord { device, ..run.record().unwrap() }).unwrap();
        run
    };
    let straight = session(&begun(), &store, &adapter, Options::default()).unwrap();
    let run = begun();
    session(&run, &store, &adapter, Options { stop_after: Some(13), ..Options::default() }).unwrap();
    let device = run.record().unwrap().device.unwrap();
    assert_eq!(device.variants, choices.texts());
    assert!(device.variants.len() > 5, "{device:?}");
    let rest = session(&run, &store, &adapter, Options::default()).unwrap();
    assert_eq!(notices(&rest), [""; 0]);
    let losses = |events: &[TrainEvent]| {
        let mut events = numbers(events);
        events.retain(|event| matches!(event, TrainEvent::Step { .. } | TrainEvent::Eval { .. }));
        events
    };
    let recorded = metrics::read(&run.metrics_path()).unwrap();
    assert_eq!(losses(&recorded), losses(&straight));
    assert_eq!(run.record().unwrap().device.unwrap(), device);
}

#[test]
fn interruptions_leave_no_trace_on_the_gpu() {
    interruptions_leave_no_trace(&common::adapter(), &config());
}

fn mixed() -> RunConfig {
    let mut config = config();
    config.train.precision = Precision::Mixed;
    config
}

/// Muon's momentum is among the first moments.
#[test]
fn interruptions_leave_no_trace_with_muon() {
    for device in ["cpu".to_owned(), common::adapter()] {
        interruptions_leave_no_trace(&device, &muon());
    }
}

fn muon() -> RunConfig {
    RunConfig { train: TrainConfig { optimizer: OptimizerKind::Muon, ..config().train }, ..config() }
}

#[test]
fn a_run_with_muon_learns() {
    let (_folder, project) = project();
    let events = session(&create(&project, &muon()), &store(), "cpu", Options::default()).unwrap();
    let losses: Vec<f32> = found!(events.iter(), TrainEvent::Eval { val_loss, .. } => *val_loss).collect();
    assert!(losses[3] < losses[0] - 0.5, "{losses:?}");
}

#[test]
fn interruptions_leave_no_trace_in_mixed_precision() {
    interruptions_leave_no_trace(&common::adapter(), &mixed());
}

/// Training fails after ten steps without a finite loss. No scale of the loss mends that, so in mixed precision none is searched for, unlike
/// after gradients that are not finite.
#[test]
fn a_run_without_a_finite_loss_does_not_search_for_a_scale() {
    let (_folder, project) = project();
    let mut config = mixed();
    config.train.learning_rate = 1e30;
    (config.train.min_learning_rate, config.train.warmup_steps) = (0.0, 0);
    let run = create(&project, &config);
    let device = common::adapter();
    let error = session(&run, &store(), &device, Options::default()).unwrap_err().to_string();
    assert!(error.contains("no finite loss in the 10 steps"), "{error}");
    assert!(error.contains("train.precision = f32"), "{error}");
}

#[test]
fn mixed_precision_is_refused_where_there_is_no_f16() {
    let (_folder, project) = project();
    for device in ["cpu", "burn-flex"] {
        let run = create(&project, &mixed());
        let error = session(&run, &store(), device, Options::default()).unwrap_err().to_string();
        assert!(error.contains("no 16-bit floats") && error.contains("train in 32 bits"), "{error}");
    }
}

#[test]
fn a_request_to_stop_saves_and_what_was_due_is_done_on_resuming() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    let stop = Arc::new(AtomicBool::new(false));
    let options = Options { stop: stop.clone(), ..Options::default() };
    // Step 20 has an evaluation due; the request comes before it.
    let events = session_until(&run, &store, "cpu", options, |event| {
        if event.step() == Some(20) {
            stop.store(true, Ordering::Relaxed);
        }
        false
    })
    .unwrap();
    assert_eq!(steps_of(&events, |event| matches!(event, TrainEvent::Eval { .. })), [0]);
    assert!(matches!(events[events.len() - 2], TrainEvent::Checkpoint { step: 20, .. }), "{events:?}");
    assert!(matches!(events.last(), Some(TrainEvent::Done { step: 20, finished: false, .. })));
    let rest = session(&run, &store, "cpu", Options::default()).unwrap();
    assert!(matches!(rest.first(), Some(TrainEvent::Eval { step: 20, .. })), "{:?}", rest.first());
}

/// Asserts that the best checkpoint is that of step 20 after `interrupt` disturbs its evaluation.
fn best_after(interrupt: impl FnOnce(&Run) -> Vec<TrainEvent>) {
    let (_folder, project) = project();
    let run = create(&project, &config());
    // Saved at step 20 before the evaluation that is due there.
    let stop = Arc::new(AtomicBool::new(false));
    let options = Options { stop: stop.clone(), ..Options::default() };
    session_until(&run, &store(), "cpu", options, |event| {
        stop.fetch_or(event.step() == Some(20), Ordering::Relaxed);
        false
    })
    .unwrap();
    let events = interrupt(&run);
    let best = steps_of(&events, |event| matches!(event, TrainEvent::Eval { best: true, .. }));
    assert_eq!(best, [20]);
    session(&run, &store(), "cpu", Options { stop_after: Some(21), ..Options::default() }).unwrap();
    let parameters = &training_graphs(&config().model, &config().train).unwrap().train.parameters;
    let loaded = blocking::load_checkpoint(&run, &CheckpointChoice::Best, parameters, Content::Weights);
    assert_eq!(loaded.info.step, 20);
    assert_eq!(loaded.info.best_val_loss, loaded.info.val_loss);
    assert!(loaded.info.val_loss.is_some());
}

#[test]
fn a_stop_right_after_an_evaluation_keeps_the_best() {
    best_after(|run| {
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options { stop: stop.clone(), ..Options::default() };
        let events = session_until(run, &store(), "cpu", options, |event| {
            stop.fetch_or(matches!(event, TrainEvent::Eval { .. }), Ordering::Relaxed);
            false
        })
        .unwrap();
        assert!(matches!(
            events[..],
            [
                TrainEvent::Eval { step: 20, .. },
                TrainEvent::Checkpoint { step: 20, best: true, .. },
                TrainEvent::Done { .. }
            ]
        ));
        events
    });
}

#[test]
fn a_death_right_after_an_evaluation_keeps_the_best() {
    best_after(|run| {
        session_until(run, &store(), "cpu", Options::default(), |event| {
            matches!(event, TrainEvent::Eval { .. })
        })
        .unwrap()
    });
}

#[test]
fn resuming_a_run_that_died_before_its_first_checkpoint_begins_again() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session_until(&run, &store, "cpu", Options::default(), |event| event.step() == Some(4)).unwrap();
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    assert!(notices(&events)[0].contains("starts at step 0"), "{:?}", notices(&events));
    let straight = session(&create(&project, &config()), &store, "cpu", Options::default()).unwrap();
    assert_eq!(last_checkpoint(&events), last_checkpoint(&straight));
    assert_eq!(numbers(&metrics::read(&run.metrics_path()).unwrap()), numbers(&straight));
}

#[test]
fn a_sample_that_fails_ends_nothing() {
    let (_folder, project) = project();
    let run = create(&project, &config());
    let finished = with_trainer(&run, &store(), "cpu", Options::default(), |trainer| {
        loop {
            match block_on(trainer.next()).unwrap() {
                Progress::SampleDue(request) => {
                    let text = format!("no sample at step {}: the prompt is empty", request.step);
                    assert_eq!(
                        trainer.sample_failed("the prompt is empty").unwrap(),
                        TrainEvent::Notice { text }
                    );
                }
                Progress::Event(TrainEvent::Done { finished, .. }) => break finished,
                Progress::Event(_) => {}
                Progress::Working => {}
                Progress::Over => panic!("no Done came"),
            }
        }
    });
    assert!(finished.unwrap());
    assert_eq!(run.record().unwrap().state, RunState::Finished);
    let recorded = metrics::read(&run.metrics_path()).unwrap();
    assert_eq!(notices(&recorded).len(), 4);
    // Notices do not make a later session drop any recorded events.
    session(&run, &store(), "cpu", Options::default()).unwrap();
    assert_eq!(metrics::read(&run.metrics_path()).unwrap()[..recorded.len()], recorded);
}

/// After a power loss, the checkpoint may be ahead of the metrics.
#[test]
fn steps_whose_record_is_lost_are_told_of_once_and_stay_a_gap() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(30), ..Options::default() }).unwrap();
    let text = std::fs::read_to_string(run.metrics_path()).unwrap();
    let kept: String = text
        .lines()
        .take_while(|line| !line.contains("\"step\":22,"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(run.metrics_path(), kept).unwrap();
    let gap = TrainEvent::Gap { from: 22, to: 30 };
    let events =
        session(&run, &store, "cpu", Options { stop_after: Some(35), ..Options::default() }).unwrap();
    assert_eq!(events.iter().filter(|event| **event == gap).count(), 1);
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    assert!(!events.contains(&gap));
    let recorded = metrics::read(&run.metrics_path()).unwrap();
    assert_eq!(recorded.iter().filter(|event| **event == gap).count(), 1);
    let at = recorded.iter().position(|event| *event == gap).unwrap();
    assert!(matches!(recorded[at + 1..].iter().find_map(TrainEvent::step), Some(31)));
}

#[test]
fn a_model_that_was_changed_in_run_toml_is_refused_by_name() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(15), ..Options::default() }).unwrap();
    let own = run.config().unwrap();
    let heads = |config: &mut RunConfig| {
        (config.model.heads, config.model.kv_heads, config.model.head_size) = (4, 4, 4);
    };
    let eps = |config: &mut RunConfig| config.model.norm.eps = 1e-3;
    let activation =
        |config: &mut RunConfig| config.model.mlp.activation = glasshouse_protocol::model::Activation::Silu;
    type Change<'change> = (&'change str, &'change dyn Fn(&mut RunConfig));
    let changes: [Change<'_>; 3] = [
        ("model.head_size = 4", &heads),
        ("model.norm.eps = 0.001", &eps),
        ("model.mlp.activation = silu", &activation),
    ];
    for (named, change) in changes {
        let mut changed = own.clone();
        change(&mut changed);
        run.save_config(&changed).unwrap();
        let error = session(&run, &store, "cpu", Options::default()).unwrap_err().to_string();
        assert!(
            error.contains("run.toml") && error.contains(named) && error.contains("trained with"),
            "{error}"
        );
        let error = blocking::load(run.clone(), &CheckpointChoice::Best).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    // Settings that affect only training may change.
    let mut changed = own.clone();
    changed.model.dropout = Dropout::everywhere(0.3);
    run.save_config(&changed).unwrap();
    session(&run, &store, "cpu", Options { stop_after: Some(16), ..Options::default() }).unwrap();
}

#[test]
fn a_checkpoint_is_made_when_somebody_asks() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    let save = Arc::new(AtomicBool::new(false));
    let options = Options { stop_after: Some(12), save: save.clone(), ..Options::default() };
    let events = with_trainer(&run, &store, "cpu", options, |trainer| {
        trainer.set_group_steps(1);
        let ask = |event: &TrainEvent| {
            save.fetch_or(matches!(event, TrainEvent::Step { step: 7, .. }), Ordering::Relaxed);
            false
        };
        events_until(trainer, ask).unwrap()
    });
    let saved = steps_of(&events.unwrap(), |event| matches!(event, TrainEvent::Checkpoint { .. }));
    assert_eq!(saved, [8, 12]);
}

#[test]
fn a_changed_configuration_is_noticed_on_resuming() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(10), ..Options::default() }).unwrap();
    let mut changed = run.config().unwrap();
    changed.train.steps = 20;
    run.save_config(&changed).unwrap();
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    assert!(notices(&events)[0].contains("run.toml was changed"), "{:?}", notices(&events));
    assert!(matches!(events.last(), Some(TrainEvent::Done { step: 20, finished: true, .. })));
}

#[test]
fn one_window_is_learnt_by_heart() {
    let (_folder, project) = project();
    let mut config = config();
    config.model.dropout = Dropout::default();
    config.train = TrainConfig { steps: 150, eval_interval: 150, sample_interval: 0, ..config.train };
    let window: Vec<u32> = (0..17).map(|at| at * at * 5 % runs::VOCABULARY as u32).collect();
    let store = TokenStore::in_memory(window.clone(), window);
    let events = session(&create(&project, &config), &store, "cpu", Options::default()).unwrap();
    let last = found!(events.iter(), TrainEvent::Eval { val_loss, .. } => *val_loss).next_back();
    assert!(last.unwrap() < 0.05, "{last:?}");
}

#[test]
fn accumulated_micro_batches_are_one_large_batch() {
    let mut config = config();
    config.model.dropout = Dropout::default();
    let store = store();
    let final_weights = |batch: usize, accumulate: usize| {
        let train = TrainConfig { batch_size: batch, accumulate, ..config.train.clone() };
        let graphs = training_graphs(&config.model, &train).unwrap();
        let parameters = blocking::initial_parameters(&graphs.train.parameters, config.seed);
        // The same eight windows per step, split differently.
        let batches = Batches::windows(&store, 1, 8, config.model.context_length).unwrap();
        let size = batch * config.model.context_length;
        let steps: Vec<StepInput> = (0..5)
            .map(|step| {
                let all = batches.train(step, 0).unwrap();
                let micro_batches =
                    all.tokens.chunks(size).zip(all.targets.chunks(size)).map(|(tokens, targets)| {
                        MicroBatch {
                            tokens: tokens.to_vec(),
                            targets: targets.to_vec(),
                            ..MicroBatch::default()
                        }
                    });
                StepInput { step, learning_rate: 1e-3, micro_batches: micro_batches.collect() }
            })
            .collect();
        block_on(async {
            let optimizer = Optimizer::new(&train);
            let (mut executor, _) = Executor::open("cpu", &graphs, optimizer, None).await.unwrap();
            executor.set_state(&ArenaState::from_weights(parameters)).await.unwrap();
            let reports = executor.train(&steps).await.unwrap();
            (reports, executor.state().await.unwrap().parameters)
        })
    };
    let (reports, weights) = final_weights(8, 1);
    let (accumulated_reports, accumulated) = final_weights(2, 4);
    for (one, other) in reports.iter().zip(&accumulated_reports) {
        assert!((one.loss - other.loss).abs() < 2e-6 * one.loss, "{one:?} {other:?}");
        assert!(
            (one.gradient_norm - other.gradient_norm).abs() < 1e-4 * one.gradient_norm,
            "{one:?} {other:?}"
        );
    }
    // Adam divides a gradient by its magnitude, so entries with tiny gradients are dominated by rounding; a step moves 1e-3.
    let apart =
        weights.iter().zip(accumulated.iter()).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn a_step_divided_otherwise_is_the_same_run() {
    let (_folder, project) = project();
    let store = store();
    let trained = |batch_size: usize, accumulate: usize| {
        let mut config = config();
        config.model.dropout = Dropout::default();
        config.train = TrainConfig {
            batch_size,
            accumulate,
            steps: 6,
            eval_interval: 3,
            sample_interval: 0,
            ..config.train
        };
        let events = session(&create(&project, &config), &store, "cpu", Options::default()).unwrap();
        let losses = events.iter().filter_map(|event| match event {
            TrainEvent::Step { loss, .. } => Some(*loss),
            TrainEvent::Eval { train_loss, val_loss, .. } => Some(train_loss + 10.0 * val_loss),
            _ => None,
        });
        losses.collect::<Vec<f32>>()
    };
    let whole = trained(16, 1);
    assert_eq!(whole.len(), 9);
    for (batch_size, accumulate) in [(4, 4), (1, 16)] {
        let divided = trained(batch_size, accumulate);
        assert_eq!(divided.len(), whole.len());
        let apart =
            whole.iter().zip(&divided).map(|(one, other)| (one - other).abs() / one).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{batch_size} × {accumulate}: {divided:?}, {whole:?}");
    }
}

/// Steps and validation losses of a run's evaluations.
fn validations(events: &[TrainEvent]) -> Vec<(u64, f32)> {
    let validation = |event: &TrainEvent| match event {
        TrainEvent::Eval { step, val_loss, .. } => Some((*step, *val_loss)),
        _ => None,
    };
    events.iter().filter_map(validation).collect()
}

#[test]
fn weights_that_a_run_begins_with_stay_its_best_where_it_only_ruins_them() {
    let (_folder, project) = project();
    let worse = |start: Option<Start>| {
        let train = TrainConfig {
            learning_rate: 3.0,
            warmup_steps: 0,
            steps: 10,
            eval_interval: 5,
            sample_interval: 0,
            ..config().train
        };
        let config = RunConfig { start, train, ..config() };
        let run = create(&project, &config);
        let events = session(&run, &store(), "cpu", Options::default()).unwrap();
        let losses = validations(&events);
        assert!(losses.iter().skip(1).all(|(_, loss)| *loss > losses[0].1 * 1.01), "{losses:?}");
        let told = events.iter().filter_map(|event| match event {
            TrainEvent::Guard(report) => Some((report.kind, report.step)),
            _ => None,
        });
        assert!(
            told.collect::<Vec<_>>().contains(&(GuardKind::WorseThanStart, 5)),
            "a run shorter than its window"
        );
        let parameters = &training_graphs(&config.model, &config.train).unwrap().train.parameters;
        let best = blocking::load_checkpoint(&run, &CheckpointChoice::Best, parameters, Content::Weights);
        let Some(TrainEvent::Done { best_step, best_val_loss, .. }) = events.last() else { panic!("no end") };
        (best.info.step, *best_step, *best_val_loss == Some(losses[0].1), run.record().unwrap())
    };
    let start = Start { run: "1".to_owned(), checkpoint: CheckpointChoice::Best, project: None };
    let (step, told, is_first, record) = worse(Some(start));
    assert_eq!((step, told, is_first), (0, Some(0), true));
    assert!(record.best_val_loss < record.val_loss);
    // In a run from scratch, the untrained model is never the best.
    let (step, told, is_first, _) = worse(None);
    assert!(step > 0 && told == Some(step) && !is_first);
}

#[test]
fn too_few_held_out_tokens_choose_no_checkpoint() {
    let (_folder, project) = project();
    let best_step = |held_out: u64| {
        // A rate that ruins the weights: the first evaluation is the lowest.
        let train = TrainConfig {
            learning_rate: 3.0,
            warmup_steps: 0,
            steps: 15,
            eval_interval: 5,
            ..config().train
        };
        let run = create(&project, &RunConfig { train, ..config() });
        let events = session(&run, &runs::store_of(4000, held_out), "cpu", Options::default()).unwrap();
        let losses = validations(&events);
        let summary = run.summary().unwrap();
        assert_eq!(summary.held_out.map(|held_out| held_out.tokens), Some(held_out - 1));
        assert_eq!((summary.val_step, summary.val_loss), (Some(15), losses.last().map(|(_, loss)| *loss)));
        let best = summary.best_step.unwrap();
        let of_best = losses.iter().find(|(step, _)| *step == best).map(|(_, loss)| *loss);
        assert_eq!((summary.best_val_loss, summary.validation().unwrap().step), (of_best, Some(best)));
        let lowest = losses[1..].iter().min_by(|one, other| one.1.total_cmp(&other.1)).unwrap().0;
        (best, lowest)
    };
    let (best, _) = best_step(120);
    assert_eq!(best, 15, "the last weights, which wrote the last sample");
    let (best, lowest) = best_step(700);
    assert_eq!(best, lowest);
}

#[test]
fn a_run_that_gets_no_better_is_stopped_early_and_can_go_on() {
    let (_folder, project) = project();
    let store = store();
    let mut config = config();
    config.train.eval_interval = 5;
    // The first evaluation counts, and no later one improves on it by that much.
    config.train.early_stopping = EarlyStopping { patience: 2, min_improvement: 10.0 };
    let run = create(&project, &config);
    // A crash at the evaluation that would end the run.
    session_until(&run, &store, "cpu", Options::default(), |event| {
        matches!(event, TrainEvent::Eval { step: 10, .. })
    })
    .unwrap();
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    let ended = |events: &[TrainEvent]| match events.last() {
        Some(TrainEvent::Done { step, finished, stopped_early, best_step, .. }) => {
            (*step, *finished, *stopped_early, *best_step)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(ended(&events), (10, false, Some(2), Some(10)), "{events:?}");
    assert!(
        notices(&events).iter().any(|text| text.contains("no improvement for 2 evaluations since step 0"))
    );
    assert_eq!(run.record().unwrap().state, RunState::StoppedEarly);
    // A resumed run starts with its full patience again.
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    assert_eq!(steps_of(&events, |event| matches!(event, TrainEvent::Eval { .. })), [15, 20]);
    assert_eq!(ended(&events).2, Some(2));
    assert_eq!((run.record().unwrap().state, run.record().unwrap().step), (RunState::StoppedEarly, 20));
    // A run that improves continues to its end.
    config.train.early_stopping = EarlyStopping { patience: 8, min_improvement: 0.0 };
    let events = session(&create(&project, &config), &store, "cpu", Options::default()).unwrap();
    assert_eq!((ended(&events).1, ended(&events).2), (true, None));
}

#[test]
fn a_finished_run_goes_on_to_more_steps_and_says_what_its_rate_does() {
    let (_folder, project) = project();
    let store = store();
    let run = create(&project, &config());
    session(&run, &store, "cpu", Options::default()).unwrap();
    let told = with_trainer(&run, &store, "cpu", Options::default(), |trainer| {
        let changed = block_on(trainer.change(None, Some(70))).unwrap();
        let TrainEvent::Notice { text } = changed else { panic!("{changed:?}") };
        text
    })
    .unwrap();
    let longer = TrainConfig { steps: 70, ..config().train };
    let rates =
        [config().train.learning_rate_at(59), longer.learning_rate_at(60), longer.learning_rate_at(69)];
    for rate in rates.map(|rate| format!("{rate:.2e}")) {
        assert!(told.contains(&rate), "{told}: {rate}");
    }
    assert!(told.contains("70 steps instead of 60") && told.contains("cosine"), "{told}");
    let events = session(&run, &store, "cpu", Options::default()).unwrap();
    let steps: Vec<(u64, f64)> =
        found!(events.iter(), TrainEvent::Step { step, lr, .. } => (*step, *lr)).collect();
    assert_eq!((steps[0], steps.len()), ((61, rates[1]), 10));
    assert_eq!((run.record().unwrap().state, run.record().unwrap().step), (RunState::Finished, 70));
}

#[test]
fn the_whole_validation_split_can_be_evaluated() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    let options = Options { evaluate_whole_split: true, stop_after: Some(1), ..Options::default() };
    let events = session(&run, &store, "cpu", options).unwrap();
    let Some(TrainEvent::Eval { step: 0, val_loss, .. }) = events.first() else {
        panic!("{:?}", events.first())
    };
    let config = config();
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let parameters = blocking::initial_parameters(&graphs.train.parameters, config.seed);
    let batches =
        Batches::windows(&store, config.seed, config.train.batch_size, config.model.context_length).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    block_on(async {
        let optimizer = Optimizer::new(&config.train);
        let (mut executor, _) = Executor::open("cpu", &graphs, optimizer, None).await.unwrap();
        executor.set_state(&ArenaState::from_weights(parameters)).await.unwrap();
        for batch in batches.full(Split::Validation) {
            let batch = batch.unwrap();
            let micro_batch =
                MicroBatch { tokens: batch.tokens, targets: batch.targets, ..MicroBatch::default() };
            for (loss, rows) in executor.evaluate(&[micro_batch]).await.unwrap() {
                sum += f64::from(loss) * f64::from(rows);
                count += f64::from(rows);
            }
        }
    });
    assert_eq!(count, 699.0);
    assert!((f64::from(*val_loss) - sum / count).abs() < 1e-6, "{val_loss} {}", sum / count);
    // A resumed run keeps this setting.
    assert!(run.record().unwrap().evaluate_whole_split);
}

#[test]
fn the_whole_split_is_evaluated_with_an_ignored_id() {
    let (_folder, project) = project();
    let evaluation = |ignore_index| {
        let mut config = config();
        config.train.ignore_index = ignore_index;
        let options = Options { evaluate_whole_split: true, stop_after: Some(1), ..Options::default() };
        let events = session(&create(&project, &config), &store(), "cpu", options).unwrap();
        match events.first() {
            Some(TrainEvent::Eval { step: 0, val_loss, .. }) => *val_loss,
            other => panic!("{other:?}"),
        }
    };
    let all = evaluation(None);
    assert_eq!(evaluation(Some(u32::MAX)), all);
    let without_five = evaluation(Some(5));
    assert!(without_five.is_finite() && without_five != all, "{without_five} {all}");
}

#[test]
fn a_diverged_run_says_so_and_keeps_its_checkpoint() {
    let (_folder, project) = project();
    let mut config = config();
    config.train =
        TrainConfig { learning_rate: 1e30, min_learning_rate: 0.0, warmup_steps: 0, ..config.train };
    let run = create(&project, &config);
    let mut shown = Vec::new();
    let error = session_until(&run, &store(), "cpu", Options::default(), |event| {
        shown.push(event.clone());
        false
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("training diverged") && error.contains("train.learning_rate"), "{error}");
    assert!(notices(&shown)[0].contains("not finite"), "{:?}", notices(&shown));
    let record = run.record().unwrap();
    assert_eq!((record.state, record.error), (RunState::Failed, Some(error)));
}

/// Too few steps to see no finite gradient for long; the loss of the last one is not a number.
#[test]
fn a_short_run_that_ends_without_a_loss_has_diverged() {
    let (_folder, project) = project();
    let mut config = config();
    config.train = TrainConfig {
        steps: 3,
        learning_rate: 1e12,
        min_learning_rate: 0.0,
        warmup_steps: 0,
        gradient_clipping: 1.0,
        ..config.train
    };
    let run = create(&project, &config);
    let error = session(&run, &store(), "cpu", Options::default()).unwrap_err().to_string();
    assert!(error.contains("training diverged") && error.contains("up to step 3"), "{error}");
    // It names no setting that has this value, and no precision that it does not use.
    assert!(!error.contains("gradient_clipping") && !error.contains("precision"), "{error}");
    assert_eq!(run.record().unwrap().state, RunState::Failed);
    let saved = Checkpoints::new(run.checkpoints_folder()).list();
    assert!(saved.iter().all(|checkpoint| checkpoint.step < 3), "{saved:?}");
    // The loss stays finite, but no step after the first has a gradient.
    let mut skipped = config.clone();
    (skipped.train.learning_rate, skipped.train.steps) = (1e9, 5);
    let error = session(&create(&project, &skipped), &store(), "cpu", Options::default()).unwrap_err();
    assert!(error.to_string().contains("training diverged"), "{error}");
    let mut clipped = config.clone();
    clipped.train.gradient_clipping = 0.0;
    let error = session(&create(&project, &clipped), &store(), "cpu", Options::default());
    assert!(error.unwrap_err().to_string().contains("train.gradient_clipping = 1"));
}

#[test]
fn a_run_begins_once() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(1), ..Options::default() }).unwrap();
    std::fs::remove_file(run.metrics_path()).unwrap();
    let error = session(&run, &store, "cpu", Options::default()).unwrap_err().to_string();
    assert!(error.contains("this run has already started"), "{error}");
}

/// nanoGPT's `get_lr` with its shakespeare-char settings (learning_rate 1e-3, min_lr 1e-4, warmup_iters 100, lr_decay_iters
/// 2000), computed with Python's math module.
#[test]
fn the_cosine_is_nanogpts() {
    let train = TrainConfig::default();
    for (step, expected) in [
        (0, 9.900990099009901e-06),
        (50, 0.000504950495049505),
        (99, 0.0009900990099009901),
        (100, 0.001),
        (101, 0.0009999993848585915),
        (1050, 0.00055),
        (1999, 0.00010000061514140841),
        (2000, 0.0001),
        (5000, 0.0001),
    ] {
        let rate = train.learning_rate_at(step);
        assert!((rate - expected).abs() < 1e-12, "{step}: {rate} {expected}");
    }
}

#[test]
fn the_other_schedules_have_their_shapes() {
    let at = |decay, decay_steps| {
        let train = TrainConfig {
            steps: 100,
            learning_rate: 1.0,
            min_learning_rate: 0.2,
            warmup_steps: 9,
            decay,
            decay_steps,
            ..TrainConfig::default()
        };
        [0, 4, 8, 9, 49, 80, 90, 95, 99, 100, 500]
            .map(|step| (train.learning_rate_at(step) * 1e4).round() / 1e4)
    };
    assert_eq!(at(Decay::Constant, 0), [0.1, 0.5, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    let linear = [0.1, 0.5, 0.9, 1.0, 0.6484, 0.3758, 0.2879, 0.244, 0.2088, 0.2, 0.2];
    assert_eq!(at(Decay::Linear, 0), linear);
    assert_eq!(at(Decay::WarmupStableDecay, 0), [0.1, 0.5, 0.9, 1.0, 1.0, 1.0, 1.0, 0.6, 0.28, 0.2, 0.2]);
    assert_eq!(at(Decay::WarmupStableDecay, 20), [0.1, 0.5, 0.9, 1.0, 1.0, 1.0, 0.6, 0.4, 0.24, 0.2, 0.2]);
}

#[test]
fn a_change_in_training_is_recorded_and_resuming_after_it_repeats_the_bits() {
    let (_folder, project) = project();
    let store = store();
    // The change comes after step 33, between an evaluation and a checkpoint.
    let change_at_33 = |run: &Run, until: u64| {
        let mut events =
            session(run, &store, "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
        let rest = with_trainer(run, &store, "cpu", Options::default(), |trainer| {
            let mut events = vec![block_on(trainer.change(Some(3e-3), Some(50))).unwrap()];
            let enough =
                |event: &TrainEvent| matches!(event, TrainEvent::Step { step, .. } if *step == until);
            events.extend(events_until(trainer, enough).unwrap());
            events
        });
        events.extend(rest.unwrap());
        events
    };
    let straight = create(&project, &config());
    let events = change_at_33(&straight, u64::MAX);
    assert!(
        notices(&events)[0]
            .contains("from step 34 on: learning rate 0.003 instead of 0.01, 50 steps instead of 60")
    );
    let rate = |events: &[TrainEvent], wanted: u64| {
        found!(events.iter(), TrainEvent::Step { step, lr, .. } if *step == wanted => *lr).next()
    };
    assert_eq!(rate(&events, 33), Some(config().train.learning_rate_at(32)));
    let changed = straight.config().unwrap();
    assert_eq!(changed.train.min_learning_rate, config().train.min_learning_rate * 0.3);
    assert_eq!(rate(&events, 34), Some(changed.train.learning_rate_at(33)));
    assert!(matches!(events.last(), Some(TrainEvent::Done { step: 50, finished: true, .. })));
    let recorded = metrics::read(&straight.metrics_path()).unwrap();
    let place = |wanted: &dyn Fn(&TrainEvent) -> bool| recorded.iter().position(wanted).unwrap();
    let notice = place(&|event| matches!(event, TrainEvent::Notice { .. }));
    assert!(
        place(&|event| event.step() == Some(33)) < notice
            && notice < place(&|event| event.step() == Some(34))
    );

    // A crash four steps after the change.
    let died = create(&project, &config());
    change_at_33(&died, 37);
    let rest = session(&died, &store, "cpu", Options::default()).unwrap();
    assert_eq!(notices(&rest), [""; 0]);
    assert_eq!(last_checkpoint(&rest), last_checkpoint(&events));
    let steps = |run: &Run| {
        let mut events = numbers(&metrics::read(&run.metrics_path()).unwrap());
        events.retain(|event| matches!(event, TrainEvent::Step { .. } | TrainEvent::Eval { .. }));
        events
    };
    assert_eq!(steps(&died), steps(&straight));
}

#[test]
fn a_change_that_breaks_a_rule_changes_nothing() {
    let (_folder, project) = project();
    let run = create(&project, &config());
    with_trainer(&run, &store(), "cpu", Options { stop_after: Some(10), ..Options::default() }, |trainer| {
        while trainer.step() < 10 {
            block_on(trainer.next()).unwrap();
        }
        let message = |rate, steps, trainer: &mut Trainer<'_>| {
            block_on(trainer.change(rate, steps)).unwrap_err().to_string()
        };
        assert!(message(Some(-1.0), None, trainer).contains("train.learning_rate = -1 must"));
        assert!(message(None, Some(0), trainer).contains("train.steps = 0 must"));
        assert!(message(None, Some(10), trainer).contains("10 steps are already done;"));
        assert_eq!((trainer.config(), run.config().unwrap()), (&config(), config()));
    })
    .unwrap();
}

#[test]
fn a_step_can_be_taken_alone_and_gives_the_same_numbers() {
    let (_folder, project) = project();
    let straight = session(&create(&project, &config()), &store(), "cpu", Options::default()).unwrap();
    let run = create(&project, &config());
    let single = with_trainer(&run, &store(), "cpu", Options::default(), |trainer| {
        trainer.set_group_steps(1);
        trainer.set_group_seconds(1e9);
        let mut events = Vec::new();
        loop {
            let before = trainer.step();
            match block_on(trainer.next()).unwrap() {
                Progress::Event(event) => events.push(event),
                Progress::SampleDue(request) => {
                    let text = format!("{} and {} tokens", request.prompt, request.tokens);
                    events.push(trainer.sample_written(text).unwrap());
                }
                Progress::Working => {}
                Progress::Over => return events,
            }
            assert!(trainer.step() <= before + 1);
        }
    });
    let single = single.unwrap();
    assert_eq!(numbers(&single), numbers(&straight));
    assert_eq!(last_checkpoint(&single), last_checkpoint(&straight));
}

#[test]
fn milestones_are_kept_from_the_untrained_weights_to_the_last() {
    let (_folder, project) = project();
    let mut config = config();
    config.train.milestone_interval = 25;
    let run = create(&project, &config);
    session(&run, &store(), "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    session(&run, &store(), "cpu", Options::default()).unwrap();
    let summary = run.summary().unwrap();
    let steps = |resumable: bool| -> Vec<u64> {
        let wanted = summary.checkpoints.iter().filter(|checkpoint| checkpoint.resumable == resumable);
        wanted.map(|checkpoint| checkpoint.step).collect()
    };
    assert_eq!(steps(false), [0, 25, 50, 60]);
    assert_eq!(steps(true).last(), Some(&60));
    // Milestones do not change any number.
    let without = session(&create(&project, &self::config()), &store(), "cpu", Options::default()).unwrap();
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let parameters = &graphs.train.parameters;
    let last = block_on(checkpoints.load_named(
        &CheckpointChoice::Latest,
        parameters,
        Content::WeightsAndMoments,
        &Yielder::none(),
    ))
    .unwrap();
    let path = steps_path(&without);
    let other = block_on(glasshouse_engine::checkpoint::read_state(
        &path,
        parameters,
        Content::WeightsAndMoments,
        &Yielder::none(),
    ));
    assert_eq!(last.state, other.unwrap().state);
    let milestone = block_on(checkpoints.load_named(
        &"milestone-00000060.safetensors".into(),
        parameters,
        Content::Weights,
        &Yielder::none(),
    ))
    .unwrap();
    let apart = last.state.parameters.iter().zip(milestone.state.parameters.iter());
    assert!(apart.clone().all(|(one, other)| (one - other).abs() <= 1e-3 * one.abs().max(1e-4)));
    assert!(apart.clone().any(|(one, other)| one != other));
}

#[test]
fn milestones_spaced_by_the_logarithm_are_those_that_the_settings_list() {
    let (_folder, project) = project();
    let mut config = config();
    config.train.milestones = Milestones::Log;
    let run = create(&project, &config);
    session(&run, &store(), "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    session(&run, &store(), "cpu", Options::default()).unwrap();
    let checkpoints = run.summary().unwrap().checkpoints.into_iter();
    let kept: Vec<u64> = checkpoints.filter(|one| !one.resumable).map(|one| one.step).collect();
    assert_eq!(kept, config.train.milestone_steps());
    assert!(kept.starts_with(&[0, 1, 2]) && kept.ends_with(&[60]), "{kept:?}");
}

/// The file of the last checkpoint event.
fn steps_path(events: &[TrainEvent]) -> std::path::PathBuf {
    let path = found!(events.iter(), TrainEvent::Checkpoint { path, .. } => path.into()).next_back();
    path.unwrap()
}

#[test]
fn a_restored_run_goes_on_in_the_bits_of_the_first() {
    let (_folder, project) = project();
    let store = store();
    let straight = session(&create(&project, &config()), &store, "cpu", Options::default()).unwrap();
    let run = create(&project, &config());
    session(&run, &store, "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    let files = |run: &Run| -> Vec<String> {
        run.summary().unwrap().checkpoints.into_iter().map(|checkpoint| checkpoint.file).collect()
    };
    let before = files(&run);
    let of_30 = before.iter().find(|file| file.starts_with("step-00000030")).unwrap();
    let restored = restore(&project, &run, &of_30.as_str().into()).unwrap().put().unwrap();
    assert_eq!(files(&run), before);
    assert_eq!((restored.number(), restored.record().unwrap().step), (run.number() + 1, 30));
    let start = restored.summary().unwrap().start.unwrap();
    assert_eq!((start.run, start.checkpoint.as_str(), start.project), (run.name(), of_30.as_str(), None));
    let recorded = metrics::read(&restored.metrics_path()).unwrap();
    assert_eq!(recorded.last().and_then(TrainEvent::step), Some(30));
    let rest = session(&restored, &store, "cpu", Options::default()).unwrap();
    assert_eq!(notices(&rest), [""; 0]);
    assert_eq!(last_checkpoint(&rest), last_checkpoint(&straight));
    let error = restore(&project, &run, &"step-00000031-000009.safetensors".into()).unwrap_err().to_string();
    assert!(error.contains("step-00000031"), "{error}");
    assert_eq!(project.runs().unwrap().len(), 3);
}

#[test]
fn a_run_restored_from_a_milestone_begins_with_its_weights() {
    let (_folder, project) = project();
    let mut config = config();
    config.train.milestone_interval = 60;
    let run = create(&project, &config);
    let first = session(&run, &store(), "cpu", Options::default()).unwrap();
    let restored = restore(&project, &run, &"milestone-00000060.safetensors".into()).unwrap().put().unwrap();
    let options = Options { stop_after: Some(1), ..Options::default() };
    // There are no metrics yet, so the tests' session would start the run rather than resume it.
    std::fs::write(restored.metrics_path(), "").unwrap();
    let events = session(&restored, &store(), "cpu", options).unwrap();
    let evaluation = |events: &[TrainEvent], wanted: u64| {
        found!(events.iter(), TrainEvent::Eval { step, val_loss, .. } if *step == wanted => *val_loss).next()
    };
    let (end, start) = (evaluation(&first, 60).unwrap(), evaluation(&events, 0).unwrap());
    assert!((end - start).abs() < 1e-3, "{end} {start}");
    assert_eq!(restored.record().unwrap().step, 1);
}

#[test]
fn the_clock_saves_where_steps_do_not() {
    let (_folder, project) = project();
    let mut config = config();
    config.train.checkpoint_interval = 0;
    config.train.eval_interval = 0;
    config.train.checkpoint_seconds = 1;
    config.train.milestone_interval = 0;
    let run = create(&project, &config);
    let events = with_trainer(&run, &store(), "cpu", Options::default(), |trainer| {
        trainer.set_group_steps(1);
        let wait = |event: &TrainEvent| {
            if event.step() == Some(40) {
                std::thread::sleep(std::time::Duration::from_millis(1100));
            }
            false
        };
        events_until(trainer, wait).unwrap()
    });
    let saved = steps_of(&events.unwrap(), |event| matches!(event, TrainEvent::Checkpoint { .. }));
    assert!(saved.len() >= 2 && saved.iter().any(|step| (41..60).contains(step)), "{saved:?}");
}

#[test]
fn notes_written_during_training_stay() {
    let (_folder, project) = project();
    let run = create(&project, &config());
    run.set_estimates(Some(12.5), Some(1 << 20)).unwrap();
    session_until(&run, &store(), "cpu", Options::default(), |event| {
        if event.step() == Some(20) && matches!(event, TrainEvent::Step { .. }) {
            run.set_notes("the one with\ndropout").unwrap();
        }
        false
    })
    .unwrap();
    let summary = run.summary().unwrap();
    assert_eq!((summary.notes.as_str(), summary.estimated_seconds), ("the one with\ndropout", Some(12.5)));
    assert_eq!((summary.state, summary.step, summary.steps), (RunState::Finished, 60, 60));
    assert_eq!(summary.shape, "2 layers · width 16 · context length 16");
}

#[test]
fn a_run_writes_no_more_than_was_estimated_and_not_much_less() {
    let (_folder, project) = project();
    let mut config = config();
    config.train.milestone_interval = 10;
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let estimated = glasshouse_engine::plan::disk::bytes_of_run(&graphs.train.parameters, &config.train);
    let run = create(&project, &config);
    session(&run, &store(), "cpu", Options::default()).unwrap();
    let folders = [run.checkpoints_folder(), run.tensorboard_folder(), run.folder().to_owned()];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let written: u64 = files
        .map(|file| file.unwrap().metadata().unwrap())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum();
    // The headers of tiny checkpoints are as large as their weights.
    let headers = 12 * 4096;
    assert!(written < estimated + headers && estimated < 3 * written, "{written} {estimated}");
}
