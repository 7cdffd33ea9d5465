//! Device selection, and the common interface of the three executors: [`crate::gpu`] (our kernels), [`crate::cpu`], and
//! [`crate::oracle`] (burn with its autodiff, the oracle). All run the same graphs.

use crate::cpu::CpuExecutor;
use crate::device::{self, DeviceDescription};
use crate::gpu::{EncodeStatistics, Gpu, GpuExecutor, Tuned, Tuning};
use crate::oracle::{Device, OracleExecutor};
use glasshouse_compiler::graph::Graph;
use glasshouse_compiler::model::TrainingGraphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::estimate::{part_of_scope, ring};
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput, StepReport};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{ProfileEntry, ProfileMethod};
use std::sync::Arc;

/// Warning after a candidate kernel crashed the driver.
const LOST_IN_TUNING: &str = "the device was lost while kernels were timed";

/// Maximum duration in seconds of a step sent as one submission; a driver may treat a longer one as a hang.
pub const MAX_LAUNCHED_SECONDS: f64 = 0.5;

/// Runs a training run's graphs on a device.
pub enum Executor {
    Cpu(Box<CpuExecutor>),
    Gpu(Box<GpuExecutor>, Box<Gpu>),
    /// A burn backend with autodiff.
    Oracle(Box<OracleExecutor>),
}

pub struct Opened {
    pub executor: Executor,
    /// Set if the device is a fallback.
    pub warning: Option<String>,
    pub tuned: Tuned,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Executor on {}", self.describe())
    }
}

impl Executor {
    /// Opens a device: `auto` (a real GPU, else the CPU), `cpu`, `gpu` (the best adapter), `burn-wgpu`, `burn-flex`, or
    /// part of an adapter's name, as in [`Gpu::from_request`]. Also returns a warning if the device is a fallback.
    ///
    /// `threads` applies to the CPU executor; `None` uses every core. Weights and moments are zero until [`Executor::set_state`]. Fails if
    /// there is no such device, or it cannot hold the model.
    pub async fn open(
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
    ) -> Result<(Self, Option<String>)> {
        let opened = Self::open_tuned(device, graphs, optimizer, threads, &Tuning::Default).await?;
        Ok((opened.executor, opened.warning))
    }

    /// Creates an executor for other graphs on the same device, with zero weights and moments. The oracle's devices use the CPU instead.
    pub async fn beside(&self, graphs: &TrainingGraphs, optimizer: Optimizer) -> Result<Self> {
        match self {
            Self::Gpu(_, gpu) => {
                let ring = ring(graphs.spec.train.accumulate);
                let executor = GpuExecutor::new(gpu, graphs, optimizer, ring).await?;
                Ok(Self::Gpu(Box::new(executor), gpu.clone()))
            }
            Self::Cpu(_) | Self::Oracle(_) => {
                let threads = self.describe().threads;
                Ok(Self::Cpu(Box::new(CpuExecutor::new(graphs, optimizer, threads)?)))
            }
        }
    }

    /// Checks a device name without opening the device. Fails with [`Error::Device`] if no device matches; it lists those available.
    pub async fn check_request(device: &str) -> Result<()> {
        match device {
            // `auto` always resolves.
            "auto" => Ok(()),
            name if Device::named(name)?.is_some() => Ok(()),
            name => Gpu::adapter_of(name).await.map(|_| ()),
        }
    }

    /// Like [`Executor::open`], with GPU kernels chosen by `tuning`.
    pub async fn open_tuned(
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
        tuning: &Tuning,
    ) -> Result<Opened> {
        if let Some(device) = Device::named(device)? {
            let executor = Self::Oracle(Box::new(OracleExecutor::new(graphs, optimizer, device)?));
            return Ok(Opened { executor, warning: None, tuned: Tuned::default() });
        }
        Self::open_on(Gpu::from_request(device).await?, device, graphs, optimizer, threads, tuning).await
    }

    /// Opens the GPU or, without one, the CPU that was found for a device's name, with a warning if it is a fallback.
    async fn open_on(
        (gpu, warning): (Option<Gpu>, Option<String>),
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
        tuning: &Tuning,
    ) -> Result<Opened> {
        let on_cpu = |warning| {
            let executor = Self::Cpu(Box::new(CpuExecutor::new(graphs, optimizer, threads)?));
            Ok(Opened { executor, warning, tuned: Tuned::default() })
        };
        let Some(gpu) = gpu else { return on_cpu(warning) };
        match Self::open_gpu(gpu, device, graphs, optimizer, tuning).await {
            Ok(opened) => Ok(Opened { warning: opened.warning.or(warning), ..opened }),
            Err(error) => on_cpu(Some(fallback(device, error)?)),
        }
    }

    async fn open_gpu(
        gpu: Gpu,
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        tuning: &Tuning,
    ) -> Result<Opened> {
        let (gpu, tuned, warning) = tuned_or_again(gpu, device, &graphs.train, tuning).await?;
        let executor = GpuExecutor::new(&gpu, graphs, optimizer, ring(graphs.spec.train.accumulate)).await?;
        Ok(Opened { executor: Self::Gpu(Box::new(executor), Box::new(gpu)), warning, tuned })
    }

    pub async fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        match self {
            Self::Cpu(executor) => executor.train(steps).await,
            Self::Gpu(executor, _) => executor.train(steps).await,
            Self::Oracle(executor) => executor.train(steps),
        }
    }

    /// Returns (mean loss, number of counted targets) per batch, without dropout or label smoothing.
    pub async fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        match self {
            Self::Cpu(executor) => executor.evaluate(batches).await,
            Self::Gpu(executor, _) => executor.evaluate(batches).await,
            Self::Oracle(executor) => executor.evaluate(batches),
        }
    }

    /// Returns the loss of each target per batch, row-major, without dropout or label smoothing; 0 for ignored targets. Needs graphs built
    /// by [`TrainingGraphs::evaluate_rows`]. Fails if the graphs do not keep token losses, or the device failed.
    pub async fn token_losses(&mut self, batches: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Cpu(executor) => executor.token_losses(batches).await,
            Self::Gpu(executor, _) => executor.token_losses(batches).await,
            Self::Oracle(executor) => executor.token_losses(batches),
        }
    }

    /// Returns names and values of the graph's probes for a batch without dropout, from the evaluation pass: of a model, per norm in forward
    /// order an [N,2] array with the mean and reciprocal standard deviation of each row of the residual stream; of a dictionary, its
    /// `PROBES`. Empty for burn's executors.
    pub async fn probes(&mut self, batch: &MicroBatch) -> Result<Vec<(String, Vec<f32>)>> {
        match self {
            Self::Cpu(executor) => executor.probes(batch).await,
            Self::Gpu(executor, _) => executor.probes(batch).await,
            Self::Oracle(_) => Ok(Vec::new()),
        }
    }

    /// Number of evaluation batches to submit together so that no CPU worker idles.
    pub fn batches_at_once(&self) -> usize {
        match self {
            Self::Cpu(executor) => executor.batches_at_once(),
            Self::Gpu(..) | Self::Oracle(_) => 1,
        }
    }

    /// Returns a step's loss and its unclipped gradient, laid out like the arena. Weights and moments are unchanged.
    pub async fn gradients(&mut self, step: &StepInput) -> Result<(f32, Vec<f32>)> {
        match self {
            Self::Cpu(executor) => executor.gradients(step).await,
            Self::Gpu(executor, _) => executor.gradients(step).await,
            Self::Oracle(executor) => executor.gradients(step),
        }
    }

    /// Reads back the weights without the optimizer state, which is twice as large.
    pub async fn weights(&mut self) -> Result<Vec<f32>> {
        match self {
            Self::Cpu(executor) => Ok(executor.weights()),
            Self::Gpu(executor, _) => executor.weights().await,
            Self::Oracle(executor) => Ok(Arc::unwrap_or_clone(executor.state()?.parameters)),
        }
    }

    /// Like [`Self::weights`], without the frozen matrices stored in fewer bits; the CPU shares them.
    pub async fn floats(&mut self) -> Result<Arc<Vec<f32>>> {
        match self {
            Self::Cpu(executor) => Ok(executor.floats()),
            Self::Gpu(executor, _) => executor.floats().await,
            Self::Oracle(executor) => Ok(executor.state()?.parameters),
        }
    }

    pub async fn state(&mut self) -> Result<ArenaState> {
        match self {
            Self::Cpu(executor) => Ok(executor.state()),
            Self::Gpu(executor, _) => executor.state().await,
            Self::Oracle(executor) => executor.state(),
        }
    }

    /// Replaces weights and optimizer state; absent moments start at zero.
    pub async fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        match self {
            Self::Cpu(executor) => executor.set_state(state),
            Self::Gpu(executor, _) => executor.set_state(state).await,
            Self::Oracle(executor) => executor.set_state(state),
        }
    }

    /// Whether a step or evaluation may be dropped midway, leaving weights and moments unchanged.
    pub fn can_give_up(&self) -> bool {
        matches!(self, Self::Cpu(_))
    }

    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::Cpu(executor) => device::cpu(executor.threads()).divided(executor.workers()),
            Self::Gpu(_, gpu) => gpu.describe(),
            Self::Oracle(executor) => DeviceDescription::burn(executor.kind()),
        }
    }

    /// The target kernels are chosen for; the CPU executor counts as a plain device.
    pub fn target(&self) -> Target {
        self.gpu().map_or(Target::new(false), Gpu::target)
    }

    /// Bytes held for weights, gradients, moments, activations and tables; 0 if unknown.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cpu(executor) => executor.bytes(),
            Self::Gpu(executor, _) => executor.bytes(),
            Self::Oracle(_) => 0,
        }
    }

    /// Trains on one step, sent to an idle GPU as one submission, and returns its launch cost; `None` on other devices.
    /// The step should take at most [`MAX_LAUNCHED_SECONDS`]. With `warm`, it is recorded once beforehand.
    pub async fn time_launch(&mut self, step: &StepInput, warm: bool) -> Result<Option<EncodeStatistics>> {
        match self {
            Self::Gpu(executor, _) => executor.time_launch(step, warm).await.map(Some),
            Self::Cpu(_) | Self::Oracle(_) => Ok(None),
        }
    }

    /// Trains on these steps and returns the share of time the GPU was idle; `None` on other devices or without timestamps.
    pub async fn idle_share(&mut self, steps: &[StepInput]) -> Result<Option<f64>> {
        match self {
            Self::Gpu(executor, _) => executor.idle_share(steps).await,
            Self::Cpu(_) | Self::Oracle(_) => Ok(None),
        }
    }

    /// Returns the time of a step by scope and kernel or operation, and the measurement method. A GPU trains on the step; the CPU only
    /// computes its gradient. Fails if the GPU has no timestamps, or the executor is burn's.
    pub async fn profile(&mut self, step: &StepInput) -> Result<(Vec<ProfileEntry>, ProfileMethod)> {
        let mut entries: Vec<ProfileEntry> = Vec::new();
        let mut add = |scope: &str, kernel: &str, count: usize, ms: f64| match entries
            .iter_mut()
            .find(|entry| entry.scope == scope && entry.kernel == kernel)
        {
            Some(entry) => {
                entry.count += count;
                entry.ms += ms;
            }
            None => {
                entries.push(ProfileEntry { scope: scope.to_owned(), kernel: kernel.to_owned(), count, ms });
            }
        };
        let method = match self {
            Self::Cpu(executor) => {
                executor.gradients(step).await?;
                let divided = executor.workers() > 1;
                // Timings cover the last micro-batch, or this worker's share of the step.
                let each = if divided { 1 } else { step.micro_batches.len() };
                for (scope, operation, seconds) in executor.timings() {
                    add(&part_of_scope(scope), operation, each, seconds * 1e3 * each as f64);
                }
                if divided { ProfileMethod::Worker } else { ProfileMethod::Clock }
            }
            Self::Gpu(executor, _) => {
                for (scope, kernel, count, ms) in executor.profile(step).await? {
                    add(&part_of_scope(&scope), kernel, count, ms);
                }
                ProfileMethod::Timestamps
            }
            Self::Oracle(_) => {
                return Err(Error::Refused("burn's executors record no timings; use cpu or gpu".to_owned()));
            }
        };
        Ok((entries, method))
    }

    /// Takes the warning, if any, about a degradation since the last call.
    pub fn take_warning(&mut self) -> Option<String> {
        match self {
            Self::Cpu(executor) => executor.take_warning(),
            Self::Gpu(..) | Self::Oracle(_) => None,
        }
    }

    /// In interactive mode, GPU submissions stay below about 8 ms so that the desktop stays smooth.
    pub fn set_interactive(&mut self, interactive: bool) {
        if let Self::Gpu(executor, _) = self {
            executor.set_interactive(interactive);
        }
    }

    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Gpu(_, gpu) => Some(gpu),
            Self::Cpu(_) | Self::Oracle(_) => None,
        }
    }
}

/// The warning with which `auto` uses the CPU instead of a GPU that failed while it was opened. Fails with the error for a device requested
/// by name, and for an error that is no fault of the GPU.
fn fallback(device: &str, error: Error) -> Result<String> {
    match error {
        Error::Device(_) | Error::DeviceLost(_) | Error::OutOfMemory { .. } if device == "auto" => {
            Ok(format!("{error}; using the CPU instead"))
        }
        error => Err(error),
    }
}

/// Tunes a device's kernels for a graph. If a candidate loses the device, reopens it with the default kernels and returns a warning.
pub async fn tuned_or_again(
    gpu: Gpu,
    device: &str,
    graph: &Graph,
    tuning: &Tuning,
) -> Result<(Gpu, Tuned, Option<String>)> {
    match gpu.tuned(graph, tuning).await {
        Ok((gpu, tuned)) => Ok((gpu, tuned, None)),
        Err(Error::Device(_) | Error::DeviceLost(_)) => {
            let (again, _) = Gpu::from_request(device).await?;
            let gpu = again.ok_or_else(|| Error::DeviceLost(LOST_IN_TUNING.to_owned()))?;
            let warning = format!("{LOST_IN_TUNING} and was reopened with the default kernels");
            Ok((gpu, Tuned::default(), Some(warning)))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{BufferFault, test_gpu};
    use glasshouse_compiler::model::training_graphs;
    use glasshouse_platform::block_on;

    #[test]
    fn only_auto_replaces_a_gpu_that_fails_by_the_cpu_and_says_why() {
        let config = glasshouse_protocol::presets::preset("nanogpt-cpu").unwrap();
        let graphs = training_graphs(&config.model, &config.train).unwrap();
        let open = |device, gpu, fault: Option<BufferFault>| {
            let optimizer = Optimizer::new(&config.train);
            BufferFault::inject(fault.map(|fault| (0, fault)));
            let opened = block_on(Executor::open_on(
                (Some(gpu), None),
                device,
                &graphs,
                optimizer,
                Some(1),
                &Tuning::Default,
            ));
            assert_eq!(BufferFault::inject(None), None);
            opened
        };
        let hasty = || test_gpu().with_patience(0.0);
        for (fault, reason) in [
            (None, "compiled kernels for"),
            (Some(BufferFault::OutOfMemory), "has no memory left"),
            (Some(BufferFault::Refused), ""),
        ] {
            let gpu = || if fault.is_none() { hasty() } else { test_gpu() };
            let opened = open("auto", gpu(), fault).unwrap();
            let warning = opened.warning.unwrap();
            assert!(opened.executor.gpu().is_none());
            assert!(warning.contains(reason) && warning.ends_with("using the CPU instead"), "{warning}");
            let error = open("gpu", gpu(), fault).err().unwrap();
            assert!(matches!(error, Error::Device(_) | Error::OutOfMemory { .. }), "{error:?}");
        }
        assert!(
            matches!(open("gpu", hasty(), None), Err(Error::Device(said)) if said.contains("choose the CPU"))
        );
    }
}
