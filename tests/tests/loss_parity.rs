//! Mixed precision and the tiers of subgroups and cooperative matrices are admitted by their loss: a run of 200 steps ends where the
//! run in 32 bits with the default kernels does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use glasshouse_engine::data::{self, Batches, Prepared};
use glasshouse_engine::executor::update::Optimizer;
use glasshouse_engine::executor::{ArenaState, DeviceDescription, Executor, MicroBatch, StepInput};
use glasshouse_engine::gpu::{DeviceChoice, Gpu, Tuning};
use glasshouse_engine::graph::random;
use glasshouse_engine::model::{initial, training_graphs};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::plan::lower::Tier;
use glasshouse_engine::plan::trial;
use glasshouse_engine::protocol::{Precision, RunConfig, presets};
use glasshouse_tests::shared;
use std::path::Path;

const STEPS: u64 = 200;

fn adapter() -> String {
    std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned())
}

/// Losses of a run's first steps on the adapter that tests run on, with this tier for every kernel that goes row by row or, if it
/// is of cooperative matrices, for every product of halves; or the default ones.
fn losses(config: &RunConfig, batches: &Batches<'_>, tier: Option<Tier>) -> Vec<f32> {
    let adapter = adapter();
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
        if let Some(tier) = tier {
            let chosen = trial::everywhere(&graphs.train, tier, |class| match tier {
                Tier::Cooperative => class.halves,
                _ => class.family.by_rows(),
            });
            assert!(!chosen.is_empty());
            let device = DeviceDescription { variants: chosen.texts(), ..executor.describe() };
            let tuning = Tuning::Pinned(device.clone());
            let opened = Executor::open_tuned(&adapter, &graphs, optimizer, None, &tuning).await.unwrap();
            executor = opened.executor;
            assert_eq!(executor.describe(), device);
        }
        executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await.unwrap();
        let reports = executor.train(&inputs).await.unwrap();
        assert!(reports.iter().all(|report| report.loss.is_finite()));
        reports.iter().map(|report| report.loss).collect()
    })
}

/// A preset with its text, and what its vocabulary came to.
fn prepared(folder: &Path) -> (RunConfig, Prepared) {
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.data.paths = vec![shared("data/tinyshakespeare.txt").display().to_string()];
    let prepared = data::prepare(&config, folder, &mut |_| {}).unwrap();
    config.model.vocabulary = prepared.tokenizer.vocabulary_size();
    (config, prepared)
}

/// Holds the end of one run to that of another, the plain one.
fn ends_alike(plain: &[f32], other: &[f32], name: &str) {
    let end = |losses: &[f32]| losses[losses.len() - 20..].iter().sum::<f32>() / 20.0;
    let (plain_end, other_end) = (end(plain), end(other));
    println!("mean loss of the last 20 of {STEPS} steps: plain f32 {plain_end:.4}, {name} {other_end:.4}");
    assert!(plain_end < 2.7, "32 bits did not learn: {plain_end}");
    assert!((other_end - plain_end).abs() <= 0.01 * plain_end, "{other_end} with {name} for {plain_end}");
    assert!(plain != other, "{name} changed nothing");
}

#[test]
fn slow_mixed_precision_ends_within_a_hundredth_of_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let [full, mixed] = [Precision::F32, Precision::Mixed].map(|precision| {
        config.train.precision = precision;
        losses(&config, &batches, None)
    });
    ends_alike(&full, &mixed, "mixed precision");
}

/// Only where the adapter has such matrices: the software one of Mesa 26.2 has, that of Debian 12 has not.
#[test]
fn slow_cooperative_matrices_end_within_a_hundredth_of_32_bits() {
    let gpu = pollster::block_on(Gpu::open(&DeviceChoice::Named(adapter()))).unwrap();
    if gpu.target().cooperative.halves.is_none() {
        println!("{} has no cooperative matrices of halves: nothing to compare", gpu.report().name);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let full = losses(&config, &batches, None);
    config.train.precision = Precision::Mixed;
    let mixed = losses(&config, &batches, None);
    let cooperative = losses(&config, &batches, Some(Tier::Cooperative));
    assert!(mixed != cooperative, "cooperative matrices were not taken");
    ends_alike(&full, &cooperative, "cooperative matrices in mixed precision");
}

#[test]
fn slow_subgroups_end_within_a_hundredth_of_the_default_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let [default, subgroups] = [None, Some(Tier::Subgroup)].map(|tier| losses(&config, &batches, tier));
    ends_alike(&default, &subgroups, "subgroups");
}
