//! Mixed precision follows the 32-bit run, finds a loss scale and resumes exactly.

use super::super::{Gpu, GpuExecutor, test_gpu};
use super::executor::{RING, configs, initial_state, steps};
use glasshouse_compiler::graph::has_half;
use glasshouse_compiler::model::training_graphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::estimate::{estimate, ring};
use glasshouse_compiler::step::{ArenaState, LossScale, StepReport};
use glasshouse_protocol::model::{Activation, Experts};
use glasshouse_protocol::{ModelConfig, Precision, TrainConfig};
use pollster::block_on;

fn config(precision: Precision) -> (ModelConfig, TrainConfig) {
    let (model, train) = configs();
    (model, TrainConfig { precision, ..train })
}

/// An executor with initial weights and the given loss scale.
async fn executor(gpu: &Gpu, precision: Precision, loss_scale: Option<LossScale>) -> GpuExecutor {
    let (model, train) = config(precision);
    let graphs = training_graphs(&model, &train).unwrap();
    let mut executor = GpuExecutor::new(gpu, &graphs, Optimizer::new(&train), RING).await.unwrap();
    let state = ArenaState { loss_scale, ..initial_state(&graphs) };
    executor.set_state(&state).await.unwrap();
    executor
}

fn near(one: f32, other: f32, share: f32) -> bool {
    (one - other).abs() <= share * other.abs()
}

#[test]
fn mixed_precision_follows_32_bits() {
    let gpu = test_gpu();
    block_on(async {
        let mut full = executor(&gpu, Precision::F32, None).await;
        let mut mixed = executor(&gpu, Precision::Mixed, None).await;
        // The reported gradient is unscaled.
        let (_, wanted) = full.gradients(&steps(1)[0]).await.unwrap();
        let (_, found) = mixed.gradients(&steps(1)[0]).await.unwrap();
        let largest = wanted.iter().fold(0.0f32, |most, entry| most.max(entry.abs()));
        assert!(wanted.iter().zip(&found).all(|(one, other)| (one - other).abs() < 0.01 * largest));
        assert!(wanted != found, "nothing was rounded");
        let reports = [full.train(&steps(12)).await.unwrap(), mixed.train(&steps(12)).await.unwrap()];
        for (full, mixed) in reports[0].iter().zip(&reports[1]) {
            assert!(!mixed.skipped && near(mixed.loss, full.loss, 0.01), "{mixed:?} for {full:?}");
            assert!(near(mixed.gradient_norm, full.gradient_norm, 0.03), "{mixed:?} for {full:?}");
        }
        assert_eq!(full.state().await.unwrap().loss_scale, None);
        let expected = LossScale { good_steps: 12, ..LossScale::FIRST };
        assert_eq!(mixed.state().await.unwrap().loss_scale, Some(expected));
    });
}

/// The gradients of a router's losses are scaled like that of the loss. All experts are chosen, so that rounding cannot change the choice.
#[test]
fn router_losses_are_scaled_too() {
    let gpu = test_gpu();
    let gradients = |precision| {
        let (mut model, train) = config(precision);
        model.experts = Experts { count: 2, z_loss: 10.0, ..Experts::default() };
        model.bias = false.into();
        let graphs = training_graphs(&model, &train).unwrap();
        assert_eq!(has_half(&graphs.train), precision == Precision::Mixed);
        block_on(async {
            let mut executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), RING).await.unwrap();
            executor.set_state(&initial_state(&graphs)).await.unwrap();
            executor.gradients(&steps(1)[0]).await.unwrap().1
        })
    };
    let [wanted, found] = [Precision::F32, Precision::Mixed].map(gradients);
    let largest = wanted.iter().fold(0.0f32, |most, entry| most.max(entry.abs()));
    assert!(wanted.iter().zip(&found).all(|(one, other)| (one - other).abs() < 0.02 * largest));
}

#[test]
fn an_overflow_skips_the_step_and_halves_the_scale_until_it_fits() {
    let gpu = test_gpu();
    block_on(async {
        let begun = LossScale { scale: 2.0f32.powi(40), good_steps: 5 };
        let mut executor = executor(&gpu, Precision::Mixed, Some(begun)).await;
        let before = executor.state().await.unwrap();
        assert_eq!(before.loss_scale, Some(begun));
        let mut reports: Vec<StepReport> = executor.train(&steps(1)).await.unwrap();
        assert!(reports[0].skipped && reports[0].loss.is_finite(), "{reports:?}");
        let after = executor.state().await.unwrap();
        assert_eq!(after.loss_scale, Some(LossScale { scale: 2.0f32.powi(39), good_steps: 0 }));
        assert_eq!(ArenaState { loss_scale: before.loss_scale, ..after }, before);
        reports = executor.train(&steps(40)).await.unwrap();
        let skipped = reports.iter().take_while(|report| report.skipped).count();
        assert!((5..35).contains(&skipped), "{skipped} steps skipped");
        assert!(reports[skipped..].iter().all(|report| !report.skipped && report.gradient_norm.is_finite()));
        let found = executor.state().await.unwrap();
        let scale = 2.0f32.powi(39 - skipped as i32);
        assert_eq!(found.loss_scale, Some(LossScale { scale, good_steps: 40 - skipped as u32 }));
        assert!(found.parameters != before.parameters);
    });
}

/// With these factors, most of what is squared is beyond 256, and its squares are beyond f16.
#[test]
fn relu_squared_does_not_overflow() {
    let gpu = test_gpu();
    let step = |precision| {
        let (mut model, train) = config(precision);
        model.mlp.activation = Activation::ReluSquared;
        let graphs = training_graphs(&model, &train).unwrap();
        assert_eq!(has_half(&graphs.train), precision == Precision::Mixed);
        let mut state = initial_state(&graphs);
        let layout = ArenaLayout::from_parameters(&graphs.train.parameters);
        for (number, parameter) in graphs.train.parameters.iter().enumerate() {
            let factor = match &parameter.name {
                name if name.ends_with("mlp.up.weight") => 8192.0,
                name if name.ends_with("mlp.down.weight") => 1.0 / 64.0,
                _ => continue,
            };
            let entries = &mut state.weights_mut()[layout.offsets[number]..][..layout.counts[number]];
            entries.iter_mut().for_each(|entry| *entry *= factor);
        }
        state.loss_scale = (precision == Precision::Mixed).then_some(LossScale::ONE);
        block_on(async {
            let mut executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), RING).await.unwrap();
            executor.set_state(&state).await.unwrap();
            executor.train(&steps(1)).await.unwrap().remove(0)
        })
    };
    let [full, mixed] = [Precision::F32, Precision::Mixed].map(step);
    assert!(!mixed.skipped && near(mixed.loss, full.loss, 0.01), "{mixed:?} for {full:?}");
    assert!(near(mixed.gradient_norm, full.gradient_norm, 0.1), "{mixed:?} for {full:?}");
}

#[test]
fn good_steps_double_the_scale_and_hopeless_ones_leave_one() {
    let gpu = test_gpu();
    block_on(async {
        let almost = LossScale { scale: 1024.0, good_steps: LossScale::INTERVAL - 1 };
        let mut executor = executor(&gpu, Precision::Mixed, Some(almost)).await;
        executor.train(&steps(1)).await.unwrap();
        let mut state = executor.state().await.unwrap();
        assert_eq!(state.loss_scale, Some(LossScale { scale: 2048.0, good_steps: 0 }));
        state.weights_mut().fill(f32::INFINITY);
        state.loss_scale = Some(LossScale { scale: 2.0, good_steps: 7 });
        executor.set_state(&state).await.unwrap();
        assert!(executor.train(&steps(3)).await.unwrap().iter().all(|report| report.skipped));
        assert_eq!(executor.state().await.unwrap().loss_scale, Some(LossScale::ONE));
    });
}

#[test]
fn a_state_goes_on_in_the_same_bits() {
    let gpu = test_gpu();
    block_on(async {
        let mut straight = executor(&gpu, Precision::Mixed, None).await;
        let all = straight.train(&steps(6)).await.unwrap();
        let mut first = executor(&gpu, Precision::Mixed, None).await;
        first.train(&steps(3)).await.unwrap();
        let mut second = executor(&gpu, Precision::Mixed, None).await;
        second.set_state(&first.state().await.unwrap()).await.unwrap();
        assert_eq!(second.train(&steps(6)[3..]).await.unwrap(), all[3..]);
        assert_eq!(second.state().await.unwrap(), straight.state().await.unwrap());
    });
}

/// If no dimension is divisible by four, nothing is stored in f16, and training still works.
#[test]
fn sizes_without_f16_train_in_32_bits() {
    let gpu = test_gpu();
    let (mut model, train) = config(Precision::Mixed);
    (model.width, model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (6, 1, 1, 6, 9);
    let graphs = training_graphs(&model, &train).unwrap();
    assert!(!has_half(&graphs.train));
    block_on(async {
        let mut executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), RING).await.unwrap();
        executor.set_state(&initial_state(&graphs)).await.unwrap();
        let reports = executor.train(&steps(2)).await.unwrap();
        assert!(reports.iter().all(|report| !report.skipped && report.gradient_norm < 100.0), "{reports:?}");
    });
}

#[test]
fn creates_exactly_the_bytes_that_the_plan_says() {
    let gpu = test_gpu();
    let (model, train) = config(Precision::Mixed);
    let planned = estimate(&model, &train, &gpu.target()).unwrap();
    let graphs = training_graphs(&model, &train).unwrap();
    let executor =
        block_on(GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), ring(train.accumulate))).unwrap();
    assert_eq!(executor.bytes(), planned.bytes);
    assert_eq!(executor.dispatches_per_step(), planned.dispatches_per_step);
}
