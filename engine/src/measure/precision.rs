//! Chooses a run's precision if its settings leave it to the device (`auto`): mixed precision on a real GPU on which it is
//! noticeably faster, else 32 bits.
//!
//! Both are timed for a few steps with the run's own shapes and tuned kernels. The result is cached with the tuning results, by
//! adapter, driver, kernel version and shape bucket. The run's settings store the choice, so a resumed run keeps it.

use super::step::random_batches;
use crate::Result;
use crate::gpu::{BUDGET, Gpu, GpuExecutor, Tuning, WARM_UP};
use crate::initial;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use crate::plan::estimate::ring;
use crate::platform::{self, Yielder};
use crate::protocol::{DeviceKind, Precision, RunConfig, TrainConfig, WeightFormat};
use crate::step::{ArenaState, StepInput};
use web_time::Instant;

/// Minimum speed-up of mixed precision; less is not worth 16 bits.
const FASTER: f64 = 1.05;

/// Target seconds of a timed group of steps.
const SECONDS: f64 = 0.1;

/// Number of groups; the fastest counts.
const SAMPLES: usize = 3;

/// The chosen precision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// 32 bits or mixed.
    pub precision: Precision,
    /// The choice and its reason, for the user.
    pub sentence: String,
}

impl Settled {
    fn new(precision: Precision, why: &str) -> Self {
        let name = if precision == Precision::Mixed { "mixed precision" } else { "32 bits" };
        Self { precision, sentence: format!("precision: {name}, since {why}") }
    }
}

/// Chooses the precision of a new run on a device (named as for [`crate::executor::Executor::open_tuned`]); `None` if the settings specify
/// it. Without measuring, the choice is 32 bits. The same holds if the device cannot be opened; opening it later reports the error.
pub async fn settle_precision(config: &RunConfig, device: &str, tuning: &Tuning) -> Result<Option<Settled>> {
    if config.train.precision != Precision::Auto {
        return Ok(None);
    }
    let full = |why| Ok(Some(Settled::new(Precision::F32, why)));
    if config.train.adapter.as_ref().is_some_and(|adapter| adapter.base != WeightFormat::F32) {
        return full("the model's matrices are already in fewer bits");
    }
    if DeviceKind::is_of_burn(device) {
        return full("burn's backends train only in 32 bits");
    }
    let Ok((Some(gpu), _)) = Gpu::from_request(device).await else {
        return full("the CPU trains only in 32 bits");
    };
    let Tuning::Measured(measuring) = tuning else {
        return full("it was not timed");
    };
    match (gpu.has_half(), gpu.report().software) {
        (false, _) => return full("this device has no 16-bit floats"),
        (_, true) => {
            return full("a software adapter is for tests, and computes on the CPU");
        }
        _ => {}
    }
    let class = class(config);
    let known = measuring.folder.as_deref().and_then(|folder| gpu.remembered(folder, &class));
    let known =
        [Precision::F32, Precision::Mixed].into_iter().find(|each| known.as_deref() == Some(each.name()));
    if let Some(known) = known.filter(|_| !measuring.anew) {
        return Ok(Some(Settled::new(known, "it was faster in an earlier measurement on this device")));
    }
    let (settled, lasting) = compare(&gpu, config, tuning).await;
    if let Some(folder) = measuring.folder.as_deref().filter(|_| lasting) {
        gpu.remember(folder, &class, settled.precision.name());
    }
    // Free it now rather than at the browser's garbage collection: the run needs the memory.
    gpu.destroy();
    Ok(Some(settled))
}

/// Cache key of runs with the same choice: the properties that determine a step's time, with sizes rounded up to powers of two.
fn class(config: &RunConfig) -> String {
    let model = &config.model;
    let rows = config.train.batch_size * model.context_length;
    let sizes = [rows, model.width, model.layers, model.vocabulary];
    let sizes = sizes.map(|size| size.checked_next_power_of_two().unwrap_or(size).to_string());
    format!("precision {}", sizes.join("x"))
}

/// Times both precisions. Also returns whether the result is valid for later runs: a lack of memory may be temporary, but a
/// device lost in the trial would be lost again.
async fn compare(gpu: &Gpu, config: &RunConfig, tuning: &Tuning) -> (Settled, bool) {
    let full = step_seconds(gpu, config, Precision::F32, tuning).await;
    let mixed = step_seconds(gpu, config, Precision::Mixed, tuning).await;
    if gpu.check().is_err() {
        return (Settled::new(Precision::F32, "the device was lost while both were timed"), true);
    }
    let timed = full.is_ok() && mixed.is_ok();
    let settled = match (full, mixed) {
        (Ok(full), Ok(mixed)) => {
            let ratio = full / mixed.max(1e-9);
            let precision = if ratio >= FASTER { Precision::Mixed } else { Precision::F32 };
            let [full, mixed] = [full, mixed].map(|seconds| seconds * 1e3);
            Settled::new(
                precision,
                &format!("a step takes {full:.2} ms in 32 bits and {mixed:.2} ms in mixed"),
            )
        }
        (Err(_), Ok(_)) => Settled::new(Precision::Mixed, "32 bits do not fit on this device"),
        (_, Err(_)) => Settled::new(Precision::F32, "mixed precision could not be tried"),
    };
    (settled, timed)
}

/// Seconds per step with tuned kernels, from about a second of steps, but at least one warm-up and one timed step.
async fn step_seconds(gpu: &Gpu, config: &RunConfig, precision: Precision, tuning: &Tuning) -> Result<f64> {
    let train = TrainConfig { precision, ..config.train.clone() };
    let graphs = training_graphs(&config.model, &train)?;
    // Many devices multiply only f16 cooperative matrices. Without tuning, mixed precision would be timed at its slowest.
    let (gpu, _) = gpu.clone().tuned(&graphs.train, tuning).await?;
    let begun = Instant::now();
    let ring = ring(graphs.spec.train.accumulate);
    let mut executor = GpuExecutor::new(&gpu, &graphs, Optimizer::new(&train), ring).await?;
    let parameters = initial::parameters(&graphs.train.parameters, config.seed, &Yielder::new()).await;
    executor.set_state(&ArenaState::from_weights(parameters)).await?;
    let micro_batches = random_batches(config);
    let input = |step| StepInput { step, learning_rate: 1e-4, micro_batches: micro_batches.clone() };
    // Until a GPU's clock is up, whatever is timed seems slow.
    let warming = Instant::now();
    executor.train(&[input(0)]).await?;
    while !gpu.report().software && warming.elapsed() < WARM_UP {
        executor.train(&[input(0)]).await?;
    }
    let timed = Instant::now();
    executor.train(&[input(1)]).await?;
    let mut fastest = timed.elapsed().as_secs_f64();
    let count = ((SECONDS / fastest.max(1e-6)) as u64).clamp(1, 64);
    for sample in 0..SAMPLES as u64 {
        if begun.elapsed().as_secs_f64() + count as f64 * fastest > BUDGET / 2.0 {
            break;
        }
        platform::yield_now().await;
        let steps: Vec<StepInput> = (0..count).map(|step| input(2 + sample * count + step)).collect();
        let timed = Instant::now();
        executor.train(&steps).await?;
        fastest = fastest.min(timed.elapsed().as_secs_f64() / count as f64);
    }
    Ok(fastest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Measuring, test_gpu};
    use crate::protocol::presets;
    use pollster::block_on;
    use std::path::Path;

    fn config() -> RunConfig {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        (config.model.layers, config.model.context_length, config.train.batch_size) = (1, 16, 2);
        config.train.precision = Precision::Auto;
        config
    }

    fn measuring(folder: &Path) -> Tuning {
        let (folder, kernels) = (Some(folder.to_owned()), String::new());
        Tuning::Measured(Measuring { folder, budget: BUDGET, anew: false, kernels })
    }

    #[test]
    fn cpus_and_software_adapters_keep_32_bits() {
        let folder = tempfile::tempdir().unwrap();
        let settled = |config: &RunConfig, device: &str, tuning: &Tuning| {
            block_on(settle_precision(config, device, tuning)).unwrap()
        };
        let tuning = measuring(folder.path());
        for device in ["cpu", "burn-flex", "llvmpipe"] {
            let found = settled(&config(), device, &tuning).unwrap();
            assert_eq!(found.precision, Precision::F32, "{device}");
            assert!(found.sentence.starts_with("precision: 32 bits, since "), "{}", found.sentence);
        }
        assert_eq!(settled(&config(), "llvmpipe", &Tuning::Default).unwrap().precision, Precision::F32);
        let mut said = config();
        said.train.precision = Precision::Mixed;
        assert_eq!(settled(&said, "cpu", &tuning), None);
    }

    /// Runs the comparison on the test adapter; the sentence must match the choice.
    #[test]
    fn both_precisions_are_timed() {
        let gpu = test_gpu();
        let config = config();
        let (settled, lasting) = block_on(compare(&gpu, &config, &Tuning::Default));
        assert!(lasting);
        let numbers: Vec<f64> = settled
            .sentence
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .filter(|ms| *ms != 32.0)
            .collect();
        let [full, mixed] = numbers[..] else { panic!("{}", settled.sentence) };
        assert!(full > 0.0 && mixed > 0.0);
        // The printed numbers are rounded.
        let is_mixed = settled.precision == Precision::Mixed;
        assert!(if is_mixed { full > mixed } else { full < 1.06 * mixed }, "{}", settled.sentence);
    }

    #[test]
    fn what_was_settled_is_remembered_beside_choices_of_kernels() {
        let gpu = test_gpu();
        let folder = tempfile::tempdir().unwrap();
        let class = class(&config());
        assert_eq!(class, "precision 32x128x1x128");
        assert_eq!(gpu.remembered(folder.path(), &class), None);
        gpu.remember(folder.path(), &class, Precision::Mixed.name());
        assert_eq!(gpu.remembered(folder.path(), &class).as_deref(), Some("mixed"));
        assert_eq!(gpu.remembered(folder.path(), "precision 64x128x1x128"), None);
    }
}
