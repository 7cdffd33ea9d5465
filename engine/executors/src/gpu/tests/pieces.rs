//! Arenas larger than a buffer: a model whose weights, gradients and moments span several buffers trains and generates
//! like one with whole arenas.

use super::super::{Gpu, GpuDecoder, GpuExecutor, test_gpu, test_gpu_with_buffers_of};
use super::executor::configs;
use super::parts::near;
use glasshouse_compiler::graph::{has_half, random};
use glasshouse_compiler::model::training_graphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::compile;
use glasshouse_compiler::plan::estimate::{estimate, ring};
use glasshouse_compiler::plan::fit::{DeviceLimits, fit};
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput, StepReport};
use glasshouse_platform::Error;
use glasshouse_protocol::presets::preset;
use glasshouse_protocol::{
    Gate, GenerateConfig, ModelConfig, OptimizerKind, Precision, RunConfig, TrainConfig, WeightFormat,
};
use pollster::block_on;

/// Maximum buffer size of the limited device, in bytes.
const BUFFER: u64 = 49_664;

/// The same with Muon.
const MUON_BUFFER: u64 = 4 * BUFFER;

/// A model of about six such buffers. An embedding of 120 tokens fits into one, one of 700 does not.
fn config(vocabulary: usize, precision: Precision) -> (ModelConfig, TrainConfig) {
    let (mut model, mut train) = configs();
    (model.vocabulary, model.width, model.head_size) = (vocabulary, 40, 20);
    (model.mlp.gate, model.mlp.hidden) = (Gate::Swiglu, 100);
    model.tied_head = false;
    (train.batch_size, train.weight_decay, train.precision) = (2, 0.3, precision);
    // Keeps rounding noise from being scaled up to a whole step.
    train.eps = 1e-3;
    (model, train)
}

fn steps(model: &ModelConfig, count: u64) -> Vec<StepInput> {
    let batch = |number: u64| {
        let ids = |purpose| -> Vec<u32> {
            let id = |at| (random::nth(5, purpose, number * 16 + at) % model.vocabulary as u64) as u32;
            (0..16).map(id).collect()
        };
        MicroBatch {
            tokens: ids(1),
            targets: ids(2),
            document_starts: None,
            seed: random::dropout_seed(5, number, 0),
            loss_denominator: None,
            scores: None,
        }
    };
    let step = |step| StepInput {
        step,
        learning_rate: 0.01,
        micro_batches: vec![batch(2 * step), batch(2 * step + 1)],
    };
    (0..count).map(step).collect()
}

/// The device with its own and with small buffers.
fn devices(buffer: u64) -> [Gpu; 2] {
    let mut whole = test_gpu();
    whole.target = Target::new(false);
    let mut small = test_gpu_with_buffers_of(buffer);
    small.target = Target::new(false).with_binding(buffer).with_buffer(buffer);
    [whole, small]
}

/// An executor with initial weights, and the number of buffers these span.
async fn executor(gpu: &Gpu, model: &ModelConfig, train: &TrainConfig) -> (GpuExecutor, usize) {
    let graphs = training_graphs(model, train).unwrap();
    assert_eq!(has_half(&graphs.train), train.precision == Precision::Mixed);
    let layout = ArenaLayout::on(&graphs.train, &gpu.target()).unwrap();
    let parameters = crate::initial_parameters(&graphs.train.parameters, 1);
    let ring = ring(train.accumulate);
    let mut executor = GpuExecutor::new(gpu, &graphs, Optimizer::new(train), ring).await.unwrap();
    let planned = estimate(model, train, &gpu.target()).unwrap();
    assert_eq!(executor.bytes(), planned.bytes);
    assert_eq!(executor.dispatches_per_step(), planned.dispatches_per_step);
    executor.set_state(&ArenaState::from_weights(parameters)).await.unwrap();
    (executor, layout.pieces.len())
}

/// State after four steps, with the reports and an evaluation loss.
async fn trained(gpu: &Gpu, model: &ModelConfig, train: &TrainConfig) -> (ArenaState, Vec<StepReport>, f32) {
    let (mut executor, pieces) = executor(gpu, model, train).await;
    assert!(if gpu.target().buffer <= MUON_BUFFER { pieces >= 3 } else { pieces == 1 }, "{pieces}");
    let steps = steps(model, 4);
    let reports = executor.train(&steps).await.unwrap();
    assert!(reports.iter().all(|report| !report.skipped));
    let loss = executor.evaluate(&steps[0].micro_batches).await.unwrap()[0].0;
    (executor.state().await.unwrap(), reports, loss)
}

/// Cut between parameters, each kernel computes the same as over whole arenas; only the gradient norm is summed in
/// another order.
#[test]
fn pieces_between_parameters_leave_the_same_bits() {
    for (optimizer, precision) in [
        (OptimizerKind::Adamw, Precision::F32),
        (OptimizerKind::Adamw, Precision::Mixed),
        (OptimizerKind::Sgd, Precision::F32),
        (OptimizerKind::Rmsprop, Precision::F32),
        (OptimizerKind::Muon, Precision::F32),
        (OptimizerKind::Muon, Precision::Mixed),
    ] {
        // The arguments of Muon's dispatches need larger buffers. A larger vocabulary fills three of these, too.
        let is_muon = optimizer == OptimizerKind::Muon;
        let (buffer, vocabulary) = if is_muon { (MUON_BUFFER, 1000) } else { (BUFFER, 120) };
        let (model, mut train) = config(vocabulary, precision);
        // High enough that no step is clipped.
        (train.optimizer, train.gradient_clipping) = (optimizer, 1e4);
        let [whole, small] = devices(buffer).map(|gpu| block_on(trained(&gpu, &model, &train)));
        assert!(whole.0 == small.0, "{optimizer:?} {precision:?}");
        assert_eq!(whole.2, small.2);
        for (whole, small) in whole.1.iter().zip(&small.1) {
            assert_eq!(whole.loss, small.loss);
            near(&[small.gradient_norm], &[whole.gradient_norm], 1e-6);
        }
    }
}

#[test]
fn pieces_of_a_parameter_learn_as_the_whole_one() {
    // Sums of rounded parts are rounded again.
    for (precision, bound) in [(Precision::F32, 1e-5), (Precision::Mixed, 1e-2)] {
        let (model, mut train) = config(700, precision);
        train.gradient_clipping = 0.5;
        let [whole, small] = devices(BUFFER).map(|gpu| block_on(trained(&gpu, &model, &train)));
        assert!(whole.1.iter().all(|report| f64::from(report.gradient_norm) > train.gradient_clipping));
        near(&small.0.parameters, &whole.0.parameters, bound);
        near(&small.0.first_moments, &whole.0.first_moments, bound);
        near(&small.0.second_moments, &whole.0.second_moments, bound);
        for (whole, small) in whole.1.iter().zip(&small.1) {
            near(&[small.loss, small.gradient_norm], &[whole.loss, whole.gradient_norm], bound);
        }
        near(&[small.2], &[whole.2], bound);
    }
}

#[test]
fn a_state_in_pieces_goes_on_in_the_same_bits() {
    let gpu = test_gpu_with_buffers_of(BUFFER);
    for precision in [Precision::F32, Precision::Mixed] {
        let (model, train) = config(700, precision);
        let steps = steps(&model, 4);
        block_on(async {
            let (mut straight, _) = executor(&gpu, &model, &train).await;
            let all = straight.train(&steps).await.unwrap();
            let (mut first, _) = executor(&gpu, &model, &train).await;
            first.train(&steps[..2]).await.unwrap();
            let (mut second, pieces) = executor(&gpu, &model, &train).await;
            assert!(pieces >= 3);
            second.set_state(&first.state().await.unwrap()).await.unwrap();
            assert_eq!(second.train(&steps[2..]).await.unwrap(), all[2..]);
            assert_eq!(second.state().await.unwrap(), straight.state().await.unwrap());
            // A weights-only state clears the moments.
            let parameters = first.state().await.unwrap().parameters;
            second.set_state(&ArenaState::from_weights(parameters)).await.unwrap();
            assert!(second.state().await.unwrap().first_moments.iter().all(|moment| *moment == 0.0));
        });
    }
}

#[test]
fn a_model_in_pieces_writes_as_the_whole_one() {
    for vocabulary in [120, 700] {
        let (model, _) = config(vocabulary, Precision::F32);
        let graph = glasshouse_compiler::model::build(
            &model,
            glasshouse_compiler::model::Purpose::Window { time: 1 },
        )
        .unwrap()
        .graph;
        let weights = crate::initial_parameters(&graph.parameters, 3);
        let settings = GenerateConfig { temperature: 0.9, seed: 4, ..GenerateConfig::default() };
        for format in [WeightFormat::F32, WeightFormat::F16] {
            let written = |gpu: Gpu| {
                let pieces = ArenaLayout::on(&graph, &gpu.target()).unwrap().pieces.len();
                assert_eq!(pieces >= 3, gpu.target().buffer == BUFFER);
                block_on(async {
                    let mut decoder = GpuDecoder::new(&gpu, &model, &weights, format, 1).await.unwrap();
                    decoder.start(&[100, 1, 17, 119], &settings).await.unwrap();
                    // Also beyond the context length.
                    decoder.advance(model.context_length + 6).await.unwrap()
                })
            };
            let [whole, small] = devices(BUFFER).map(written);
            assert_eq!(whole, small);
        }
    }
}

/// A batch with values larger than a buffer: planning finds settings that fit, and opening the model unchanged names one.
#[test]
fn values_larger_than_a_buffer_are_refused_with_a_setting() {
    let gpu = test_gpu_with_buffers_of(BUFFER);
    let (model, mut train) = config(120, Precision::F32);
    train.batch_size = 32;
    let config = RunConfig { model, train, ..preset("nanogpt-cpu").unwrap() };
    let limits = DeviceLimits { buffer: Some(BUFFER), ..DeviceLimits::default() };
    let needs = estimate(&config.model, &config.train, &gpu.target()).unwrap();
    assert_eq!(limits.holds(&needs), Some(false));
    let (fitting, changes) = fit(&config, &gpu.target(), limits).unwrap();
    assert!(changes.iter().any(|change| change.starts_with("train.batch_size: 32 to")), "{changes:?}");
    let open = |config: &RunConfig| {
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        block_on(GpuExecutor::new(&gpu, &graphs, Optimizer::new(&config.train), 1))
    };
    assert!(open(&fitting).is_ok());
    match open(&config) {
        Err(Error::TooLarge { what, available: BUFFER, advice, .. }) => {
            assert!(
                what.starts_with("activation buffer") && advice.starts_with("train.batch_size = "),
                "{what}; {advice}"
            );
        }
        other => panic!("{:?}", other.map(|executor| executor.bytes())),
    }
}

#[test]
fn a_parameter_that_cannot_be_cut_is_refused_by_name() {
    let (model, train) = config(120, Precision::F32);
    let graph = training_graphs(&model, &train).unwrap().train;
    let compiled = |buffer| compile(graph.clone(), &[], &Target::new(false).with_buffer(buffer));
    match compiled(2_048) {
        Err(glasshouse_compiler::Error::TooLarge { what, needed, available: 2_048, advice }) => {
            assert!(what.contains("embedding.") && advice.contains("model.width"), "{what}; {advice}");
            assert!(needed > 2_048);
        }
        other => panic!("{:?}", other.map(|plan| plan.arena.pieces)),
    }
    let config = RunConfig { model, train, ..preset("nanogpt-cpu").unwrap() };
    let fitted = |buffer| fit(&config, &Target::new(false).with_buffer(buffer), DeviceLimits::default());
    assert!(matches!(fitted(2_000), Err(glasshouse_compiler::Error::TooLarge { .. })));
    assert!(fitted(30_000).unwrap().1.is_empty());
}

/// GPT-2's 498 MB of weights, and as much of gradients and of each moment, with WebGPU's default buffer limit of 256 MiB.
#[test]
fn slow_gpt2_trains_and_writes_in_buffers_of_256_mib() {
    let mut config = preset("gpt2-124m").unwrap();
    (config.model.context_length, config.train.batch_size, config.train.accumulate) = (8, 2, 2);
    // Clipping depends on the norm, which is summed in another order.
    config.train.gradient_clipping = 0.0;
    let mut found = Vec::new();
    for gpu in [test_gpu(), test_gpu_with_buffers_of(256 << 20)] {
        let (state, losses, written) = block_on(async {
            let (mut executor, pieces) = executor(&gpu, &config.model, &config.train).await;
            assert_eq!(pieces, found.len() + 1);
            let reports = executor.train(&steps(&config.model, 2)).await.unwrap();
            assert!(reports.iter().all(|report| !report.skipped));
            let losses: Vec<f32> = reports.iter().map(|report| report.loss).collect();
            let state = executor.state().await.unwrap();
            drop(executor);
            let mut decoder =
                GpuDecoder::new(&gpu, &config.model, &state.parameters, WeightFormat::F32, 1).await.unwrap();
            decoder
                .start(&[50_256, 17], &GenerateConfig { seed: 4, ..GenerateConfig::default() })
                .await
                .unwrap();
            (state, losses, decoder.advance(10).await.unwrap())
        });
        found.push((state, losses, written));
    }
    assert!(found[0] == found[1]);
}
