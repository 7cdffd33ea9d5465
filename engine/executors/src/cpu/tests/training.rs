//! Whole models: losses, gradients, optimizer steps.

use super::double::{self, Values};
use super::numbers;
use crate::cpu::shard::Partition;
use crate::cpu::{CpuExecutor, run_graph};
use glasshouse_compiler::graph::{Input, Origin, ParameterId, random};
use glasshouse_compiler::model::{LossForm, Purpose, TrainingGraphs, build, training_graphs};
use glasshouse_compiler::optimizer::{Optimizer, Rate, entry};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, Data, MicroBatch, StepInput};
use glasshouse_protocol::{
    Activation, Bias, Gate, Initialisation, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement,
    OptimizerKind, Position, Residual, Rope, RopeScaling, TrainConfig, model::Dropout, presets,
};
use pollster::block_on;

/// LayerNorm, GELU, learned positions, biases, dropout: GPT-2 with odd dimensions.
pub fn gpt() -> ModelConfig {
    let shape = presets::gpt(23, 37, 2, 3, 15);
    ModelConfig {
        norm: NormConfig { bias: true, ..shape.norm.clone() },
        mlp: Mlp { hidden: 31, ..shape.mlp },
        bias: true.into(),
        dropout: Dropout { embedding: 0.1, attention: 0.2, residual: 0.1 },
        init: Initialisation { std: 0.3, scale_residual: true },
        ..shape
    }
}

/// RMSNorm, RoPE, SwiGLU, grouped queries, QK norm, untied head: Llama and Qwen with odd dimensions.
pub fn llama() -> ModelConfig {
    ModelConfig {
        vocabulary: 17,
        context_length: 35,
        width: 13,
        heads: 6,
        kv_heads: 2,
        head_size: 4,
        embedding_scale: 1.0,
        qk_norm: true,
        norm: NormConfig {
            kind: NormKind::Rms,
            eps: 1e-6,
            bias: false,
            placement: NormPlacement::Pre,
            add_unit_offset: false,
        },
        position: Position::Rope(Rope::new(10000.0)),
        mlp: Mlp { hidden: 19, activation: Activation::Silu, gate: Gate::Swiglu },
        bias: Bias::default(),
        tied_head: false,
        dropout: Dropout::default(),
        ..gpt()
    }
}

/// Minimal dimensions where possible, and all other options.
fn variants() -> Vec<(&'static str, ModelConfig, TrainConfig)> {
    let train =
        TrainConfig { batch_size: 2, label_smoothing: 0.1, ignore_index: Some(3), ..TrainConfig::default() };
    let plain = |activation| Mlp { hidden: 11, activation, gate: Gate::None };
    let post = NormConfig { placement: NormPlacement::Post, bias: false, ..gpt().norm };
    let single =
        ModelConfig { context_length: 1, width: 1, heads: 1, kv_heads: 1, head_size: 1, layers: 1, ..gpt() };
    vec![
        ("gpt", gpt(), train.clone()),
        ("llama", llama(), train.clone()),
        ("geglu", ModelConfig { mlp: Mlp { gate: Gate::Geglu, ..llama().mlp }, ..llama() }, train.clone()),
        ("tanh", ModelConfig { mlp: plain(Activation::GeluTanh), norm: post, ..gpt() }, train.clone()),
        ("relu", ModelConfig { mlp: plain(Activation::Relu), ..llama() }, train.clone()),
        (
            "squared",
            ModelConfig {
                mlp: plain(Activation::ReluSquared),
                position: Position::Sinusoidal,
                width: 14,
                ..gpt()
            },
            train.clone(),
        ),
        (
            "silu",
            ModelConfig { mlp: plain(Activation::Silu), position: Position::None, ..gpt() },
            train.clone(),
        ),
        (
            "parallel",
            ModelConfig {
                sliding_window: Some(7),
                embedding_scale: 3.0,
                norm: NormConfig { add_unit_offset: true, ..llama().norm },
                position: Position::Rope(Rope {
                    channels: Some(2),
                    scaling: Some(RopeScaling::Linear { factor: 2.0 }),
                    skip_every: 2,
                    ..Rope::new(100.0)
                }),
                residual: Residual::ParallelOneNorm,
                bias: Bias { qkv: true, output: false, mlp: false, head: true },
                ..llama()
            },
            train.clone(),
        ),
        (
            "output",
            ModelConfig {
                attention_scale: Some(0.3),
                attention_softcap: Some(0.6),
                residual_scale: 0.5,
                logit_divisor: 4.0,
                logit_softcap: Some(0.7),
                qk_norm_whole: true,
                norm: NormConfig { placement: NormPlacement::Output, ..llama().norm },
                position: Position::Rope(Rope {
                    scaling: Some(RopeScaling::Dynamic { factor: 2.0, original_context_length: 20 }),
                    ..Rope::new(100.0)
                }),
                ..llama()
            },
            train.clone(),
        ),
        (
            "sandwich",
            ModelConfig {
                sliding_window: Some(7),
                full_attention: vec![1],
                norm: NormConfig {
                    add_unit_offset: true,
                    placement: NormPlacement::Sandwich,
                    ..llama().norm
                },
                position: Position::Rope(Rope {
                    scaling: Some(RopeScaling::Longrope {
                        short_factor: vec![1.0, 2.0],
                        long_factor: vec![1.5, 3.0],
                        original_context_length: 20,
                        attention_factor: None,
                    }),
                    local_base: Some(50.0),
                    ..Rope::new(100.0)
                }),
                ..llama()
            },
            train.clone(),
        ),
        ("single", single, TrainConfig { batch_size: 1, ..TrainConfig::default() }),
    ]
}

pub fn batch(model: &ModelConfig, train: &TrainConfig, seed: u64) -> MicroBatch {
    let count = train.batch_size * model.context_length;
    let ids = |seed| {
        let id = |x: &f32| ((x + 1.0) / 2.0 * model.vocabulary as f32) as u32 % model.vocabulary as u32;
        numbers(seed, count).iter().map(id).collect::<Vec<u32>>()
    };
    MicroBatch {
        tokens: ids(seed),
        targets: ids(seed + 1),
        document_starts: None,
        seed: [seed as u32, 99],
        loss_denominator: None,
        scores: None,
    }
}

/// Random document starts, at most nine positions apart.
pub fn starts(seed: u64, rows: usize, time: usize) -> Vec<u32> {
    let row = |row: u64| {
        let mut start = 0;
        (0..time as u64).map(move |t| {
            if random::nth(seed, row, t).is_multiple_of(5) || t >= start + 9 {
                start = t;
            }
            start as u32
        })
    };
    (0..rows as u64).flat_map(row).collect()
}

fn executor(model: &ModelConfig, train: &TrainConfig, threads: usize) -> CpuExecutor {
    executor_of(&training_graphs(model, train).unwrap(), threads)
}

fn executor_of(graphs: &TrainingGraphs, threads: usize) -> CpuExecutor {
    let parameters = crate::initial_parameters(&graphs.train.parameters, 5);
    let optimizer = Optimizer::new(&graphs.spec.train);
    let mut executor = CpuExecutor::new(graphs, optimizer, Some(threads)).unwrap();
    executor.set_state(&ArenaState::from_weights(parameters)).unwrap();
    executor
}

#[test]
fn losses_and_gradients_follow_finite_differences() {
    // The first two also with several documents per row.
    let documents = variants().into_iter().take(2).map(|(name, model, train)| (name, model, train, true));
    let all = variants().into_iter().map(|(name, model, train)| (name, model, train, false));
    for (name, model, train, documents) in all.chain(documents) {
        let graphs =
            training_graphs(&model, &TrainConfig { document_mask: documents, ..train.clone() }).unwrap();
        let layout = ArenaLayout::new(&graphs.train);
        let mut executor = executor_of(&graphs, 3);
        let arena = executor.state().parameters;
        let mut batch = batch(&model, &train, 3);
        batch.document_starts = documents.then(|| starts(3, train.batch_size, model.context_length));
        let step = StepInput { step: 0, learning_rate: 0.0, micro_batches: vec![batch.clone()] };
        let (loss, gradient) = block_on(executor.gradients(&step)).unwrap();
        let graph = &graphs.train;
        let mut values = Values::default();
        values.words.insert(graph.find(Origin::Input(Input::Tokens)).unwrap(), batch.tokens.clone());
        values.words.insert(graph.find(Origin::Input(Input::Targets)).unwrap(), batch.targets.clone());
        if let Some(starts) = &batch.document_starts {
            values.words.insert(graph.find(Origin::Input(Input::Starts)).unwrap(), starts.clone());
        }
        for at in 0..graph.parameters.len() {
            let id = ParameterId(at as u32);
            let entries = arena[layout.range(id)].iter().map(|x| f64::from(*x)).collect();
            values.floats.insert(graph.find(Origin::Parameter(id)).unwrap(), entries);
        }
        let loss_of = |values: &mut Values| {
            double::forward(graph, values, batch.seed);
            values.floats[&graphs.train_loss][0]
        };
        let wanted = loss_of(&mut values);
        assert!((f64::from(loss) - wanted).abs() < 2e-6 * wanted.abs(), "{name}: loss {loss} for {wanted}");
        for (at, parameter) in graph.parameters.iter().enumerate() {
            let id = ParameterId(at as u32);
            let (value, range) = (graph.find(Origin::Parameter(id)).unwrap(), layout.range(id));
            for draw in 0..6 {
                let entry =
                    (glasshouse_protocol::random::nth(at as u64, 1, draw) % range.len() as u64) as usize;
                let before = values.floats[&value][entry];
                let mut shifted = |by: f64| {
                    values.floats.get_mut(&value).unwrap()[entry] = before + by;
                    loss_of(&mut values)
                };
                let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                values.floats.get_mut(&value).unwrap()[entry] = before;
                let got = f64::from(gradient[range.start + entry]);
                assert!(
                    (got - slope).abs() < 2e-6 + 2e-4 * slope.abs(),
                    "{name}: {}[{entry}]: {got} for {slope}",
                    parameter.name
                );
            }
        }
    }
}

#[test]
fn threads_and_repetition_leave_the_bits_alone() {
    for (name, model, train) in variants() {
        let run = |threads| {
            let mut executor = executor(&model, &train, threads);
            let steps: Vec<StepInput> = (0..3)
                .map(|step| StepInput {
                    step,
                    learning_rate: 1e-2,
                    micro_batches: vec![batch(&model, &train, step)],
                })
                .collect();
            let reports = block_on(executor.train(&steps)).unwrap();
            (reports, executor.state())
        };
        let wanted = run(2);
        for threads in [2, 1, 5] {
            assert!(run(threads) == wanted, "{name} with {threads} threads");
        }
    }
}

#[test]
fn one_batch_is_learnt_by_heart() {
    for (name, model, train) in variants().into_iter().take(2) {
        let model = ModelConfig { dropout: Dropout::default(), ..model };
        let train = TrainConfig { label_smoothing: 0.0, weight_decay: 0.0, ..train };
        let mut executor = executor(&model, &train, 2);
        let batch = batch(&model, &train, 8);
        let steps: Vec<StepInput> = (0..300)
            .map(|step| StepInput { step, learning_rate: 1e-2, micro_batches: vec![batch.clone()] })
            .collect();
        let reports = block_on(executor.train(&steps)).unwrap();
        let (first, last) = (reports[0].loss, reports[299].loss);
        assert!(first > 2.0 && last < 0.1, "{name}: {first} to {last}");
        let (evaluated, count) = block_on(executor.evaluate(std::slice::from_ref(&batch))).unwrap()[0];
        assert!(evaluated <= last, "{name}: evaluated {evaluated} after {last}");
        let counted = batch.targets.iter().filter(|target| **target != 3).count();
        assert!(count as usize == counted, "{name}: {count} rows");
    }
}

#[test]
fn accumulation_equals_one_large_batch() {
    let model = ModelConfig { dropout: Dropout::default(), ..gpt() };
    let large = TrainConfig { batch_size: 4, ..TrainConfig::default() };
    let small = TrainConfig { batch_size: 2, accumulate: 2, ..TrainConfig::default() };
    let whole = batch(&model, &large, 4);
    let half = |at: usize| {
        let range = at * whole.tokens.len() / 2..(at + 1) * whole.tokens.len() / 2;
        MicroBatch {
            tokens: whole.tokens[range.clone()].to_vec(),
            targets: whole.targets[range].to_vec(),
            document_starts: None,
            seed: [0, 0],
            loss_denominator: None,
            scores: None,
        }
    };
    let step = |micro_batches| StepInput { step: 0, learning_rate: 1e-3, micro_batches };
    let (loss, wanted) = block_on(executor(&model, &large, 2).gradients(&step(vec![whole.clone()]))).unwrap();
    let (mean, got) = block_on(executor(&model, &small, 2).gradients(&step(vec![half(0), half(1)]))).unwrap();
    assert!((loss - mean).abs() < 1e-5, "{mean} for {loss}");
    for (at, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
        assert!((got - wanted).abs() < 1e-6, "entry {at}: {got} for {wanted}");
    }
}

#[test]
fn activation_checkpointing_gives_the_same_bits_in_less_memory() {
    let post = NormConfig { placement: NormPlacement::Post, ..gpt().norm };
    for model in [gpt(), ModelConfig { norm: post, ..gpt() }, llama()] {
        let model = ModelConfig { layers: 4, ..model };
        let keeping = TrainConfig::default();
        let again = TrainConfig { activation_checkpointing: true, ..keeping.clone() };
        let step =
            StepInput { step: 0, learning_rate: 1e-3, micro_batches: vec![batch(&model, &keeping, 4)] };
        let (mut whole, mut lean) = (executor(&model, &keeping, 2), executor(&model, &again, 2));
        assert_eq!(block_on(whole.gradients(&step)).unwrap(), block_on(lean.gradients(&step)).unwrap());
        assert!(lean.bytes() * 10 < whole.bytes() * 9, "{} for {}", lean.bytes(), whole.bytes());
    }
}

/// Logits of a batch, V per token.
fn logits(model: &ModelConfig, rows: usize, batch: &MicroBatch) -> Vec<Vec<f32>> {
    let documents = batch.document_starts.is_some();
    let (time, label_smoothing, ignore_index) = (model.context_length, 0.0, None);
    let purpose = Purpose::Loss {
        batch: rows,
        time,
        dropout: false,
        label_smoothing,
        ignore_index,
        documents,
        form: LossForm::CrossEntropy,
    };
    let built = build(model, purpose).unwrap();
    let layout = ArenaLayout::new(&built.graph);
    let arena = crate::initial_parameters(&built.graph.parameters, 5);
    let find = |origin| built.graph.find(origin).unwrap();
    let mut inputs: Vec<_> = (0..built.graph.parameters.len() as u32)
        .map(ParameterId)
        .map(|id| (find(Origin::Parameter(id)), Data::F32(arena[layout.range(id)].to_vec())))
        .collect();
    inputs.push((find(Origin::Input(Input::Tokens)), Data::U32(batch.tokens.clone())));
    // Targets do not matter here.
    inputs.push((find(Origin::Input(Input::Targets)), Data::U32(vec![0; batch.tokens.len()])));
    let starts = batch.document_starts.iter().map(|starts| Data::U32(starts.clone()));
    inputs.extend(starts.map(|starts| (find(Origin::Input(Input::Starts)), starts)));
    let Data::F32(logits) = run_graph(&built.graph, &inputs, &[built.logits]).unwrap().remove(0) else {
        panic!("logits are floats")
    };
    logits.chunks(model.vocabulary).map(<[f32]>::to_vec).collect()
}

const IGNORED: u32 = u32::MAX;

/// Compares floats up to the order of summation.
fn close(what: &str, got: &[f32], wanted: &[f32]) {
    let largest = wanted.iter().fold(0.0f32, |most, entry| most.max(entry.abs()));
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= 2e-5 * largest, "{what} {at}: {got} for {wanted}");
    }
}

/// With rotary positions, which are relative, a document gives the same result in a shared row as on its own.
#[test]
fn documents_in_a_row_are_as_if_each_had_its_own() {
    let windows = [None, Some(7)].map(|sliding_window| ModelConfig { sliding_window, ..llama() });
    // Tiles have 32 queries: documents start within a tile, or at its start.
    let models = windows.into_iter().chain([ModelConfig { context_length: 71, ..llama() }]);
    for (model, first) in models.zip([16, 16, 32]) {
        let (time, count) = (model.context_length, model.context_length - first);
        let whole = TrainConfig { batch_size: 1, ignore_index: Some(IGNORED), ..TrainConfig::default() };
        let MicroBatch { tokens, targets, seed, .. } = batch(&model, &whole, 9);
        let starts = [vec![0; first], vec![first as u32; count]].concat();
        let packed = MicroBatch {
            tokens,
            targets,
            document_starts: Some(starts),
            seed,
            loss_denominator: None,
            scores: None,
        };
        let rows = |ids: &[u32], rest: u32| {
            let (one, other) = ids.split_at(first);
            let filled = |count: usize| vec![rest; count];
            [one, &filled(count)[..], other, &filled(first)[..]].concat()
        };
        let (tokens, targets) = (rows(&packed.tokens, 0), rows(&packed.targets, IGNORED));
        let apart =
            MicroBatch { tokens, targets, document_starts: None, seed, loss_denominator: None, scores: None };

        let (got, wanted) = (logits(&model, 1, &packed), logits(&model, 2, &apart));
        for (t, row) in got.iter().enumerate() {
            let alone = if t < first { t } else { time + t - first };
            close(&format!("logits of position {t}"), row, &wanted[alone]);
        }
        for activation_checkpointing in [false, true] {
            let gradients = |batch: &MicroBatch, rows: usize, documents: bool| {
                let train = TrainConfig { batch_size: rows, activation_checkpointing, ..whole.clone() };
                let graphs =
                    training_graphs(&model, &TrainConfig { document_mask: documents, ..train }).unwrap();
                let micro_batches = vec![batch.clone()];
                let step = StepInput { step: 0, learning_rate: 0.0, micro_batches };
                block_on(executor_of(&graphs, 2).gradients(&step)).unwrap()
            };
            let (loss, got) = gradients(&packed, 1, true);
            let (wanted_loss, wanted) = gradients(&apart, 2, false);
            assert!((loss - wanted_loss).abs() <= 2e-6 * wanted_loss, "{loss} for {wanted_loss}");
            close("gradient", &got, &wanted);
            let (mixed, _) = gradients(&MicroBatch { document_starts: None, ..packed.clone() }, 1, false);
            assert!(
                (mixed - wanted_loss).abs() > 2e-5 * wanted_loss,
                "without starts documents see each other"
            );
        }
    }
}

/// Two micro-batches, one with few counted targets, equal one batch of both.
#[test]
fn targets_of_a_step_normalise_over_step_in_whichever_micro_batch() {
    let (model, ignored) = (llama(), Some(IGNORED));
    let gradients = |micro_batches: Vec<MicroBatch>| {
        let (batch_size, accumulate) = (2 / micro_batches.len(), micro_batches.len());
        let train = TrainConfig { batch_size, accumulate, ignore_index: ignored, ..TrainConfig::default() };
        let step = StepInput { step: 0, learning_rate: 0.0, micro_batches };
        let graphs = training_graphs(&model, &train).unwrap();
        block_on(executor_of(&graphs, 2).gradients(&step)).unwrap()
    };
    let both = batch(&model, &TrainConfig { batch_size: 2, ..TrainConfig::default() }, 5);
    let (time, mut targets) = (model.context_length, both.targets.clone());
    targets[2..time].fill(IGNORED);
    let both = MicroBatch { targets, ..both };
    let part = |from: usize| MicroBatch {
        tokens: both.tokens[from..from + time].to_vec(),
        targets: both.targets[from..from + time].to_vec(),
        ..both.clone()
    };
    let mut apart = vec![part(0), part(time)];
    let (means_loss, _) = gradients(apart.clone());
    MicroBatch::normalise_over_step(&mut apart, ignored);
    assert_eq!(apart[0].loss_denominator, Some((2 + time) as f32 / 2.0));
    let (loss, got) = gradients(apart);
    let (wanted_loss, wanted) = gradients(vec![both.clone()]);
    assert!((loss - wanted_loss).abs() <= 2e-6 * wanted_loss, "{loss} for {wanted_loss}");
    close("gradient", &got, &wanted);
    assert!((means_loss - wanted_loss).abs() > 1e-3 * wanted_loss, "a mean of means is another number");
    // With equal counts, no denominator is set.
    let mut even = vec![part(time), part(time)];
    MicroBatch::normalise_over_step(&mut even, ignored);
    assert!(even.iter().all(|batch| batch.loss_denominator.is_none()));
}

#[test]
fn batches_of_another_kind_than_the_graphs_are_refused() {
    let model = llama();
    let train = TrainConfig { batch_size: 1, ..TrainConfig::default() };
    let graphs = |documents| {
        training_graphs(&model, &TrainConfig { document_mask: documents, ..train.clone() }).unwrap()
    };
    let step = |starts: Option<Vec<u32>>| {
        let micro_batches = vec![MicroBatch { document_starts: starts, ..batch(&model, &train, 1) }];
        StepInput { step: 0, learning_rate: 0.0, micro_batches }
    };
    let starts = vec![0; model.context_length];
    let late = [&starts[..1], &[2][..], &starts[2..]].concat();
    for (documents, starts, fine) in [
        (false, None, true),
        (false, Some(starts.clone()), false),
        (true, None, false),
        (true, Some(starts.clone()), true),
        (true, Some(late), false),
        (true, Some(starts[1..].to_vec()), false),
    ] {
        let outcome = block_on(executor_of(&graphs(documents), 1).gradients(&step(starts)));
        assert_eq!(outcome.is_ok(), fine, "{outcome:?}");
    }
}

#[test]
fn every_optimizer_follows_its_rule() {
    for kind in [OptimizerKind::Adamw, OptimizerKind::Sgd, OptimizerKind::Rmsprop] {
        let model = gpt();
        let train = TrainConfig {
            optimizer: kind,
            weight_decay: 0.1,
            gradient_clipping: 0.5,
            ..TrainConfig::default()
        };
        let mut executor = executor(&model, &train, 2);
        let before = executor.state();
        let step = StepInput { step: 0, learning_rate: 0.01, micro_batches: vec![batch(&model, &train, 6)] };
        let (_, gradient) = block_on(executor.gradients(&step)).unwrap();
        let report = block_on(executor.train(std::slice::from_ref(&step))).unwrap()[0];
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() as f32;
        assert!((report.gradient_norm - norm).abs() < 1e-5 * norm, "{} for {norm}", report.gradient_norm);
        let optimizer = Optimizer::new(&train);
        let (first_correction, second_correction) = optimizer.corrections(0);
        let rate = Rate { learning_rate: 0.01, first_correction, second_correction };
        let scale = optimizer.gradient_scale(report.gradient_norm).unwrap();
        assert!(scale < 1.0, "the gradient is clipped");
        let layout = ArenaLayout::new(&training_graphs(&model, &train).unwrap().train);
        let after = executor.state();
        for (at, slope) in gradient.iter().enumerate().take(layout.trained_end) {
            let decay = if at < layout.decayed_end { 0.1 } else { 0.0 };
            let wanted = entry(&optimizer, &rate, decay, before.parameters[at], slope * scale, 0.0, 0.0).0;
            let got = after.parameters[at];
            assert!((got - wanted).abs() < 1e-6, "{kind:?} at {at}: {got} for {wanted}");
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_skips_the_step() {
    let (model, train) = (gpt(), TrainConfig::default());
    let mut executor = executor(&model, &train, 2);
    let mut state = executor.state();
    state.weights_mut()[0] = f32::NAN;
    state.first_moments.fill(0.25);
    executor.set_state(&state).unwrap();
    let tokens = vec![0; train.batch_size * model.context_length];
    let batch = MicroBatch {
        targets: tokens.clone(),
        tokens,
        document_starts: None,
        seed: [1, 2],
        loss_denominator: None,
        scores: None,
    };
    let step = StepInput { step: 4, learning_rate: 0.1, micro_batches: vec![batch] };
    let report = block_on(executor.train(&[step])).unwrap()[0];
    assert!(report.skipped && !report.gradient_norm.is_finite(), "{report:?}");
    let after = executor.state();
    assert!(after.parameters[1..] == state.parameters[1..] && after.first_moments == state.first_moments);
}

#[test]
fn bad_input_is_refused_by_name() {
    let (model, train) = (gpt(), TrainConfig::default());
    let mut executor = executor(&model, &train, 1);
    let mut wrong = batch(&model, &train, 1);
    wrong.tokens[5] = 23;
    let message = block_on(executor.evaluate(&[wrong])).unwrap_err().to_string();
    assert!(message.contains("id 23 at position 5"), "{message}");
    let short = MicroBatch {
        tokens: vec![0; 3],
        targets: vec![0; 3],
        document_starts: None,
        seed: [0, 0],
        loss_denominator: None,
        scores: None,
    };
    assert!(block_on(executor.evaluate(&[short])).is_err());
    let state = ArenaState::from_weights(vec![0.0; 7]);
    let message = executor.set_state(&state).unwrap_err().to_string();
    assert!(message.contains("parameters: got 7 floats"), "{message}");
}

#[test]
fn a_run_larger_than_the_memory_is_refused_with_a_batch_that_fits() {
    let train = TrainConfig { batch_size: 8, ..TrainConfig::default() };
    let make = |batch, available| {
        let graphs = training_graphs(&gpt(), &TrainConfig { batch_size: batch, ..train.clone() }).unwrap();
        CpuExecutor::within(available, &graphs, Optimizer::new(&train), Some(1), Partition::WHOLE)
    };
    // The estimate equals the memory held afterwards, without scratch memory.
    let mut roomy = make(8, None).unwrap();
    let needed = roomy.bytes();
    let micro_batches = vec![batch(&gpt(), &train, 1)];
    block_on(roomy.train(&[StepInput { step: 0, learning_rate: 1e-3, micro_batches }])).unwrap();
    assert_eq!(roomy.bytes(), needed);
    assert!(make(8, Some(needed)).is_ok());
    let refused = make(8, Some(needed - 1)).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains(&format!("needs {needed} bytes")), "{refused}");
    assert!(refused.ends_with("train.batch_size = 7 would fit"), "{refused}");
    assert!(make(7, Some(needed - 1)).is_ok());
}

#[test]
fn a_strange_number_of_threads_is_refused() {
    let train = TrainConfig::default();
    let graphs = training_graphs(&gpt(), &train).unwrap();
    for threads in [0, 257, 99_999] {
        let refused = CpuExecutor::new(&graphs, Optimizer::new(&train), Some(threads)).map(|_| ());
        assert!(refused.is_err_and(|error| error.to_string().contains("1 to 256")), "{threads}");
    }
}
