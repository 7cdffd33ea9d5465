//! Measures the throughput of each kernel of a training step, relative to the device's peak.
//!
//! The dispatches of a step fall into classes: the same kernel on operands of the same shapes. One dispatch per class is run
//! repeatedly in isolation ([`Repeater`]). The CPU executor's nodes are timed within the step instead.
//!
//! Peaks are measured, not looked up: bytes per second by adding two vectors of 64 MiB, operations per second by the better of a
//! loop of multiply-adds in registers and a large square matrix product. On the CPU there is only the matrix product, so its
//! "peak" is the best our own code reaches. A class's share of the peak is the minimum time for its operations or bytes at peak
//! speed, divided by its measured time. It can exceed 1 if small operands stay in a cache between runs.

mod classes;
mod peak;

use super::step::random_batches;
use super::{settle_precision, spread};
use crate::gpu::{Gpu, Measuring, Repeater, TunedBucket, Tuning};
use crate::graph::{Input, Origin, ValueId};
use crate::initial;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use crate::plan::arena::ArenaLayout;
use crate::plan::{Plan, compile, trial, update};
use crate::platform;
use crate::platform::{Yielder, block_on};
use crate::protocol::bench::{KernelCandidate, KernelMeasurement};
use crate::protocol::{DeviceKind, RunConfig};
use crate::step::{Data, StepInput};
use crate::{Result, refuse};
use crate::{cpu, device};
use classes::{Class, chosen, dispatch_classes, node_classes};

/// Target seconds of a timed submission, many times the cost of submitting.
const SECONDS: f64 = 0.05;

/// Maximum runs per submission.
const MAX_REPEATS: usize = 4096;

/// Number of submissions, of which the median counts, unless they are long.
const SAMPLES: usize = 3;

/// A submission this long counts as the only sample.
const LONG_SECONDS: f64 = 0.5;

/// Time limit for tuning: enough for every candidate of a preset.
const TUNING_SECONDS: f64 = 20.0;

/// Seconds for which the CPU repeats the step.
const CPU_SECONDS: f64 = 2.0;

/// Measures the kernels of a run's training step whose names contain `filter`, in step order. Also returns a warning if the device is a
/// fallback. With `autotune`, a GPU's kernels are tuned anew first, with more time than before a run; the result is cached for later runs.
/// Fails if the device is missing, is one of burn's, or cannot hold the model; or no kernel has such a name.
pub async fn measure_kernels(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    filter: &str,
    autotune: bool,
) -> Result<(Vec<KernelMeasurement>, Option<String>)> {
    if DeviceKind::is_of_burn(device) {
        refuse!("{device} has its own kernels, which are not timed; choose the device cpu or gpu");
    }
    let settling = if autotune { Tuning::before_a_run() } else { Tuning::Default };
    let mut config = config.clone();
    if let Some(settled) = settle_precision(&config, device, &settling).await? {
        config.train.precision = settled.precision;
    }
    let config = &config;
    let (gpu, warning) = Gpu::from_request(device).await?;
    let measured = match gpu {
        Some(gpu) => on_gpu(gpu, config, filter, autotune).await?,
        None => {
            let (config, filter) = (config.clone(), filter.to_owned());
            platform::spawn_blocking(move || on_cpu(&config, threads, &filter)).await??
        }
    };
    Ok((measured, warning))
}

async fn on_gpu(
    gpu: Gpu,
    config: &RunConfig,
    filter: &str,
    autotune: bool,
) -> Result<Vec<KernelMeasurement>> {
    let graphs = training_graphs(&config.model, &config.train)?;
    let (folder, kernels) = (platform::cache_folder(), classes::part(filter).to_owned());
    let measuring = Measuring { folder, budget: TUNING_SECONDS, anew: true, kernels };
    let tuning = if autotune { Tuning::Measured(measuring) } else { Tuning::Default };
    let (gpu, tuned) = gpu.tuned(&graphs.train, &tuning).await?;
    let gpu = &gpu;
    let plan = compile(graphs.train, &[graphs.train_loss], &gpu.target())?;
    let optimizer = Optimizer::new(&config.train);
    let mut further = update::update_dispatches(&plan.arena, &optimizer, &gpu.target())?;
    further.push(update::advance_dispatch());
    let classes = chosen(dispatch_classes(&plan, &further, config.train.accumulate), filter)?;
    let peak = peak::of_gpu(gpu).await?;
    let weights = initial::parameters(&plan.graph.parameters, config.seed, &Yielder::new()).await;
    let repeater = Repeater::new(gpu, &plan, &weights, Some(&optimizer), &further).await?;
    let step = StepInput {
        step: 0,
        learning_rate: config.train.learning_rate as f32,
        micro_batches: random_batches(config),
    };
    repeater.upload(&plan, &step, &optimizer)?;
    // Compute every value once, so that kernels get realistic inputs.
    for number in 0..repeater.count() {
        repeater.seconds(number, 1).await?;
        platform::yield_now().await;
    }
    repeater.upload(&plan, &step, &optimizer)?;
    let description = gpu.describe();
    let mut measured = Vec::with_capacity(classes.len());
    for class in classes {
        let seconds = alone(&repeater, class.members[0]).await?;
        let mut line = class.measurement(config, &description, peak, seconds);
        if let Some(found) = choice_of(&plan, class.members[0], &tuned.found) {
            let candidate = |(choice, seconds): &(_, f64)| KernelCandidate {
                choice: format!("{choice}"),
                ms: seconds * 1e3,
            };
            line.candidates = found.candidates.iter().map(candidate).collect();
            line.chosen = Some(found.chosen.to_string());
            line.class = Some(found.bucket.to_string());
        }
        measured.push(line);
    }
    Ok(measured)
}

/// The tuning result for a dispatch's shape bucket.
fn choice_of<'found>(plan: &Plan, at: usize, found: &'found [TunedBucket]) -> Option<&'found TunedBucket> {
    let dispatch = plan.dispatches.get(at)?;
    let node = plan.graph.nodes.get(dispatch.node?.index())?;
    let mut trials = trial::of_node(&plan.graph, node).into_iter();
    let bucket = trials.find(|trial| trial.bucket.family.has(dispatch.kernel.name))?.bucket;
    found.iter().find(|found| found.bucket == bucket)
}

/// Seconds of one run of a dispatch in isolation.
async fn alone(repeater: &Repeater, number: usize) -> Result<f64> {
    let mut repeats = 1;
    let mut seconds = repeater.seconds(number, repeats).await?;
    while seconds < SECONDS && repeats < MAX_REPEATS {
        let wanted = repeats as f64 * 1.2 * SECONDS / seconds.max(1e-6);
        repeats = (wanted.ceil() as usize).clamp(repeats + 1, (repeats * 32).min(MAX_REPEATS));
        seconds = repeater.seconds(number, repeats).await?;
    }
    let mut samples = vec![seconds];
    while samples.len() < SAMPLES && seconds < LONG_SECONDS {
        samples.push(repeater.seconds(number, repeats).await?);
        platform::yield_now().await;
    }
    Ok(spread(&mut samples).0 / repeats as f64)
}

fn on_cpu(config: &RunConfig, threads: Option<usize>, filter: &str) -> Result<Vec<KernelMeasurement>> {
    let graphs = training_graphs(&config.model, &config.train)?;
    let graph = cpu::fused(&graphs.train, &[graphs.train_loss]);
    let classes = chosen(node_classes(&graph, config.train.accumulate), filter)?;
    let peak = peak::of_cpu(threads)?;
    let layout = ArenaLayout::new(&graph);
    let weights = block_on(initial::parameters(&graph.parameters, config.seed, &Yielder::none()));
    let mut inputs: Vec<(ValueId, Data)> = Vec::new();
    let batch = random_batches(config).into_iter().next().unwrap_or_default();
    for (number, value) in graph.values.iter().enumerate() {
        let data = match value.origin {
            Origin::Parameter(id) => Data::F32(weights[layout.range(id)].to_vec()),
            Origin::Input(Input::Tokens) => Data::U32(batch.tokens.clone()),
            Origin::Input(Input::Targets) => Data::U32(batch.targets.clone()),
            _ => continue,
        };
        inputs.push((ValueId(number as u32), data));
    }
    let (seconds, threads) = cpu::time_graph(&graph, &inputs, threads, CPU_SECONDS)?;
    let description = device::cpu(threads);
    let mean = |class: &Class| {
        let all: f64 = class.members.iter().map(|at| seconds[*at]).sum();
        all / class.members.len().max(1) as f64
    };
    Ok(classes.iter().map(|class| class.measurement(config, &description, peak, mean(class))).collect())
}
