//! Self-test: trains three small models on the chosen device and on a reference, from the same weights on the same batches, and
//! compares everything a device reports. The reference is burn in f64 with the feature `oracle`. Otherwise it is one thread of
//! the CPU executor, with losses and gradient norms replaced by recorded results of burn in f64 ([`recorded`]).
//!
//! It detects drivers, compilers or kernels that are wrong only on a user's machine. Together, the models use every training
//! operation: the first LayerNorm, GELU, learned positions, biases and dropout; the second RMSNorm, QK-norm, rotary positions,
//! SwiGLU, grouped queries, label smoothing and ignored targets.

pub mod losses;
pub mod recorded;

use crate::executor::Executor;
use crate::graph::{ParameterId, random};
use crate::initial;
use crate::model::{TrainingGraphs, training_graphs};
use crate::optimizer::Optimizer;
#[cfg(feature = "oracle")]
use crate::oracle::{Device, OracleExecutor};
use crate::plan::arena::ArenaLayout;
use crate::platform::{Yielder, block_on};
use crate::step::{ArenaState, MicroBatch, StepInput, StepReport};
use crate::{Error, Result};
use glasshouse_protocol::model::{Dropout, Experts, Initialisation};
use glasshouse_protocol::{
    Activation, Bias, Gate, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position, Residual, Rope,
    RopeScaling, TrainConfig, presets,
};
use serde::Serialize;

/// Maximum deviations, relative to the largest compared entry. Rounding in f32 alone gives 1e-7 to 1e-6, another order of
/// summation a few times that.
const LOSS: f64 = 5e-6;
const GRADIENT: f64 = 5e-5;
/// Adam divides a gradient by its own magnitude, which amplifies rounding errors of small ones.
const WEIGHT: f64 = 1e-4;

const STEPS: u64 = 10;
const SEED: u64 = 2026;
const IGNORED: u32 = 0;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub device: String,
    pub reference: &'static str,
    pub rows: Vec<SelfTestRow>,
}

/// The worst deviation of one kind of number in one model.
#[derive(Clone, Debug, Serialize)]
pub struct SelfTestRow {
    pub model: &'static str,
    /// The compared value; if there are many, the worst one.
    pub what: String,
    /// Maximum difference from the reference, relative to its largest entry; infinite if a value is not finite.
    pub deviation: f64,
    /// Maximum of `deviation` that passes.
    pub bound: f64,
}

impl SelfTestRow {
    pub fn passed(&self) -> bool {
        self.deviation <= self.bound
    }
}

impl Report {
    pub fn passed(&self) -> bool {
        self.rows.iter().all(SelfTestRow::passed)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            formatter,
            "{} against {} (deviations relative to the largest entry)",
            self.device, self.reference
        )?;
        let width = self.rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
        for row in &self.rows {
            let verdict = if row.passed() { "ok" } else { "TOO FAR" };
            writeln!(
                formatter,
                "  {:<6} {:<width$}  {:>8.1e}  allowed {:>7.0e}  {verdict}",
                row.model, row.what, row.deviation, row.bound
            )?;
        }
        if self.passed() {
            writeln!(formatter, "passed: this device computes correctly")
        } else {
            writeln!(
                formatter,
                "FAILED: do not trust runs on this device; train on the CPU, and report this table"
            )
        }
    }
}

#[cfg(feature = "oracle")]
const REFERENCE: &str = "burn in f64";
#[cfg(not(feature = "oracle"))]
const REFERENCE: &str = "recorded losses of burn in f64, and weights of the CPU on one thread";

/// Compares a device (named as for [`Executor::open`]) with the reference. Fails if the device does not exist or fails. Wrong results are
/// not errors; the report lists them.
pub async fn run(device: &str, threads: Option<usize>) -> Result<Report> {
    let mut report = Report { device: String::new(), reference: REFERENCE, rows: Vec::new() };
    for trial in trials()? {
        let (mut executor, _) = Executor::open(device, &trial.graphs, trial.optimizer, threads).await?;
        report.device = executor.describe().to_string();
        let found = trial.observe(&mut executor).await?;
        report.rows.extend(trial.compare(&found, &trial.reference().await?));
    }
    Ok(report)
}

pub fn no_gpu() -> Error {
    Error::Refused(
        "the CPU has one kernel for each operation: `glasshouse selftest` compares them; choose a GPU with --device gpu"
            .to_owned(),
    )
}

/// A model with its training settings and data.
struct Trial {
    name: &'static str,
    graphs: TrainingGraphs,
    optimizer: Optimizer,
    start: ArenaState,
    evaluations: Vec<MicroBatch>,
    steps: Vec<StepInput>,
}

/// All results of a device.
struct Observation {
    evaluations: Vec<(f32, f32)>,
    loss: f32,
    gradient: Vec<f32>,
    reports: Vec<StepReport>,
    weights: Vec<f32>,
}

fn trials() -> Result<Vec<Trial>> {
    // Sizes are odd on purpose, so that tiles and vectors have remainders.
    let shape = presets::gpt(97, 33, 2, 3, 45);
    let gpt = ModelConfig {
        norm: NormConfig { bias: true, ..shape.norm.clone() },
        mlp: Mlp { hidden: 131, ..shape.mlp },
        bias: true.into(),
        dropout: Dropout { embedding: 0.1, attention: 0.1, residual: 0.1 },
        init: Initialisation { std: 0.2, ..Initialisation::default() },
        ..shape
    };
    let llama = ModelConfig {
        context_length: 40,
        width: 64,
        heads: 4,
        kv_heads: 2,
        head_size: 16,
        qk_norm: true,
        norm: NormConfig {
            kind: NormKind::Rms,
            eps: 1e-5,
            bias: false,
            placement: NormPlacement::Pre,
            add_unit_offset: false,
        },
        position: Position::Rope(Rope::new(10_000.0)),
        mlp: Mlp { hidden: 88, activation: Activation::Silu, gate: Gate::Swiglu },
        bias: Bias::default(),
        tied_head: false,
        dropout: Dropout::default(),
        ..gpt.clone()
    };
    // Features of neither: GPT-NeoX's blocks, Phi's biases, Gemma's embeddings and norms, Mistral's window, Llama 3.1's angles.
    let mixed = ModelConfig {
        embedding_scale: 5.5,
        attention_scale: Some(0.3),
        attention_softcap: Some(3.0),
        residual_scale: 0.5,
        logit_softcap: Some(20.0),
        qk_norm: false,
        sliding_window: Some(13),
        norm: NormConfig { add_unit_offset: true, ..llama.norm.clone() },
        position: Position::Rope(Rope {
            channels: Some(6),
            scaling: Some(RopeScaling::Llama3 {
                factor: 8.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_context_length: 20,
            }),
            skip_every: 2,
            ..Rope::new(100.0)
        }),
        mlp: Mlp { gate: Gate::Geglu, ..llama.mlp },
        residual: Residual::Parallel,
        bias: Bias { qkv: true, output: false, mlp: false, head: true },
        ..llama.clone()
    };
    let experts = Experts { count: 5, renormalise: false, balance: 0.1, z_loss: 0.01, ..Experts::default() };
    let train = TrainConfig {
        batch_size: 3,
        accumulate: 2,
        // Where a gradient is exactly 0, as for a key bias, rounding decides its sign. An `eps` far above rounding prevents full
        // Adam steps from it.
        eps: 1e-4,
        ..TrainConfig::default()
    };
    let smoothed = TrainConfig { label_smoothing: 0.1, ignore_index: Some(IGNORED), ..train.clone() };
    Ok(vec![
        Trial::new("gpt", &gpt, &train)?,
        Trial::new("llama", &llama, &smoothed)?,
        Trial::new("parallel", &mixed, &train)?,
        Trial::new("experts", &ModelConfig { experts, ..llama }, &train)?,
    ])
}

impl Trial {
    fn new(name: &'static str, model: &ModelConfig, train: &TrainConfig) -> Result<Self> {
        let graphs = training_graphs(model, train)?;
        let parameters = block_on(initial::parameters(&graphs.train.parameters, SEED, &Yielder::none()));
        let size = train.batch_size * model.context_length;
        let ids = |stream: u64| -> Vec<u32> {
            let id = |at| (random::nth(SEED, stream, at) % model.vocabulary as u64) as u32;
            (0..size as u64).map(id).collect()
        };
        let batch = |number: u64| MicroBatch {
            tokens: ids(2 * number),
            targets: ids(2 * number + 1),
            document_starts: train.separates_documents(model).then(|| vec![0; size]),
            seed: random::dropout_seed(SEED, number, 0),
            loss_denominator: None,
            scores: None,
        };
        // One complete batch, then batches with a single counted target, to check single rows of logits.
        let ignored = train.ignored_target().unwrap_or(u32::MAX);
        let one_row = |number: u64| {
            let mut batch = batch(1000 + number);
            let row = random::nth(SEED, 3, number) as usize % size;
            for (at, target) in batch.targets.iter_mut().enumerate() {
                *target = if at == row { 1 + *target % (model.vocabulary as u32 - 1) } else { ignored };
            }
            batch
        };
        let accumulate = train.accumulate as u64;
        let step = |step: u64| StepInput {
            step,
            learning_rate: 1e-3,
            micro_batches: (0..accumulate).map(|micro| batch(step * accumulate + micro)).collect(),
        };
        Ok(Self {
            name,
            graphs,
            optimizer: Optimizer::new(train),
            start: ArenaState::from_weights(parameters),
            evaluations: std::iter::once(batch(999)).chain((0..6).map(one_row)).collect(),
            steps: (0..STEPS).map(step).collect(),
        })
    }

    async fn observe(&self, executor: &mut Executor) -> Result<Observation> {
        executor.set_state(&self.start).await?;
        let evaluations = executor.evaluate(&self.evaluations).await?;
        let (loss, gradient) = executor.gradients(&self.steps[0]).await?;
        let reports = executor.train(&self.steps).await?;
        let weights = executor.weights().await?;
        Ok(Observation { evaluations, loss, gradient, reports, weights })
    }

    #[cfg(feature = "oracle")]
    async fn reference(&self) -> Result<Observation> {
        let oracle = OracleExecutor::new(&self.graphs, self.optimizer, Device::flex_in_f64())?;
        self.observe(&mut Executor::Oracle(Box::new(oracle))).await
    }

    #[cfg(not(feature = "oracle"))]
    async fn reference(&self) -> Result<Observation> {
        let (mut cpu, _) = Executor::open("cpu", &self.graphs, self.optimizer, Some(1)).await?;
        let mut expected = self.observe(&mut cpu).await?;
        let recorded = recorded::RECORDED.iter().find(|recorded| recorded.model == self.name);
        let missing =
            || Error::Internal(format!("no recorded figures for the self-test's model {}", self.name));
        recorded.ok_or_else(missing)?.replace(&mut expected);
        Ok(expected)
    }

    fn compare(&self, found: &Observation, expected: &Observation) -> Vec<SelfTestRow> {
        let row = |what: &str, found: &[f32], expected: &[f32], bound| SelfTestRow {
            model: self.name,
            what: what.to_owned(),
            deviation: deviation(found, expected),
            bound,
        };
        let flat = |pairs: &[(f32, f32)]| -> Vec<f32> { pairs.iter().map(|(loss, _)| *loss).collect() };
        let counts = |pairs: &[(f32, f32)]| -> Vec<f32> { pairs.iter().map(|(_, count)| *count).collect() };
        let losses =
            |reports: &[StepReport]| -> Vec<f32> { reports.iter().map(|report| report.loss).collect() };
        let norms = |reports: &[StepReport]| -> Vec<f32> {
            reports.iter().map(|report| report.gradient_norm).collect()
        };
        let (evaluated, losses_expected) = (&found.evaluations, &expected.evaluations);
        vec![
            row("forward: evaluated losses", &flat(evaluated), &flat(losses_expected), LOSS),
            row("forward: counted targets", &counts(evaluated), &counts(losses_expected), 0.0),
            row("training loss", &[found.loss], &[expected.loss], LOSS),
            self.worst("gradient", &found.gradient, &expected.gradient, GRADIENT),
            row("ten steps: losses", &losses(&found.reports), &losses(&expected.reports), 4.0 * LOSS),
            row("ten steps: gradient norms", &norms(&found.reports), &norms(&expected.reports), GRADIENT),
            self.worst("after ten steps", &found.weights, &expected.weights, WEIGHT),
        ]
    }

    /// The parameter with the largest deviation.
    fn worst(&self, what: &str, found: &[f32], expected: &[f32], bound: f64) -> SelfTestRow {
        let layout = ArenaLayout::new(&self.graphs.train);
        let parameters = self.graphs.train.parameters.iter().enumerate();
        let each = parameters.map(|(number, parameter)| {
            let range = layout.range(ParameterId(number as u32));
            let pair = found.get(range.clone()).zip(expected.get(range));
            (parameter, pair.map_or(f64::INFINITY, |(found, expected)| deviation(found, expected)))
        });
        let (name, deviation) = each
            .max_by(|(_, left), (_, right)| left.total_cmp(right))
            .map_or(("nothing", f64::INFINITY), |(parameter, deviation)| {
                (parameter.name.as_str(), deviation)
            });
        let count = self.graphs.train.parameters.len();
        SelfTestRow {
            model: self.name,
            what: format!("{what}: the worst of {count}, {name}"),
            deviation,
            bound,
        }
    }
}

/// Maximum difference, relative to the largest expected entry.
pub fn deviation(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().fold(0.0f64, |most, entry| most.max(f64::from(entry.abs())));
    let apart = found.iter().zip(expected).fold(0.0f64, |most, (found, expected)| {
        let apart = (f64::from(*found) - f64::from(*expected)).abs();
        if apart.is_nan() { f64::INFINITY } else { most.max(apart) }
    });
    if apart == 0.0 { 0.0 } else { apart / scale.max(1e-30) }
}
