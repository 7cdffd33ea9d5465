//! Opening a decoder, with the same devices as for training.

use super::Decoder;
use glasshouse_compiler::model::{Purpose, build};
use glasshouse_executors::cpu::CpuDecoder;
use glasshouse_executors::device::{self, DeviceDescription};
use glasshouse_executors::executor::{Executor, tuned_or_again};
use glasshouse_executors::gpu::{Gpu, GpuDecoder, Tuning};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Hint, ModelConfig, Precision};
use half::f16;

#[derive(Clone, Debug)]
pub struct Opening {
    /// CPU threads; `None` uses every core.
    pub threads: Option<usize>,
    /// Precision of the weights on a device.
    pub precision: Precision,
    /// Kernel selection for a real GPU. A software adapter keeps its default kernels, since timing takes seconds there.
    pub tuning: Tuning,
    /// Maximum number of concurrent texts, at least 1. Each has its own caches; all share a pass over the weights.
    pub texts: usize,
}

impl Default for Opening {
    /// Every core, automatic precision, default kernels and one text.
    fn default() -> Self {
        Self { threads: None, precision: Precision::Auto, tuning: Tuning::Default, texts: 1 }
    }
}

impl Decoder {
    /// Opens a device (`auto`, `cpu`, `gpu`, or part of an adapter's name, as in [`Executor::open`]) and loads the
    /// weights, laid out like the arena. Also returns a warning if the device is a fallback.
    ///
    /// # Errors
    /// There is no such device, it cannot hold the model, or it lacks the requested precision.
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
        let (gpu, _, lost) = tuned_or_again(gpu, device, &token, tuning).await?;
        let decoder = Self::on_gpu(gpu, model, parameters, opening.precision, texts).await?;
        Ok((decoder, lost.or(warning)))
    }

    /// Creates a decoder for `texts` concurrent texts on the device of a training executor, for samples during a run.
    ///
    /// # Errors
    /// The device cannot hold the model next to the run, or lacks the requested precision.
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

    /// Creates a decoder that shares the training executor's weights without copying, so that it follows the training.
    /// `None` on the CPU, or if the device stores the training weights in another order.
    pub async fn sharing(executor: &Executor, model: &ModelConfig, texts: usize) -> Result<Option<Self>> {
        let Executor::Gpu(trains, gpu) = executor else { return Ok(None) };
        let decoder = GpuDecoder::sharing(gpu, trains, model, texts).await?;
        Ok(decoder.map(|decoder| Self::Gpu(Box::new(decoder), gpu.clone())))
    }

    /// Creates a decoder on an open device, or on the CPU if `None`.
    pub async fn on(
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
            // The additional f16 copy does not fit, and was not requested explicitly.
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
        Ok(Self::Cpu(Box::new(CpuDecoder::with_texts(model, parameters, threads, texts)?)))
    }

    pub fn precision(&self) -> Precision {
        match self {
            Self::Gpu(decoder, _) if decoder.reads_f16() => Precision::Mixed,
            Self::Cpu(_) | Self::Gpu(..) => Precision::F32,
        }
    }

    /// Whether it shares the training executor's weights, so that [`Self::set_weights`] is not needed.
    pub fn shares_weights(&self) -> bool {
        matches!(self, Self::Gpu(decoder, _) if decoder.shares_weights())
    }

    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::Cpu(decoder) => device::cpu(decoder.threads()),
            Self::Gpu(_, gpu) => gpu.describe(),
        }
    }

    /// Bytes held for weights, caches, activations and tables.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cpu(decoder) => decoder.bytes(),
            Self::Gpu(decoder, _) => decoder.bytes(),
        }
    }

    pub fn device_name(&self) -> &str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Gpu(_, gpu) => &gpu.report().name,
        }
    }
}

/// Whether a device reads 16-bit weights. A software adapter does so only on request: it is used in tests, and should
/// generate the same text as the CPU.
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
            "a weight of this model exceeds {largest}, the largest 16-bit float; write in 32 bits"
        ))
        .hint(Hint::F32)),
        Precision::Mixed => Ok(true),
    }
}
