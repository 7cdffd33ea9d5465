//! Every update rule on every executor against the oracle: weights and both moments after a few accumulated, clipped steps,
//! state that is moved from one executor to another, and a step that must be skipped.

use crate::common;
use crate::common::{deviation, ids, numbers};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::{TrainingGraphs, training_graphs};
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::oracle::{Device, OracleExecutor};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_protocol::{ModelConfig, OptimizerKind, RunConfig, TrainConfig, presets};
use glasshouse_tests::blocking;
use pollster::block_on;

/// Relative to the largest entry: a few roundings, amplified by Adam for those of the gradient.
const BOUND: f64 = 2e-5;

const KINDS: [OptimizerKind; 5] = [
    OptimizerKind::Adamw,
    OptimizerKind::Adam,
    OptimizerKind::Sgd,
    OptimizerKind::Rmsprop,
    OptimizerKind::Muon,
];

fn model() -> ModelConfig {
    let RunConfig { model, .. } = presets::preset("llama-tiny").expect("a preset");
    ModelConfig {
        vocabulary: 23,
        context_length: 9,
        layers: 3,
        width: 20,
        heads: 2,
        kv_heads: 1,
        head_size: 10,
        mlp: glasshouse_protocol::Mlp { hidden: 27, ..model.mlp },
        init: glasshouse_protocol::model::Initialisation { std: 0.3, ..model.init },
        ..model
    }
}

/// A run of three steps of two micro-batches, each step clipped.
struct Trial {
    graphs: TrainingGraphs,
    layout: ArenaLayout,
    optimizer: Optimizer,
    start: ArenaState,
    steps: Vec<StepInput>,
}

impl Trial {
    fn new(optimizer: OptimizerKind) -> Self {
        let model = model();
        let weight_decay = if optimizer == OptimizerKind::Adam { 0.0 } else { 0.1 };
        let train = TrainConfig {
            batch_size: 2,
            accumulate: 2,
            optimizer,
            weight_decay,
            gradient_clipping: 0.5,
            eps: 1e-5,
            ..TrainConfig::default()
        };
        let graphs = training_graphs(&model, &train).expect("graphs");
        let layout = ArenaLayout::new(&graphs.train);
        let optimizer = Optimizer::new(&train);
        // A run that is under way: its moments are nonzero, except in the padding between entries.
        let moments = |kept: bool, stream: u64, scale: f32, shift: f32| {
            let mut arena = vec![0.0; if kept { layout.trained_end } else { 0 }];
            for (start, count) in layout.offsets.iter().zip(&layout.counts).filter(|_| kept) {
                let drawn = numbers(stream + *start as u64, *count);
                for (entry, number) in arena[*start..].iter_mut().zip(drawn) {
                    *entry = scale * (number + shift);
                }
            }
            arena
        };
        let start = ArenaState {
            parameters: blocking::initial_parameters(&graphs.train.parameters, 5).into(),
            first_moments: moments(optimizer.first_moments(), 10_000, 0.01, 0.0),
            second_moments: moments(optimizer.second_moments(), 20_000, 1e-4, 1.5),
            ..ArenaState::default()
        };
        let size = train.batch_size * model.context_length;
        let batch = |number: u64| MicroBatch {
            tokens: ids(2 * number, size, model.vocabulary),
            targets: ids(2 * number + 1, size, model.vocabulary),
            ..MicroBatch::default()
        };
        let step = |step: u64| StepInput {
            step: 7 + step,
            learning_rate: 1e-2,
            micro_batches: vec![batch(2 * step), batch(2 * step + 1)],
        };
        Self { graphs, layout, optimizer, start, steps: (0..3).map(step).collect() }
    }

    fn open(&self, device: &str) -> Executor {
        let opened = block_on(Executor::open(device, &self.graphs, self.optimizer, None));
        opened.expect("a device").0
    }

    fn oracle(&self) -> OracleExecutor {
        OracleExecutor::new(&self.graphs, self.optimizer, Device::flex_in_f64()).expect("the oracle")
    }
}

fn compare(what: &str, got: &ArenaState, expected: &ArenaState) {
    for (arena, got, expected) in [
        ("weights", &*got.parameters, &*expected.parameters),
        ("first moments", &got.first_moments, &expected.first_moments),
        ("second moments", &got.second_moments, &expected.second_moments),
    ] {
        assert_eq!(got.len(), expected.len(), "{what}: {arena}");
        let apart = deviation(got, expected);
        assert!(apart <= BOUND, "{what}: {arena} lie {apart:.1e} off");
    }
}

fn rules_agree(device: &str) {
    for kind in KINDS {
        let trial = Trial::new(kind);
        let what = format!("{device}, {kind:?}");
        let mut oracle = trial.oracle();
        oracle.set_state(&trial.start).expect("a state");
        let expected = oracle.train(&trial.steps).expect("steps");
        let mut executor = trial.open(device);
        block_on(executor.set_state(&trial.start)).expect("a state");
        let reports = block_on(executor.train(&trial.steps)).expect("steps");
        for (report, expected) in reports.iter().zip(&expected) {
            assert!(expected.gradient_norm > trial.optimizer.gradient_clipping, "no step was clipped");
            assert!(!report.skipped, "{what}");
            assert!(deviation(&[report.loss], &[expected.loss]) <= BOUND, "{what}: loss");
            assert!(deviation(&[report.gradient_norm], &[expected.gradient_norm]) <= BOUND, "{what}: norm");
        }
        let state = block_on(executor.state()).expect("a state");
        compare(&what, &state, &oracle.state().expect("a state"));
        // The state is complete: the oracle continues from the device's as from its own.
        oracle.set_state(&state).expect("a state");
        let next = StepInput { step: 10, ..trial.steps[0].clone() };
        oracle.train(std::slice::from_ref(&next)).expect("a step");
        block_on(executor.train(&[next])).expect("a step");
        let state = block_on(executor.state()).expect("a state");
        compare(&what, &state, &oracle.state().expect("a state"));
    }
}

/// Zeros in the matrices of blocks stay, everything else moves as without them.
fn zeros_stay(device: &str) {
    for kind in KINDS {
        let mut trial = Trial::new(kind);
        trial.optimizer.keeps_zeros = true;
        // Every other weight of a matrix is pruned, also of the embedding, which belongs to no block.
        let matrices = &mut trial.start.weights_mut()[..trial.layout.decayed_end];
        matrices.iter_mut().step_by(2).for_each(|weight| *weight = 0.0);
        let what = format!("{device}, {kind:?}, pruned");
        let mut oracle = trial.oracle();
        oracle.set_state(&trial.start).expect("a state");
        oracle.train(&trial.steps).expect("steps");
        let mut executor = trial.open(device);
        block_on(executor.set_state(&trial.start)).expect("a state");
        block_on(executor.train(&trial.steps)).expect("steps");
        let state = block_on(executor.state()).expect("a state");
        compare(&what, &state, &oracle.state().expect("a state"));
        for (at, parameter) in trial.graphs.train.parameters.iter().enumerate() {
            let start = trial.layout.offsets[at];
            let range = start..start + trial.layout.counts[at];
            let pairs = trial.start.parameters[range.clone()].iter().zip(&state.parameters[range]);
            let [kept, moved] = [true, false].map(|is_zero| {
                let pairs = pairs.clone().filter(|(before, _)| (**before == 0.0) == is_zero);
                pairs.filter(|(before, after)| (before == after) == is_zero).count()
            });
            let all = pairs.filter(|(before, _)| **before == 0.0).count();
            if trial.layout.hidden.iter().any(|matrix| matrix.start == start) {
                assert_eq!(kept, all, "{what}: {}", parameter.name);
            } else if all > 0 {
                assert!(kept < all, "{what}: {}", parameter.name);
            }
            assert!(moved > 0, "{what}: {}", parameter.name);
        }
    }
}

/// A non-finite weight makes the loss and the gradient non-finite; the step must change nothing.
fn skips(device: &str) {
    let trial = Trial::new(OptimizerKind::Adamw);
    let mut executor = trial.open(device);
    for poison in [f32::NAN, f32::INFINITY] {
        let mut state = trial.start.clone();
        state.weights_mut()[trial.layout.offsets[0]..][..trial.layout.counts[0]].fill(poison);
        block_on(executor.set_state(&state)).expect("a state");
        let reports = block_on(executor.train(&trial.steps[..2])).expect("steps");
        assert!(reports.iter().all(|report| report.skipped), "{device}: {reports:?}");
        let after = block_on(executor.state()).expect("a state");
        let bits = |arena: &[f32]| arena.iter().map(|entry| entry.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&after.parameters), bits(&state.parameters), "{device}: weights");
        assert_eq!(bits(&after.first_moments), bits(&state.first_moments), "{device}: first moments");
        assert_eq!(bits(&after.second_moments), bits(&state.second_moments), "{device}: second moments");
    }
    // The run recovers with good weights.
    block_on(executor.set_state(&trial.start)).expect("a state");
    let reports = block_on(executor.train(&trial.steps)).expect("steps");
    assert!(reports.iter().all(|report| !report.skipped && report.loss.is_finite()), "{device}: {reports:?}");
}

#[test]
fn rules_agree_on_cpu() {
    rules_agree("cpu");
}

#[test]
fn rules_agree_on_gpu() {
    rules_agree(&common::adapter());
}

#[test]
fn zeros_of_pruned_matrices_stay_on_cpu() {
    zeros_stay("cpu");
}

#[test]
fn zeros_of_pruned_matrices_stay_on_gpu() {
    zeros_stay(&common::adapter());
}

#[test]
fn a_gradient_that_is_not_finite_is_skipped_on_cpu() {
    skips("cpu");
}

#[test]
fn a_gradient_that_is_not_finite_is_skipped_on_gpu() {
    skips(&common::adapter());
}

#[test]
fn a_gradient_that_is_not_finite_is_skipped_by_the_reference() {
    let trial = Trial::new(OptimizerKind::Adamw);
    let mut oracle = trial.oracle();
    let mut state = trial.start.clone();
    state.weights_mut()[trial.layout.offsets[0]] = f32::NAN;
    oracle.set_state(&state).expect("a state");
    let reports = oracle.train(&trial.steps[..1]).expect("a step");
    let tokens = &trial.steps[0].micro_batches;
    assert!(tokens.iter().any(|batch| batch.tokens.contains(&0)), "nothing reads the poisoned row");
    assert!(reports[0].skipped);
    assert_eq!(oracle.state().expect("a state").first_moments, state.first_moments);
}
