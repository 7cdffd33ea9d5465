//! The executor on a model small enough for a software adapter, with all training features: accumulation, dropout, both
//! kinds of parameters, a ring shorter than the list of steps.

use super::super::replay::Cut;
use super::super::{Gpu, GpuExecutor, test_gpu};
use glasshouse_compiler::graph::random;
use glasshouse_compiler::model::{TrainingGraphs, training_graphs};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::estimate::{estimate, ring};
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_platform::Error;
use glasshouse_protocol::presets::preset;
use glasshouse_protocol::{ModelConfig, TrainConfig, WeightFormat};
use pollster::block_on;

const VOCABULARY: usize = 11;
pub(super) const RING: usize = 3;

pub(super) fn configs() -> (ModelConfig, TrainConfig) {
    let run = preset("nanogpt-cpu").unwrap();
    let mut model = run.model;
    (model.vocabulary, model.context_length, model.layers) = (VOCABULARY, 8, 2);
    (model.width, model.heads, model.kv_heads, model.head_size) = (16, 2, 2, 8);
    model.mlp.hidden = 24;
    model.bias = true.into();
    model.dropout = glasshouse_protocol::model::Dropout::everywhere(0.1);
    let mut train = run.train;
    (train.batch_size, train.accumulate) = (3, 2);
    (model, train)
}

pub(super) fn graphs() -> (TrainingGraphs, Optimizer) {
    let (model, train) = configs();
    (training_graphs(&model, &train).unwrap(), Optimizer::new(&train))
}

pub(super) fn batch(number: u64) -> MicroBatch {
    let ids = |purpose| -> Vec<u32> {
        (0..24).map(|at| (random::nth(5, purpose, number * 24 + at) % VOCABULARY as u64) as u32).collect()
    };
    MicroBatch {
        tokens: ids(1),
        targets: ids(2),
        document_starts: None,
        seed: random::dropout_seed(5, number, 0),
        loss_denominator: None,
        scores: None,
    }
}

pub(super) fn steps(count: u64) -> Vec<StepInput> {
    let step = |step| StepInput {
        step,
        learning_rate: 0.01,
        micro_batches: vec![batch(2 * step), batch(2 * step + 1)],
    };
    (0..count).map(step).collect()
}

pub(super) fn initial_state(graphs: &TrainingGraphs) -> ArenaState {
    ArenaState::from_weights(crate::initial_parameters(&graphs.train.parameters, 1))
}

pub(super) async fn executor(gpu: &Gpu) -> GpuExecutor {
    let (graphs, optimizer) = graphs();
    let mut executor = GpuExecutor::new(gpu, &graphs, optimizer, RING).await.unwrap();
    executor.set_state(&initial_state(&graphs)).await.unwrap();
    executor
}

fn bits(losses: &[f32], state: &ArenaState) -> Vec<u32> {
    let floats =
        losses.iter().chain(state.parameters.iter()).chain(&state.first_moments).chain(&state.second_moments);
    floats.map(|float| float.to_bits()).collect()
}

async fn trained(gpu: &Gpu, cut: Option<Cut>) -> Vec<u32> {
    let mut executor = executor(gpu).await;
    executor.fixed_cut = cut;
    let reports = executor.train(&steps(4)).await.unwrap();
    let losses: Vec<f32> = reports.iter().flat_map(|report| [report.loss, report.gradient_norm]).collect();
    assert!(losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{losses:?}");
    assert!(reports.iter().all(|report| !report.skipped));
    bits(&losses, &executor.state().await.unwrap())
}

#[test]
fn a_seed_gives_the_same_bits_however_it_is_cut() {
    let gpu = test_gpu();
    block_on(async {
        let first = trained(&gpu, None).await;
        for cut in [
            None,
            Some(Cut::Together(2)),
            Some(Cut::Together(9)),
            Some(Cut::Apart(2)),
            Some(Cut::Apart(1000)),
        ] {
            assert!(trained(&gpu, cut).await == first, "{cut:?}");
        }
    });
}

#[test]
fn training_lowers_the_loss_and_evaluation_leaves_weights_alone() {
    let gpu = test_gpu();
    block_on(async {
        let mut executor = executor(&gpu).await;
        let batches = [batch(0), batch(1)];
        let before = executor.evaluate(&batches).await.unwrap();
        // An untrained model's loss is near ln V.
        assert!(
            before
                .iter()
                .all(|(loss, count)| (loss - (VOCABULARY as f32).ln()).abs() < 0.1 && *count == 24.0),
            "{before:?}"
        );
        // The same batches repeatedly, with different dropout masks.
        let mut repeated = steps(60);
        for step in &mut repeated {
            for (batch, same) in step.micro_batches.iter_mut().zip(&batches) {
                (batch.tokens, batch.targets) = (same.tokens.clone(), same.targets.clone());
            }
        }
        executor.train(&repeated).await.unwrap();
        let state = executor.state().await.unwrap();
        let after = executor.evaluate(&batches).await.unwrap();
        assert!(
            after.iter().zip(&before).all(|(after, before)| after.0 < before.0 - 0.3),
            "{before:?} {after:?}"
        );
        assert_eq!(executor.evaluate(&batches).await.unwrap(), after);
        assert_eq!(executor.state().await.unwrap(), state);
    });
}

#[test]
fn gradients_are_those_of_the_step_and_change_nothing() {
    let gpu = test_gpu();
    block_on(async {
        let mut executor = executor(&gpu).await;
        let step = &steps(1)[0];
        let before = executor.state().await.unwrap();
        let (loss, gradient) = executor.gradients(step).await.unwrap();
        assert_eq!(executor.state().await.unwrap(), before);
        let norm = gradient.iter().map(|entry| f64::from(*entry).powi(2)).sum::<f64>().sqrt();
        let report = executor.train(std::slice::from_ref(step)).await.unwrap()[0];
        assert_eq!(report.loss, loss);
        assert!((norm - f64::from(report.gradient_norm)).abs() < 1e-5 * norm, "{norm} {report:?}");
    });
}

#[test]
fn creates_exactly_the_bytes_that_the_plan_says() {
    let gpu = test_gpu();
    let (graphs, optimizer) = graphs();
    let (model, train) = configs();
    let planned = estimate(&model, &train, &gpu.target()).unwrap();
    let ring = ring(train.accumulate);
    let executor = block_on(GpuExecutor::new(&gpu, &graphs, optimizer, ring)).unwrap();
    assert_eq!(executor.bytes(), planned.bytes);
    assert_eq!(executor.dispatches_per_step(), planned.dispatches_per_step);
}

#[test]
fn bad_batches_are_refused_and_the_executor_goes_on() {
    let gpu = test_gpu();
    block_on(async {
        let mut executor = executor(&gpu).await;
        let good = steps(1);
        let mut outside = good.clone();
        outside[0].micro_batches[1].tokens[5] = VOCABULARY as u32;
        let mut short = good.clone();
        short[0].micro_batches[0].targets.pop();
        let mut few = good.clone();
        few[0].micro_batches.pop();
        for (bad, says) in [(outside, "token 11"), (short, "23 targets"), (few, "1 micro-batches")] {
            match executor.train(&bad).await {
                Err(Error::Refused(text)) => assert!(text.contains(says), "{text}"),
                other => panic!("{says}: {other:?}"),
            }
        }
        let wrong = ArenaState::from_weights(vec![0.0; 3]);
        assert!(matches!(executor.set_state(&wrong).await, Err(Error::Refused(_))));
        assert!(executor.train(&good).await.is_ok());
    });
}

#[test]
fn a_device_lost_in_training_is_an_error() {
    let gpu = test_gpu();
    block_on(async {
        let mut executor = executor(&gpu).await;
        executor.train(&steps(1)).await.unwrap();
        gpu.device.destroy();
        for _ in 0..2 {
            assert!(matches!(executor.train(&steps(1)).await, Err(Error::DeviceLost(_))));
            assert!(matches!(executor.state().await, Err(Error::DeviceLost(_))));
        }
    });
}

#[test]
fn a_model_too_large_for_a_binding_is_refused_before_anything_is_allocated() {
    let gpu = test_gpu().with_fusions(Fusions::NONE);
    let (model, train) = configs();
    let model = ModelConfig { vocabulary: 4000, context_length: 64, ..model };
    let train = TrainConfig { batch_size: 256, ..train };
    let graphs = training_graphs(&model, &train).unwrap();
    match block_on(GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), 1)) {
        Err(Error::TooLarge { needed, available, advice, .. }) => {
            assert_eq!(needed, 256 * 64 * 4000 * 4);
            assert!(available < needed);
            assert!(advice.starts_with("train.batch_size = "), "{advice}");
        }
        other => panic!("{:?}", other.map(|executor| executor.bytes())),
    }
}

#[test]
fn profiling_names_scopes_and_kernels() {
    let gpu = test_gpu();
    for accumulate in [1, 2] {
        let (model, train) = configs();
        let train = TrainConfig { accumulate, ..train };
        let graphs = training_graphs(&model, &train).unwrap();
        block_on(async {
            let mut executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), 1).await.unwrap();
            executor.set_state(&initial_state(&graphs)).await.unwrap();
            let mut step = steps(1)[0].clone();
            step.micro_batches.truncate(accumulate);
            let timings = executor.profile(&step).await.unwrap();
            let dispatches: usize = timings.iter().map(|(_, _, count, _)| count).sum();
            assert_eq!(dispatches, executor.dispatches_per_step());
            assert!(timings.iter().any(|(scope, ..)| scope == "blocks.1.mlp"), "{timings:?}");
            assert!(timings.iter().map(|(_, _, _, ms)| ms).sum::<f64>() > 0.0);
            let cost = executor.time_launch(&step, true).await.unwrap();
            assert_eq!((cost.dispatches, cost.submissions), (dispatches as u64, accumulate as u64));
        });
    }
}

#[test]
fn micro_batches_add_up() {
    let gpu = test_gpu();
    block_on(async {
        let mut executor = executor(&gpu).await;
        let pairs = [(0, 1), (0, 0), (1, 1)];
        let mut gradients = Vec::new();
        for (one, other) in pairs {
            let step =
                StepInput { step: 0, learning_rate: 0.01, micro_batches: vec![batch(one), batch(other)] };
            gradients.push(executor.gradients(&step).await.unwrap());
        }
        let [both, first, second] = &gradients[..] else { panic!("three were asked for") };
        assert!((both.0 - (first.0 + second.0) / 2.0).abs() < 1e-6);
        assert!(first.0 != second.0);
        let largest = both.1.iter().fold(0.0f32, |most, entry| most.max(entry.abs()));
        for ((sum, one), other) in both.1.iter().zip(&first.1).zip(&second.1) {
            assert!((sum - (one + other) / 2.0).abs() < 1e-5 * largest, "{sum} {one} {other}");
        }
    });
}

/// A decoder of a model in training reads the training weights in place, and is refused if they are in another order.
#[test]
fn a_decoder_shares_the_weights_in_training() {
    use super::super::GpuDecoder;
    use glasshouse_protocol::{GenerateConfig, Trainable};

    let gpu = test_gpu();
    let (model, train) = configs();
    let config = GenerateConfig { temperature: 1.0, seed: 3, ..GenerateConfig::default() };
    block_on(async {
        let mut executor = executor(&gpu).await;
        let mut shares = GpuDecoder::sharing(&gpu, &executor, &model, 1).await.unwrap().unwrap();
        assert!(shares.shares_weights());
        let mut written = Vec::new();
        for first in [0, 2, 4] {
            let copy = executor.weights().await.unwrap();
            assert_eq!(copy, *executor.state().await.unwrap().parameters);
            let mut copies = GpuDecoder::new(&gpu, &model, &copy, WeightFormat::F32, 1).await.unwrap();
            assert!(!copies.shares_weights());
            for decoder in [&mut shares, &mut copies] {
                decoder.start(&[1, 2, 3], &config).await.unwrap();
                written.push(decoder.advance(30).await.unwrap());
            }
            executor.train(&steps(first + 2)[first as usize..]).await.unwrap();
        }
        for pair in written.chunks(2) {
            assert_eq!(pair[0], pair[1]);
        }
        assert_ne!(written[0], written[4], "training changes what is written");
        let frozen = TrainConfig { trainable: Trainable::Last(1), ..train };
        let graphs = training_graphs(&model, &frozen).unwrap();
        let executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&frozen), 1).await.unwrap();
        assert!(GpuDecoder::sharing(&gpu, &executor, &model, 1).await.unwrap().is_none());
    });
}
