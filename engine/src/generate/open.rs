//! Where a model writes: the same choice of devices as for training.

use super::Decoder;
use crate::cpu::CpuDecoder;
use crate::error::{Error, Result};
use crate::executor::{DeviceDescription, Executor};
use crate::gpu::{Gpu, GpuDecoder};
use glasshouse_protocol::ModelConfig;

impl Decoder {
    /// Opens a device (`auto`, `cpu`, `gpu`, or part of an adapter's name, as [`Executor::open`] has it) and loads the weights,
    /// laid out as the arena. `threads` are the processor's; `None` takes every core. The second half of the result is a warning,
    /// where the device disappoints.
    ///
    /// # Errors
    /// No such device, or one that cannot hold the model.
    pub async fn open(
        device: &str,
        model: &ModelConfig,
        parameters: &[f32],
        threads: Option<usize>,
    ) -> Result<(Self, Option<String>)> {
        if matches!(device, "burn-wgpu" | "burn-flex") {
            return Err(Error::Refused(format!(
                "{device} trains and tests but does not write; use --device cpu or gpu"
            )));
        }
        let (gpu, warning) = Gpu::from_request(device).await?;
        let decoder = match gpu {
            Some(gpu) => Self::on_gpu(gpu, model, parameters).await?,
            None => Self::on_cpu(model, parameters, threads)?,
        };
        Ok((decoder, warning))
    }

    /// A decoder on the device that an executor trains on, for samples during a run.
    pub async fn beside(executor: &Executor, model: &ModelConfig, parameters: &[f32]) -> Result<Self> {
        match executor.gpu() {
            Some(gpu) => Self::on_gpu(gpu.clone(), model, parameters).await,
            None => Self::on_cpu(model, parameters, executor.describe().threads),
        }
    }

    async fn on_gpu(gpu: Gpu, model: &ModelConfig, parameters: &[f32]) -> Result<Self> {
        let decoder = GpuDecoder::new(&gpu, model, parameters).await?;
        Ok(Self::Gpu(Box::new(decoder), Box::new(gpu)))
    }

    fn on_cpu(model: &ModelConfig, parameters: &[f32], threads: Option<usize>) -> Result<Self> {
        Ok(Self::Cpu(Box::new(CpuDecoder::new(model, parameters, threads)?)))
    }

    /// Where it writes.
    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::Cpu(decoder) => DeviceDescription::cpu(decoder.threads()),
            Self::Gpu(_, gpu) => DeviceDescription::gpu(gpu),
        }
    }

    /// Bytes that it holds for weights, caches, activations and tables.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cpu(decoder) => decoder.bytes(),
            Self::Gpu(decoder, _) => decoder.bytes(),
        }
    }

    /// The device's name.
    pub fn device_name(&self) -> &str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Gpu(_, gpu) => &gpu.report().name,
        }
    }
}
