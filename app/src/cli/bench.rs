//! `glasshouse bench`: this machine's speed, with the proof that what was timed also trained.

use super::arguments::{BenchCommand, BenchStepArguments};
use super::output::{bytes, count};
use super::settings::{checked_device, run_config};
use anyhow::Result;
use glasshouse_engine::executor::update::Optimizer;
use glasshouse_engine::executor::{ArenaState, Executor, MicroBatch, StepInput};
use glasshouse_engine::graph::random;
use glasshouse_engine::model::{initial, training_graphs};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::plan::estimate;
use glasshouse_engine::protocol::RunConfig;
use std::time::Instant;

/// Steps before the clock starts: pipelines are compiled and caches filled.
const WARM_UP: u64 = 3;

pub(super) fn bench(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Step(arguments) => pollster::block_on(step(&arguments)),
    }
}

/// Steps that are sent to an idle device as one submission, to time the driving alone.
const DRIVEN: u64 = 10;

/// One repeated batch of random tokens from the run's own initial weights, so that the loss must fall.
async fn step(arguments: &BenchStepArguments) -> Result<()> {
    let config = run_config(&arguments.config, "nanogpt-cpu")?;
    let graphs = training_graphs(&config.model, &config.train)?;
    let optimizer = Optimizer::of(&config.train);
    let (mut executor, warning) =
        Executor::open(checked_device(&arguments.device)?, &graphs, optimizer, arguments.threads).await?;
    if let Some(warning) = warning {
        eprintln!("note: {warning}");
    }
    let layout = ArenaLayout::of(&graphs.train);
    let parameters = initial::parameters(&graphs.train.parameters, &layout, config.seed);
    executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await?;
    let batches = random_batches(&config);
    let input = |step| StepInput {
        step,
        learning_rate: config.train.learning_rate as f32,
        micro_batches: batches.clone(),
    };
    let (mut losses, mut milliseconds) = (Vec::new(), Vec::new());
    let repeats = arguments.repeats.max(1) as u64;
    for step in 0..WARM_UP + repeats {
        let input = input(step);
        let start = Instant::now();
        let reports = executor.train(std::slice::from_ref(&input)).await?;
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        losses.extend(reports.iter().map(|report| report.loss));
        if step >= WARM_UP {
            milliseconds.push(elapsed);
        }
    }
    let mut driving = Vec::new();
    for step in 0..DRIVEN {
        let cost = executor.drive(&input(WARM_UP + repeats + step)).await?;
        driving.extend(cost.map(|cost| cost.seconds * 1e6 / cost.dispatches.max(1) as f64));
    }
    report(arguments, &config, &executor, &losses, (&mut milliseconds, &mut driving))
}

fn random_batches(config: &RunConfig) -> Vec<MicroBatch> {
    let (batch, context) = (config.train.batch, config.model.context);
    let vocabulary = config.model.vocabulary as u64;
    (0..config.train.accumulate as u64)
        .map(|micro_batch| {
            let ids: Vec<u32> = (0..(batch * (context + 1)) as u64)
                .map(|at| (random::nth(config.seed, micro_batch, at) % vocabulary) as u32)
                .collect();
            let rows = |from: usize| {
                ids.chunks(context + 1).flat_map(|row| row[from..from + context].to_vec()).collect()
            };
            MicroBatch {
                tokens: rows(0),
                targets: rows(1),
                seed: random::dropout_seed(config.seed, 0, micro_batch),
            }
        })
        .collect()
}

fn report(
    arguments: &BenchStepArguments,
    config: &RunConfig,
    executor: &Executor,
    losses: &[f32],
    (milliseconds, driving): (&mut [f64], &mut [f64]),
) -> Result<()> {
    let (median, fastest, slowest) = spread(milliseconds);
    let (driving, _, _) = spread(driving);
    let tokens = (config.train.batch * config.train.accumulate * config.model.context) as f64;
    let tokens_per_s = tokens / (median / 1e3);
    let estimate = estimate::estimate(&config.model, &config.train, &executor.target())?;
    let flops_per_s = tokens_per_s * estimate.flops_per_token;
    let (first, last) =
        (losses.first().copied().unwrap_or(f32::NAN), losses.last().copied().unwrap_or(f32::NAN));
    let peak = executor.bytes();
    if arguments.json {
        let line = serde_json::json!({
            "bench": "step",
            "config": config.preset,
            "batch": config.train.batch,
            "accumulate": config.train.accumulate,
            "context": config.model.context,
            "device": executor.describe(),
            "repeats": milliseconds.len(),
            "ms_per_step": median,
            "ms_fastest": fastest,
            "ms_slowest": slowest,
            "tokens_per_s": tokens_per_s,
            "flops_per_s": flops_per_s,
            "driving_us_per_dispatch": driving,
            "dispatches_per_step": estimate.dispatches_per_step,
            "bytes": peak,
            "loss_first": first,
            "loss_last": last,
        });
        say!("{line}")?;
    } else {
        say!("{} on {}", config.preset, executor.describe())?;
        say!("{median:.2} ms a step ({fastest:.2} to {slowest:.2}, {} steps)", milliseconds.len())?;
        say!("{} tok/s · {}FLOP/s · {}", count(tokens_per_s), count(flops_per_s), bytes(peak))?;
        if executor.gpu().is_some() {
            say!(
                "{driving:.2} µs a dispatch to encode and submit, {} dispatches",
                estimate.dispatches_per_step
            )?;
        }
        say!("loss {first:.4} to {last:.4} on one repeated batch")?;
    }
    Ok(())
}

/// Median, smallest and largest.
fn spread(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}
