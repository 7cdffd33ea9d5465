//! Choosing a device, and one face for what runs there. Three run the same graphs: [`crate::gpu`] (our kernels), [`crate::cpu`] and
//! [`crate::reference`] (plain burn with its autodiff, the oracle). An enum, for the set is closed and callers may want one as it is.

use crate::cpu::CpuExecutor;
use crate::device::{self, DeviceDescription};
use crate::error::{Error, Result};
use crate::gpu::{EncodeStatistics, Gpu, GpuExecutor, Occupancy, Tuned, Tuning};
use crate::graph::Graph;
use crate::model::TrainingGraphs;
use crate::optimizer::Optimizer;
use crate::plan::estimate::{part_of_scope, ring};
use crate::plan::lower::Target;
use crate::reference::{Device, ReferenceExecutor};
use crate::step::{ArenaState, MicroBatch, StepInput, StepReport};
use glasshouse_protocol::{ProfileEntry, ProfileMethod};

/// What is said where a candidate made the driver give up.
const LOST_IN_TUNING: &str = "the device was lost while kernels were timed";

/// Seconds of the longest step that is sent off as one submission: longer, and a driver may take the device for hung.
pub const MAX_LAUNCHED_SECONDS: f64 = 0.5;

/// Runs a training run's graphs on a device.
pub enum Executor {
    /// Our kernels on the CPU's cores.
    Cpu(Box<CpuExecutor>),
    /// Our kernels through wgpu.
    Gpu(Box<GpuExecutor>, Box<Gpu>),
    /// One of burn's backends with its autodiff.
    Reference(Box<ReferenceExecutor>),
}

/// An open device.
#[derive(Debug)]
pub struct Opened {
    /// What runs there.
    pub executor: Executor,
    /// A sentence for the user where the device is a fallback.
    pub warning: Option<String>,
    /// What was timed to choose its kernels.
    pub tuned: Tuned,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Executor on {}", self.describe())
    }
}

impl Executor {
    /// Opens a device: `auto` (a real GPU, else the CPU), `cpu`, `gpu` (the best adapter there is), `burn-wgpu`,
    /// `burn-flex`, or part of an adapter's name, as [`Gpu::from_request`] has it. The second half of the result is a warning,
    /// where the device is a fallback.
    ///
    /// `threads` are the CPU executor's; `None` takes every core. Weights and moments are zero until
    /// [`Executor::set_state`].
    ///
    /// # Errors
    /// No such device, or one that cannot hold the model.
    pub async fn open(
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
    ) -> Result<(Self, Option<String>)> {
        let opened = Self::open_tuned(device, graphs, optimizer, threads, &Tuning::Default).await?;
        Ok((opened.executor, opened.warning))
    }

    /// An executor of other graphs on the device of this one, with weights and moments at zero. Burn's devices leave that to the CPU.
    ///
    /// # Errors
    /// The device cannot hold the model beside this one's.
    pub async fn beside(&self, graphs: &TrainingGraphs, optimizer: Optimizer) -> Result<Self> {
        match self {
            Self::Gpu(_, gpu) => {
                let ring = ring(graphs.recipe.train.accumulate);
                let executor = GpuExecutor::new(gpu, graphs, optimizer, ring).await?;
                Ok(Self::Gpu(Box::new(executor), gpu.clone()))
            }
            Self::Cpu(_) | Self::Reference(_) => {
                let threads = self.describe().threads;
                Ok(Self::Cpu(Box::new(CpuExecutor::new(graphs, optimizer, threads)?)))
            }
        }
    }

    /// Refuses a word that no device answers to, before work is done for it.
    ///
    /// # Errors
    /// [`Error::Device`] says what there is.
    pub async fn check_request(device: &str) -> Result<()> {
        match device {
            // Always answered, so that nothing is looked for.
            "auto" => Ok(()),
            name if Device::named(name)?.is_some() => Ok(()),
            name => Gpu::adapter_of(name).await.map(|_| ()),
        }
    }

    /// As [`Executor::open`], with a GPU's kernels chosen as `tuning` says.
    ///
    /// # Errors
    /// As there.
    pub async fn open_tuned(
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
        tuning: &Tuning,
    ) -> Result<Opened> {
        let plain = |executor, warning| Opened { executor, warning, tuned: Tuned::default() };
        if let Some(device) = Device::named(device)? {
            let executor = ReferenceExecutor::new(graphs, optimizer, device)?;
            return Ok(plain(Self::Reference(Box::new(executor)), None));
        }
        let (gpu, warning) = Gpu::from_request(device).await?;
        let Some(gpu) = gpu else {
            let executor = Self::Cpu(Box::new(CpuExecutor::new(graphs, optimizer, threads)?));
            return Ok(plain(executor, warning));
        };
        let (gpu, tuned, lost) = tuned_or_again(gpu, device, &graphs.train, tuning).await?;
        let warning = lost.or(warning);
        let executor =
            GpuExecutor::new(&gpu, graphs, optimizer, ring(graphs.recipe.train.accumulate)).await?;
        Ok(Opened { executor: Self::Gpu(Box::new(executor), Box::new(gpu)), warning, tuned })
    }

    /// Runs optimizer steps in order.
    pub async fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        match self {
            Self::Cpu(executor) => executor.train(steps).await,
            Self::Gpu(executor, _) => executor.train(steps).await,
            Self::Reference(executor) => executor.train(steps),
        }
    }

    /// (Mean loss, targets that count) of each batch, without dropout or smoothing.
    pub async fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        match self {
            Self::Cpu(executor) => executor.evaluate(batches).await,
            Self::Gpu(executor, _) => executor.evaluate(batches).await,
            Self::Reference(executor) => executor.evaluate(batches),
        }
    }

    /// The loss of each target of each batch, row-major, without dropout or smoothing, 0 where it does not count. For graphs that keep them
    /// ([`TrainingGraphs::evaluate_rows`]).
    ///
    /// # Errors
    /// The graphs do not, or the device fails.
    pub async fn token_losses(&mut self, batches: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Cpu(executor) => executor.token_losses(batches).await,
            Self::Gpu(executor, _) => executor.token_losses(batches).await,
            Self::Reference(executor) => executor.token_losses(batches),
        }
    }

    /// How large the stream is behind each part of the model, for a batch without dropout: what norms keep of it, [N,2] with mean and
    /// reciprocal of the standard deviation of each row, by the part's name in the order of the forward pass. It is the evaluation's own
    /// pass, and takes no kernel beside. Burn's executors keep none.
    ///
    /// # Errors
    /// The device fails.
    pub async fn probes(&mut self, batch: &MicroBatch) -> Result<Vec<(String, Vec<f32>)>> {
        match self {
            Self::Cpu(executor) => executor.probes(batch).await,
            Self::Gpu(executor, _) => executor.probes(batch).await,
            Self::Reference(_) => Ok(Vec::new()),
        }
    }

    /// Batches of an evaluation that are worked on at once, where several workers are at it: fewer leave some idle.
    pub fn batches_at_once(&self) -> usize {
        match self {
            Self::Cpu(executor) => executor.batches_at_once(),
            Self::Gpu(..) | Self::Reference(_) => 1,
        }
    }

    /// A step's loss and its gradient before clipping, laid out as the arena; weights and moments stay as they are.
    pub async fn gradients(&mut self, step: &StepInput) -> Result<(f32, Vec<f32>)> {
        match self {
            Self::Cpu(executor) => executor.gradients(step).await,
            Self::Gpu(executor, _) => executor.gradients(step).await,
            Self::Reference(executor) => executor.gradients(step),
        }
    }

    /// The weights, read back without the optimizer state, which is twice as large.
    pub async fn weights(&mut self) -> Result<Vec<f32>> {
        match self {
            Self::Cpu(executor) => Ok(executor.weights()),
            Self::Gpu(executor, _) => executor.weights().await,
            Self::Reference(executor) => Ok(executor.state()?.parameters),
        }
    }

    /// The weights and the optimizer state, read back.
    pub async fn state(&mut self) -> Result<ArenaState> {
        match self {
            Self::Cpu(executor) => Ok(executor.state()),
            Self::Gpu(executor, _) => executor.state().await,
            Self::Reference(executor) => executor.state(),
        }
    }

    /// Replaces weights and optimizer state; moments that are missing altogether begin at zero.
    pub async fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        match self {
            Self::Cpu(executor) => executor.set_state(state),
            Self::Gpu(executor, _) => executor.set_state(state).await,
            Self::Reference(executor) => executor.set_state(state),
        }
    }

    /// Whether a step or an evaluation may be dropped on the way: weights and moments are then as before it.
    pub fn can_give_up(&self) -> bool {
        matches!(self, Self::Cpu(_))
    }

    /// Where it runs.
    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::Cpu(executor) => device::cpu(executor.threads()).divided(executor.workers()),
            Self::Gpu(_, gpu) => gpu.describe(),
            Self::Reference(executor) => DeviceDescription::burn(executor.kind()),
        }
    }

    /// What its kernels are chosen for; the CPU executor has none and counts as a plain device.
    pub fn target(&self) -> Target {
        self.gpu().map_or(Target::new(false), Gpu::target)
    }

    /// Bytes that it holds for weights, gradients, moments, activations and tables; 0 where they cannot be counted.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cpu(executor) => executor.bytes(),
            Self::Gpu(executor, _) => executor.bytes(),
            Self::Reference(_) => 0,
        }
    }

    /// Trains on one step sent to an idle GPU as one submission, and says what launching it cost; `None` elsewhere. The step should
    /// last no longer than [`MAX_LAUNCHED_SECONDS`]. `warm`, it is recorded once just before.
    pub async fn time_launch(&mut self, step: &StepInput, warm: bool) -> Result<Option<EncodeStatistics>> {
        match self {
            Self::Gpu(executor, _) => executor.time_launch(step, warm).await.map(Some),
            Self::Cpu(_) | Self::Reference(_) => Ok(None),
        }
    }

    /// Trains on these steps and says how much of the time a GPU worked; `None` elsewhere, and where it keeps no clock.
    pub async fn occupancy(&mut self, steps: &[StepInput]) -> Result<Option<Occupancy>> {
        match self {
            Self::Gpu(executor, _) => executor.occupancy(steps).await,
            Self::Cpu(_) | Self::Reference(_) => Ok(None),
        }
    }

    /// Where the time of a step goes, by scope and kernel or operation, and how it was measured. On a GPU the step is trained; on the CPU
    /// only its gradient is computed.
    ///
    /// # Errors
    /// A GPU without timestamps; burn's executors.
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
                // What was timed is the last micro-batch, and each of the others takes as long; of workers, this one's part of them.
                let each = if divided { 1 } else { step.micro_batches.len() };
                for (scope, operation, seconds) in executor.timings() {
                    add(&part_of_scope(scope), operation, each, seconds * 1e3 * each as f64);
                }
                if divided { ProfileMethod::Worker } else { ProfileMethod::Clock }
            }
            Self::Gpu(executor, _) => {
                for timing in executor.profile(step).await? {
                    let scope = part_of_scope(&timing.scope);
                    add(&scope, timing.kernel, timing.dispatches, timing.nanoseconds / 1e6);
                }
                ProfileMethod::Timestamps
            }
            Self::Reference(_) => {
                return Err(Error::Refused("burn's executors keep no times; use cpu or gpu".to_owned()));
            }
        };
        Ok((entries, method))
    }

    /// A sentence for the user on what became worse since it was last asked for.
    pub fn take_warning(&mut self) -> Option<String> {
        match self {
            Self::Cpu(executor) => executor.take_warning(),
            Self::Gpu(..) | Self::Reference(_) => None,
        }
    }

    /// Whether someone looks on: then no submission to a GPU exceeds about 8 ms, so that the desktop stays smooth.
    pub fn set_interactive(&mut self, interactive: bool) {
        if let Self::Gpu(executor, _) = self {
            executor.set_interactive(interactive);
        }
    }

    /// The open GPU, where it runs on one.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Gpu(_, gpu) => Some(gpu),
            Self::Cpu(_) | Self::Reference(_) => None,
        }
    }
}

/// A device with the kernels that suit a graph. Where one that was tried costs the device, it is opened once more, for the kernels that it
/// has as a rule, and the last of the result says so.
///
/// # Errors
/// It cannot be opened again.
pub(crate) async fn tuned_or_again(
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
            let warning = format!("{LOST_IN_TUNING}, and was opened again for its default ones");
            Ok((gpu, Tuned::default(), Some(warning)))
        }
        Err(error) => Err(error),
    }
}
