//! Where a model writes: the same choice of devices as for training.

use super::Decoder;
use crate::cpu::CpuDecoder;
use crate::device::{self, DeviceDescription};
use crate::error::{Error, Result};
use crate::executor::{Executor, tuned_or_again};
use crate::gpu::{Gpu, GpuDecoder, Tuning};
use crate::model::{Purpose, build};
use crate::plan::fuse::Fusions;
use glasshouse_protocol::{ModelConfig, Precision};
use half::f16;

/// How a model is opened for writing.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The CPU's threads; `None` takes every core.
    pub threads: Option<usize>,
    /// What a device reads weights as.
    pub precision: Precision,
    /// How a real GPU's kernels are chosen. A software adapter keeps those of its kind: timing them takes it seconds.
    pub tuning: Tuning,
    /// Texts that can be written at once, 1 or more: each has caches of its own, and all are read in one pass over the weights.
    pub texts: usize,
}

impl Default for Opening {
    /// Every core, the precision that suits the device, the kernels of its kind, and one text.
    fn default() -> Self {
        Self { threads: None, precision: Precision::Auto, tuning: Tuning::Default, texts: 1 }
    }
}

impl Decoder {
    /// Opens a device (`auto`, `cpu`, `gpu`, or part of an adapter's name, as [`Executor::open`] has it) and loads the weights,
    /// laid out as the arena. The second half of the result is a warning, where the device is a fallback.
    ///
    /// # Errors
    /// No such device, or one that cannot hold the model, or has not the precision that is asked for.
    pub async fn open(
        device: &str,
        model: &ModelConfig,
        parameters: &[f32],
        opening: &Opening,
    ) -> Result<(Self, Option<String>)> {
        let texts = opening.texts;
        if texts == 0 {
            return Err(Error::Refused("batch size must be at least 1".to_owned()));
        }
        let (gpu, warning) = Gpu::from_request(device).await?;
        let Some(gpu) = gpu else {
            return Ok((Self::on_cpu(model, parameters, opening)?, warning));
        };
        let tuning = if gpu.report().software { &Tuning::Default } else { &opening.tuning };
        let token = build(model, Purpose::Decode { batch: texts, chunk: 1, texts })?.graph;
        let gpu = gpu.with_fusions(Fusions::DECODING);
        let (gpu, _, lost) = tuned_or_again(gpu, device, &token, tuning).await?;
        let decoder = Self::on_gpu(gpu, model, parameters, opening.precision, texts).await?;
        Ok((decoder, lost.or(warning)))
    }

    /// A decoder of so many texts at once on the device that an executor trains on, for samples during a run.
    ///
    /// # Errors
    /// The device cannot hold the model beside the run, or has not the precision that is asked for.
    pub async fn beside(
        executor: &Executor,
        model: &ModelConfig,
        parameters: &[f32],
        precision: Precision,
        texts: usize,
    ) -> Result<Self> {
        let opening =
            Opening { threads: executor.describe().threads, precision, texts, ..Opening::default() };
        Self::on(executor.gpu().cloned(), model, parameters, &opening).await
    }

    /// The same over the executor's own weights, which are neither read back nor uploaded: what it writes follows the training. `None`
    /// where there is nothing to share: on the CPU, or if the device keeps the weights in training in another order.
    ///
    /// # Errors
    /// As [`Self::beside`].
    pub async fn sharing(executor: &Executor, model: &ModelConfig, texts: usize) -> Result<Option<Self>> {
        let Executor::Gpu(trains, gpu) = executor else { return Ok(None) };
        let decoder = GpuDecoder::sharing(gpu, trains, model, texts).await?;
        Ok(decoder.map(|decoder| Self::Gpu(Box::new(decoder), gpu.clone())))
    }

    /// The same on an open device, or on the CPU where there is none.
    ///
    /// # Errors
    /// As [`Self::beside`].
    pub(crate) async fn on(
        gpu: Option<Gpu>,
        model: &ModelConfig,
        parameters: &[f32],
        opening: &Opening,
    ) -> Result<Self> {
        match gpu {
            Some(gpu) => Self::on_gpu(gpu, model, parameters, opening.precision, opening.texts).await,
            None => Self::on_cpu(model, parameters, opening),
        }
    }

    async fn on_gpu(
        gpu: Gpu,
        model: &ModelConfig,
        parameters: &[f32],
        precision: Precision,
        texts: usize,
    ) -> Result<Self> {
        let f16s = reads_f16(&gpu, parameters, precision)?;
        let decoder = match GpuDecoder::new(&gpu, model, parameters, f16s, texts).await {
            // The copy in f16 lies beside the weights, and nobody asked for it.
            Err(Error::TooLarge { .. } | Error::OutOfMemory { .. })
                if f16s && precision == Precision::Auto =>
            {
                GpuDecoder::new(&gpu, model, parameters, false, texts).await?
            }
            decoder => decoder?,
        };
        Ok(Self::Gpu(Box::new(decoder), Box::new(gpu)))
    }

    fn on_cpu(model: &ModelConfig, parameters: &[f32], opening: &Opening) -> Result<Self> {
        let Opening { threads, precision, texts, .. } = *opening;
        if precision == Precision::Mixed {
            return Err(glasshouse_compiler::Error::writes_without_half("the CPU executor").into());
        }
        Ok(Self::Cpu(Box::new(CpuDecoder::of_texts(model, parameters, threads, texts)?)))
    }

    /// What it reads weights as.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Gpu(decoder, _) if decoder.reads_f16() => Precision::Mixed,
            Self::Cpu(_) | Self::Gpu(..) => Precision::F32,
        }
    }

    /// Whether its weights are the training executor's own, and need no [`Self::set_weights`].
    pub fn shares_weights(&self) -> bool {
        matches!(self, Self::Gpu(decoder, _) if decoder.shares_weights())
    }

    /// Where it writes.
    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::Cpu(decoder) => device::cpu(decoder.threads()),
            Self::Gpu(_, gpu) => gpu.describe(),
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

/// Whether a device is to read weights in 16-bit floats. A software adapter is not by itself: it is there for tests, and writes what
/// the CPU writes.
fn reads_f16(gpu: &Gpu, parameters: &[f32], precision: Precision) -> Result<bool> {
    let largest = f16::MAX.to_f32();
    let fit = || parameters.iter().all(|weight| weight.abs() <= largest);
    match precision {
        Precision::F32 => Ok(false),
        Precision::Auto => Ok(gpu.has_half() && !gpu.report().software && fit()),
        Precision::Mixed if !gpu.has_half() => {
            Err(glasshouse_compiler::Error::writes_without_half(&gpu.report().name).into())
        }
        Precision::Mixed if !fit() => Err(Error::Refused(format!(
            "a weight of this model is beyond {largest}, the largest 16-bit float; write in 32 bits"
        ))),
        Precision::Mixed => Ok(true),
    }
}
