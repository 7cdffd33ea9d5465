//! Acceptance of mixed precision and of cooperative matrices by loss: a run of 200 steps ends at the same loss as the run in
//! 32 bits with the default kernels.

use crate::common::adapter;
use crate::reproduction::shakespeare;
use glasshouse_engine::data::Batches;
use glasshouse_engine::gpu::Gpu;
use glasshouse_engine::plan::lower::Tier;
use glasshouse_engine::protocol::{Precision, RunConfig};
use glasshouse_engine::selftest::losses::{self, APART, Kernels, TrainingVariant, end_of};

const STEPS: u64 = 200;

/// Losses of a run's first steps on the tests' adapter.
fn losses(config: &RunConfig, batches: &Batches<'_>, precision: Precision, kernels: Kernels) -> Vec<f32> {
    let (way, adapter) = (TrainingVariant { precision, kernels }, adapter());
    let reports = losses::reports(&adapter, config, batches, &way, STEPS);
    pollster::block_on(reports).unwrap().iter().map(|report| report.loss).collect()
}

/// Compares the end of a run with that of the plain f32 run.
fn ends_alike(plain: &[f32], other: &[f32], name: &str) {
    let (plain_end, other_end) = (end_of(plain), end_of(other));
    println!("mean loss of the last 20 of {STEPS} steps: plain f32 {plain_end:.4}, {name} {other_end:.4}");
    assert!(plain_end < 2.7, "32 bits did not learn: {plain_end}");
    assert!((other_end - plain_end).abs() <= APART * plain_end, "{other_end} with {name} for {plain_end}");
    assert!(plain != other, "{name} changed nothing");
}

#[test]
fn slow_mixed_precision_and_cooperative_matrices_end_within_a_hundredth_of_the_default_kernels_in_32_bits() {
    let gpu = pollster::block_on(Gpu::open(&adapter())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (config, prepared) = shakespeare("nanogpt-cpu", folder.path());
    let batches =
        Batches::windows(&prepared.store, config.seed, config.train.batch_size, config.model.context_length)
            .unwrap();
    let run = |precision, kernels| losses(&config, &batches, precision, kernels);
    let full = run(Precision::F32, Kernels::Default);
    let mixed = run(Precision::Mixed, Kernels::Default);
    ends_alike(&full, &mixed, "mixed precision");
    // The software adapter of Mesa 26.2 has such matrices; Debian 12's does not.
    if gpu.target().cooperative.f16s.is_none() {
        println!("{} has no cooperative matrices of f16: nothing to compare", gpu.report().name);
        return;
    }
    let cooperative = run(Precision::Mixed, Kernels::Tier(Tier::Cooperative));
    assert!(mixed != cooperative, "cooperative matrices were not taken");
    ends_alike(&full, &cooperative, "cooperative matrices in mixed precision");
}
