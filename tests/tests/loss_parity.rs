//! Mixed precision and the tiers of subgroups and cooperative matrices are admitted by their loss: a run of 200 steps ends where the
//! run in 32 bits with the default kernels does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use glasshouse_engine::data::{self, Batches, Prepared};
use glasshouse_engine::gpu::{DeviceChoice, Gpu};
use glasshouse_engine::plan::lower::Tier;
use glasshouse_engine::protocol::{Precision, RunConfig, presets};
use glasshouse_engine::selftest::losses::{self, APART, Kernels, Way, end_of};
use glasshouse_tests::shared;
use std::path::Path;

const STEPS: u64 = 200;

fn adapter() -> String {
    std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned())
}

/// Losses of a run's first steps on the adapter that tests run on.
fn losses(config: &RunConfig, batches: &Batches<'_>, precision: Precision, kernels: Kernels) -> Vec<f32> {
    let (way, adapter) = (Way { precision, kernels }, adapter());
    let reports = losses::reports(&adapter, config, batches, &way, STEPS);
    pollster::block_on(reports).unwrap().iter().map(|report| report.loss).collect()
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
    let (plain_end, other_end) = (end_of(plain), end_of(other));
    println!("mean loss of the last 20 of {STEPS} steps: plain f32 {plain_end:.4}, {name} {other_end:.4}");
    assert!(plain_end < 2.7, "32 bits did not learn: {plain_end}");
    assert!((other_end - plain_end).abs() <= APART * plain_end, "{other_end} with {name} for {plain_end}");
    assert!(plain != other, "{name} changed nothing");
}

#[test]
fn slow_mixed_precision_ends_within_a_hundredth_of_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let [full, mixed] = [Precision::F32, Precision::Mixed]
        .map(|precision| losses(&config, &batches, precision, Kernels::Default));
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
    let (config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let full = losses(&config, &batches, Precision::F32, Kernels::Default);
    let mixed = losses(&config, &batches, Precision::Mixed, Kernels::Default);
    let cooperative = losses(&config, &batches, Precision::Mixed, Kernels::Tier(Tier::Cooperative));
    assert!(mixed != cooperative, "cooperative matrices were not taken");
    ends_alike(&full, &cooperative, "cooperative matrices in mixed precision");
}

#[test]
fn slow_subgroups_end_within_a_hundredth_of_the_default_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = prepared(folder.path());
    let (seed, train) = (config.seed, &config.train);
    let batches = Batches::new(&prepared.store, seed, train.batch_size, config.model.context_length).unwrap();
    let [default, subgroups] = [Kernels::Default, Kernels::Tier(Tier::Subgroup)]
        .map(|kernels| losses(&config, &batches, Precision::F32, kernels));
    ends_alike(&default, &subgroups, "subgroups");
}
