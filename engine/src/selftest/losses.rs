//! Checks that faster training variants do not change results: trains the same run for a few hundred steps with the default 32-bit kernels,
//! with every supported tier, with tuned kernels, and in mixed precision. A variant whose final loss differs must not be used for training.

use crate::data::Batches;
use crate::device::DeviceDescription;
use crate::executor::Executor;
use crate::gpu::{Gpu, Tuning};
use crate::graph::random;
use crate::initial;
use crate::model::{TrainingGraphs, training_graphs};
use crate::optimizer::Optimizer;
use crate::plan::fuse::fused;
use crate::plan::lower::{Target, Tier};
use crate::plan::{compile, trial};
use crate::platform::Yielder;
use crate::protocol::{Precision, RunConfig, TrainConfig};
use crate::step::{ArenaState, MicroBatch, StepInput, StepReport};
use crate::{Error, Result};
use serde::Serialize;
use web_time::Instant;

/// Maximum relative difference of a run's final loss from the plain run's.
pub const APART: f64 = 0.01;

/// The final loss is the mean over this many last steps.
const END: usize = 20;

/// Steps per group; the time limit is checked between groups.
const GROUP: usize = 10;

/// Maximum points of a curve in a report.
const POINTS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingVariant {
    pub precision: Precision,
    pub kernels: Kernels,
}

/// The choice of kernels for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// By kind of adapter.
    Default,
    /// A tier, wherever it is supported.
    Tier(Tier),
    /// By measuring.
    Tuned,
}

impl TrainingVariant {
    /// The variant that others are compared with.
    pub const PLAIN: Self = Self { precision: Precision::F32, kernels: Kernels::Default };

    /// A description such as `f32`, `f32, tiled kernels` or `mixed, kernels as tuned`.
    pub fn name(&self) -> String {
        let precision = self.precision.name();
        match self.kernels {
            Kernels::Default => precision.to_owned(),
            Kernels::Tier(tier) => format!("{precision}, {} kernels", tier.name()),
            Kernels::Tuned => format!("{precision}, kernels as tuned"),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct LossesReport {
    pub device: String,
    pub config: String,
    pub steps: u64,
    /// The plain run first.
    pub rows: Vec<LossRow>,
    /// Variants not run for lack of time.
    pub left: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LossRow {
    pub way: String,
    pub first: Option<f64>,
    /// Mean loss of the last 20 steps.
    pub last: Option<f64>,
    /// Relative difference of `last` from the plain run's.
    pub apart: Option<f64>,
    /// Maximum of `apart` that passes.
    pub bound: f64,
    /// Steps skipped because of a non-finite gradient, such as during the search for a loss scale.
    pub skipped: usize,
    /// Duration, including kernel compilation.
    pub seconds: f64,
    /// Step and loss, thinned.
    pub curve: Vec<(usize, f32)>,
    pub error: Option<String>,
}

impl LossRow {
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.apart.is_some_and(|apart| apart <= self.bound)
    }
}

impl LossesReport {
    pub fn passed(&self) -> bool {
        self.rows.iter().all(LossRow::passed)
    }
}

impl std::fmt::Display for LossesReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            formatter,
            "{} steps of {} on {}, in every way to train",
            self.steps, self.config, self.device
        )?;
        let width = self.rows.iter().map(|row| row.way.len()).max().unwrap_or(0);
        for row in &self.rows {
            let verdict = if row.passed() { "ok" } else { "TOO FAR" };
            let number =
                |number: Option<f64>| number.map_or_else(|| "—".to_owned(), |number| format!("{number:.4}"));
            writeln!(
                formatter,
                "  {:<width$}  {} to {}, {:>6.2} % apart, {:.1} s  {verdict}",
                row.way,
                number(row.first),
                number(row.last),
                row.apart.unwrap_or(f64::NAN) * 100.0,
                row.seconds
            )?;
            if let Some(error) = &row.error {
                writeln!(formatter, "    {error}")?;
            }
        }
        if !self.left.is_empty() {
            writeln!(formatter, "  no time for: {}", self.left.join("; "))?;
        }
        Ok(())
    }
}

/// Mean loss of the last steps.
pub fn end_of(losses: &[f32]) -> f64 {
    let last = &losses[losses.len().saturating_sub(END)..];
    last.iter().map(|loss| f64::from(*loss)).sum::<f64>() / last.len().max(1) as f64
}

fn graphs_of(config: &RunConfig, way: &TrainingVariant) -> Result<TrainingGraphs> {
    let mut config = config.clone();
    config.train.precision = way.precision;
    Ok(training_graphs(&config.model, &config.train)?)
}

/// The training variants that a device supports, the plain one first.
pub fn ways(gpu: &Gpu, config: &RunConfig) -> Result<Vec<TrainingVariant>> {
    let mut ways = Vec::new();
    let precisions = [Precision::F32, Precision::Mixed].into_iter();
    for precision in precisions.filter(|precision| *precision == Precision::F32 || gpu.has_half()) {
        let default = TrainingVariant { precision, kernels: Kernels::Default };
        let graphs = graphs_of(config, &default)?;
        let kernels_for = |target: &Target| -> Result<Vec<&'static str>> {
            let plan = compile(graphs.train.clone(), &[graphs.train_loss], target)?;
            Ok(plan.dispatches.iter().map(|dispatch| dispatch.kernel.name).collect())
        };
        let mut known = vec![kernels_for(&gpu.target())?];
        ways.push(default);
        let fused = fused(graphs.train.clone(), &[graphs.train_loss], &gpu.target());
        for tier in Tier::ALL {
            let chosen = trial::everywhere(&fused, tier, |_| true);
            let kernels = kernels_for(&gpu.target().with(&chosen))?;
            if !known.contains(&kernels) {
                known.push(kernels);
                ways.push(TrainingVariant { precision, kernels: Kernels::Tier(tier) });
            }
        }
        ways.push(TrainingVariant { precision, kernels: Kernels::Tuned });
    }
    Ok(ways)
}

/// Step reports of a run's first steps, trained with a variant on an adapter named as for [`Gpu::from_request`]. Fails if there is no such
/// GPU, it does not support the variant, or a loss is not finite.
pub async fn reports(
    device: &str,
    config: &RunConfig,
    batches: &Batches<'_>,
    way: &TrainingVariant,
    steps: u64,
) -> Result<Vec<StepReport>> {
    let graphs = graphs_of(config, way)?;
    let train = TrainConfig { precision: way.precision, ..config.train.clone() };
    let optimizer = Optimizer::new(&train);
    let parameters = initial::parameters(&graphs.train.parameters, config.seed, &Yielder::new()).await;
    let tuning = match way.kernels {
        Kernels::Default => Tuning::Default,
        Kernels::Tuned => Tuning::before_a_run(),
        Kernels::Tier(tier) => {
            let (gpu, _) = Gpu::from_request(device).await?;
            let gpu = gpu.ok_or_else(super::no_gpu)?;
            let graph = fused(graphs.train.clone(), &[graphs.train_loss], &gpu.target());
            let variants = trial::everywhere(&graph, tier, |_| true).texts();
            Tuning::Pinned(DeviceDescription { variants, ..gpu.describe() })
        }
    };
    let mut executor = Executor::open_tuned(device, &graphs, optimizer, None, &tuning).await?.executor;
    executor.set_state(&ArenaState::from_weights(parameters)).await?;
    let inputs = (0..steps).map(|step| input(config, batches, step)).collect::<Result<Vec<_>>>()?;
    let mut reports = Vec::with_capacity(inputs.len());
    for group in inputs.chunks(GROUP) {
        reports.extend(executor.train(group).await?);
    }
    match reports.iter().position(|report| !report.loss.is_finite()) {
        Some(step) => Err(Error::Refused(format!("the loss of step {step} is not finite"))),
        None => Ok(reports),
    }
}

fn input(config: &RunConfig, batches: &Batches<'_>, step: u64) -> Result<StepInput> {
    let seed = random::dropout_seed(config.seed, step, 0);
    Ok(StepInput {
        step,
        learning_rate: config.train.learning_rate_at(step) as f32,
        micro_batches: vec![MicroBatch { seed, scores: None, ..batches.train(step, 0)? }],
    })
}

/// Trains a run with every variant that a device supports. The plain variant always runs, as the baseline; others are skipped once
/// `seconds` are over. Fails if there is no such GPU, or the run's model is invalid. A failed variant is reported in its row instead.
pub async fn run(
    device: &str,
    config: &RunConfig,
    batches: &Batches<'_>,
    steps: u64,
    seconds: f64,
) -> Result<LossesReport> {
    let begun = Instant::now();
    let (gpu, _) = Gpu::from_request(device).await?;
    let gpu = gpu.ok_or_else(super::no_gpu)?;
    let name = gpu.report().name.clone();
    let mut report = LossesReport {
        device: name,
        config: config.preset.clone(),
        steps,
        rows: Vec::new(),
        left: Vec::new(),
    };
    for way in ways(&gpu, config)? {
        if !report.rows.is_empty() && begun.elapsed().as_secs_f64() > seconds {
            report.left.push(way.name());
            continue;
        }
        let own = Instant::now();
        let trained = reports(device, config, batches, &way, steps).await;
        let mut row = LossRow {
            way: way.name(),
            first: None,
            last: None,
            apart: None,
            bound: APART,
            skipped: 0,
            seconds: own.elapsed().as_secs_f64(),
            curve: Vec::new(),
            error: None,
        };
        match trained {
            Ok(reports) => {
                let losses: Vec<f32> = reports.iter().map(|report| report.loss).collect();
                let last = end_of(&losses);
                let plain = report.rows.first().map_or(Some(last), |plain| plain.last);
                row.first = losses.first().map(|loss| f64::from(*loss));
                row.last = Some(last);
                row.apart = plain.map(|plain| (last - plain).abs() / plain.abs().max(1e-30));
                row.skipped = reports.iter().filter(|report| report.skipped).count();
                let every = losses.len().div_ceil(POINTS).max(1);
                row.curve = losses.iter().copied().enumerate().step_by(every).collect();
            }
            Err(error) => row.error = Some(error.to_string()),
        }
        report.rows.push(row);
    }
    Ok(report)
}
