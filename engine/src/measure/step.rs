//! Measures training speed: repeats a random batch from the run's own initial weights, so that the loss must fall.

use super::{settle_precision, spread};
use crate::Result;
use crate::executor::{Executor, MAX_LAUNCHED_SECONDS, Opened};
use crate::gpu::Tuning;
use crate::graph::ops::POLICY_SCORES;
use crate::graph::random;
use crate::initial;
use crate::model::{LossForm, loss_form, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::estimate;
use crate::plan::lower::Target;
use crate::platform::{self, Yielder};
use crate::protocol::RunConfig;
use crate::protocol::bench::StepMeasurement;
use crate::step::{ArenaState, MicroBatch, StepInput};
use web_time::Instant;

/// Untimed steps in which pipelines are compiled and caches filled.
const WARM_UP: u64 = 3;

/// Pairs of steps, each sent as one submission to an idle device to time the launch alone: one encoded anew, one already encoded.
const LAUNCHED: u64 = 10;

/// Time limit for starting further pairs.
const LAUNCHED_SECONDS: f64 = 5.0;

/// Steps submitted together to measure the device's idle share, and their approximate time limit.
const TOGETHER: u64 = 64;
const TOGETHER_SECONDS: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// This many steps, and the launch overhead too.
    Steps(u64),
    /// About this many seconds, including the first step if it takes as long.
    Seconds(f64),
    /// After some untimed steps.
    Warm {
        steps: u64,
        /// Approximate duration of the timed steps, of which there is at least one.
        seconds: f64,
    },
}

#[derive(Clone, Debug)]
pub struct MeasuredSteps {
    pub step: StepMeasurement,
    /// The target that the kernels were chosen for.
    pub target: Target,
    /// Description of the tuning measurements, with any problem.
    pub tuning: Option<String>,
    /// What falls short of the request.
    pub warning: Option<String>,
}

/// Measures training steps of a run on a device (named as for [`Executor::open_tuned`]), with kernels chosen according to `tuning`.
pub async fn measure(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    extent: Extent,
    tuning: &Tuning,
) -> Result<MeasuredSteps> {
    let mut config = config.clone();
    if let Some(settled) = settle_precision(&config, device, tuning).await? {
        config.train.precision = settled.precision;
    }
    let config = &config;
    let graphs = training_graphs(&config.model, &config.train)?;
    let optimizer = Optimizer::new(&config.train);
    let Opened { mut executor, warning, tuned } =
        Executor::open_tuned(device, &graphs, optimizer, threads, tuning).await?;
    let parameters = initial::parameters(&graphs.train.parameters, config.seed, &Yielder::new()).await;
    executor.set_state(&ArenaState::from_weights(parameters)).await?;
    // A measurement limited by time runs while the user looks at a window.
    executor.set_interactive(matches!(extent, Extent::Seconds(_)));
    let batches = random_batches(config);
    let input = |step| StepInput {
        step,
        learning_rate: config.train.learning_rate as f32,
        micro_batches: batches.clone(),
    };
    let (mut losses, mut milliseconds) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    let mut step = 0;
    loop {
        let input = input(step);
        let start = Instant::now();
        let reports = executor.train(std::slice::from_ref(&input)).await?;
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        losses.extend(reports.iter().map(|report| report.loss));
        // On a slow device the first steps count, warm or not.
        let warm = match extent {
            Extent::Steps(_) => step >= WARM_UP,
            Extent::Seconds(seconds) => step >= 1 || begun.elapsed().as_secs_f64() > seconds,
            Extent::Warm { steps, .. } => step >= steps,
        };
        if warm {
            milliseconds.push(elapsed);
        }
        step += 1;
        let enough = match extent {
            Extent::Steps(steps) => milliseconds.len() as u64 >= steps.max(1),
            Extent::Seconds(seconds) => !milliseconds.is_empty() && begun.elapsed().as_secs_f64() > seconds,
            Extent::Warm { seconds, .. } => milliseconds.iter().sum::<f64>() > seconds * 1e3,
        };
        if enough {
            break;
        }
        platform::yield_now().await;
    }
    let (mut overhead, mut warm) = (Vec::new(), Vec::new());
    let (median, fastest, slowest) = spread(&mut milliseconds);
    if matches!(extent, Extent::Steps(_)) && median <= MAX_LAUNCHED_SECONDS * 1e3 {
        let begun = Instant::now();
        for further in 0..LAUNCHED {
            if begun.elapsed().as_secs_f64() > LAUNCHED_SECONDS {
                break;
            }
            for (costs, again) in [(&mut overhead, false), (&mut warm, true)] {
                let cost = executor.time_launch(&input(step + 2 * further + u64::from(again)), again).await?;
                costs.extend(cost.map(|cost| cost.seconds * 1e6 / cost.dispatches.max(1) as f64));
            }
        }
    }
    let (mut together, mut idle_share) = (None, None);
    if matches!(extent, Extent::Steps(_)) && executor.gpu().is_some() {
        let count = ((TOGETHER_SECONDS * 1e3 / median.max(1e-3)) as u64).clamp(2, TOGETHER);
        let first = step + 2 * LAUNCHED;
        let inputs: Vec<StepInput> = (first..first + count).map(input).collect();
        let begun = Instant::now();
        idle_share = executor.idle_share(&inputs).await?;
        // Reading the device's clock takes little time in comparison.
        together = idle_share.map(|_| begun.elapsed().as_secs_f64() * 1e3 / count as f64);
    }
    let middle = |costs: &mut Vec<f64>| (!costs.is_empty()).then(|| spread(costs).0);
    let tokens = config.tokens_per_step() as f64;
    let tokens_per_s = tokens / (median / 1e3).max(1e-9);
    let estimate = estimate::estimate(&config.model, &config.train, &executor.target())?;
    let measurement = StepMeasurement {
        config: config.preset.clone(),
        batch_size: config.train.batch_size,
        accumulate: config.train.accumulate,
        context_length: config.model.context_length,
        precision: config.train.precision,
        device: executor.describe(),
        autotune: executor.gpu().is_some() && matches!(tuning, Tuning::Measured(_)),
        unfused: executor.gpu().is_some() && matches!(tuning, Tuning::Unfused),
        tuned_kernels: tuned.found.len(),
        tuning_seconds: tuned.seconds,
        repeats: milliseconds.len(),
        ms_per_step: median,
        ms_fastest: fastest,
        ms_slowest: slowest,
        tokens_per_s,
        flops_per_s: tokens_per_s * estimate.flops_per_token,
        launch_overhead_us_per_dispatch: middle(&mut overhead),
        launch_overhead_warm_us_per_dispatch: middle(&mut warm),
        ms_per_step_together: together,
        idle_share,
        dispatches_per_step: estimate.dispatches_per_step,
        bytes: executor.bytes(),
        loss_first: losses.first().copied().unwrap_or(f32::NAN),
        loss_last: losses.last().copied().unwrap_or(f32::NAN),
    };
    let warning = warning.or(executor.take_warning());
    Ok(MeasuredSteps { step: measurement, target: executor.target(), tuning: tuned.sentence(), warning })
}

/// Random micro-batches, identical at each call.
pub(super) fn random_batches(config: &RunConfig) -> Vec<MicroBatch> {
    let (batch, context_length) = (config.train.batch_size, config.model.context_length);
    let vocabulary = config.model.vocabulary as u64;
    let (tokens, outputs) = (batch * context_length, config.model.outputs() as u32);
    let scores = match loss_form(&config.train, &config.model) {
        LossForm::Preference(op) => Some(op.scores(batch)),
        LossForm::Policy { .. } | LossForm::Weighted(_) => Some(tokens * POLICY_SCORES),
        _ => None,
    };
    (0..config.train.accumulate as u64)
        .map(|micro_batch| {
            let ids: Vec<u32> = (0..(batch * (context_length + 1)) as u64)
                .map(|at| (random::nth(config.seed, micro_batch, at) % vocabulary) as u32)
                .collect();
            let rows = |from: usize| -> Vec<u32> {
                ids.chunks(context_length + 1)
                    .flat_map(|row| row[from..from + context_length].to_vec())
                    .collect()
            };
            MicroBatch {
                tokens: rows(0),
                targets: rows(1).into_iter().map(|id| id % outputs).collect(),
                // At most as many terms as without documents.
                document_starts: config
                    .train
                    .separates_documents(&config.model)
                    .then(|| vec![0; batch * context_length]),
                seed: random::dropout_seed(config.seed, 0, micro_batch),
                loss_denominator: None,
                scores: scores.map(|count| vec![0.0; count]),
            }
        })
        .collect()
}
