//! Mixed precision is admitted by its loss: a run of 200 steps ends where the run in 32 bits does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use glasshouse_engine::data::{self, Batches};
use glasshouse_engine::executor::update::Optimizer;
use glasshouse_engine::executor::{ArenaState, Executor, MicroBatch, StepInput};
use glasshouse_engine::graph::random;
use glasshouse_engine::model::{initial, training_graphs};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::protocol::{Precision, RunConfig, presets};
use glasshouse_tests::shared;

const STEPS: u64 = 200;

/// Losses of a run's first steps on the adapter that tests run on.
fn losses(config: &RunConfig, batches: &Batches<'_>) -> Vec<f32> {
    let adapter = std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned());
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let optimizer = Optimizer::of(&config.train);
    let parameters =
        initial::parameters(&graphs.train.parameters, &ArenaLayout::of(&graphs.train), config.seed);
    let input = |step| {
        let batch = batches.train(step, 0).unwrap();
        let seed = random::dropout_seed(config.seed, step, 0);
        StepInput {
            step,
            learning_rate: config.train.learning_rate_at(step) as f32,
            micro_batches: vec![MicroBatch { tokens: batch.tokens, targets: batch.targets, seed }],
        }
    };
    let inputs: Vec<StepInput> = (0..STEPS).map(input).collect();
    pollster::block_on(async {
        let (mut executor, _) = Executor::open(&adapter, &graphs, optimizer, None).await.unwrap();
        executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await.unwrap();
        let reports = executor.train(&inputs).await.unwrap();
        assert!(reports.iter().all(|report| report.loss.is_finite()));
        reports.iter().map(|report| report.loss).collect()
    })
}

#[test]
fn slow_mixed_precision_ends_within_a_hundredth_of_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.data.paths = vec![shared("data/tinyshakespeare.txt").display().to_string()];
    let prepared = data::prepare(&config, folder.path(), &mut |_| {}).unwrap();
    config.model.vocabulary = prepared.tokenizer.vocabulary_size();
    let batches =
        Batches::new(&prepared.store, config.seed, config.train.batch, config.model.context).unwrap();
    let [full, mixed] = [Precision::F32, Precision::Mixed].map(|precision| {
        config.train.precision = precision;
        losses(&config, &batches)
    });
    let end = |losses: &[f32]| losses[losses.len() - 20..].iter().sum::<f32>() / 20.0;
    let (full_end, mixed_end) = (end(&full), end(&mixed));
    println!("mean loss of the last 20 of {STEPS} steps: f32 {full_end:.4}, mixed {mixed_end:.4}");
    assert!(full_end < 2.7, "32 bits did not learn: {full_end}");
    assert!((mixed_end - full_end).abs() <= 0.01 * full_end, "{mixed_end} in mixed precision for {full_end}");
    assert!(full != mixed, "nothing was rounded");
}
