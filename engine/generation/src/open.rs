//! Opening a decoder, with the same devices as for training.

use super::Decoder;
use glasshouse_compiler::model::{Purpose, build};
use glasshouse_executors::cpu::CpuDecoder;
use glasshouse_executors::device::{self, DeviceDescription};
use glasshouse_executors::executor::{Executor, tuned_or_again};
use glasshouse_executors::gpu::{Gpu, GpuDecoder, Tuning};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Hint, ModelConfig, TrainConfig, WeightFormat};

#[derive(Clone, Debug)]
pub struct Opening {
    /// CPU threads; `None` uses every core.
    pub threads: Option<usize>,
    /// Storage format of the matrices; `None` is [`Self::stored`] if the device has it, or else f16 on a GPU that has 16-bit floats
    /// and is no software adapter, or else f32.
    pub weights: Option<WeightFormat>,
    /// The format that the weights were rounded to, if any.
    pub stored: WeightFormat,
    /// Kernel selection for a real GPU. A software adapter keeps its default kernels, since timing takes seconds there.
    pub tuning: Tuning,
    /// Maximum number of concurrent texts, at least 1. Each has its own caches; all share a pass over the weights.
    pub texts: usize,
}

impl Default for Opening {
    /// Every core, automatic format, default kernels and one text.
    fn default() -> Self {
        let (stored, tuning) = (WeightFormat::F32, Tuning::Default);
        Self { threads: None, weights: None, stored, tuning, texts: 1 }
    }
}

impl Decoder {
    /// Opens a device (`auto`, `cpu`, `gpu`, or part of an adapter's name, as in [`Executor::open`]) and loads the
    /// weights, laid out like the arena. Also returns a warning if the device is a fallback.
    ///
    /// # Errors
    /// There is no such device, it cannot hold the model, or it lacks the requested format.
    pub async fn open(
        device: &str,
        model: &ModelConfig,
        parameters: &[f32],
        opening: &Opening,
    ) -> Result<(Self, Option<String>)> {
        let (gpu, warning) = Gpu::from_request(device).await?;
        let Some(gpu) = gpu else {
            return Ok((Self::on_cpu(model, parameters, opening)?, warning));
        };
        let (decoder, lost) = Self::tuned(gpu, device, model, parameters, opening).await?;
        Ok((decoder, lost.or(warning)))
    }

    /// Creates a decoder on a GPU, opened by this request, with kernels selected for it. Also returns a warning if the GPU was lost meanwhile
    /// and another one opened.
    pub async fn tuned(
        gpu: Gpu,
        device: &str,
        model: &ModelConfig,
        parameters: &[f32],
        opening: &Opening,
    ) -> Result<(Self, Option<String>)> {
        let texts = opening.texts;
        if texts == 0 {
            return Err(Error::Refused("batch size must be at least 1".to_owned()));
        }
        let tuning = if gpu.report().software { &Tuning::Default } else { &opening.tuning };
        let token =
            build(model, Purpose::Decode { batch: texts, chunk: 1, texts, weights: WeightFormat::F32 })?
                .graph;
        let (gpu, _, lost) = tuned_or_again(gpu, device, &token, tuning).await?;
        Ok((Self::on_gpu(gpu, model, parameters, opening).await?, lost))
    }

    /// Creates a decoder for `texts` concurrent texts on the device of a training executor, for samples during a run.
    ///
    /// # Errors
    /// The device cannot hold the model next to the run, or lacks the requested format.
    pub async fn beside(
        executor: &Executor,
        model: &ModelConfig,
        parameters: &[f32],
        weights: Option<WeightFormat>,
        texts: usize,
    ) -> Result<Self> {
        let opening = Opening { threads: executor.describe().threads, weights, texts, ..Opening::default() };
        Self::on(executor.gpu().cloned(), model, parameters, &opening).await
    }

    /// Creates a decoder that shares the training executor's weights without copying: on a GPU it follows the training, on the CPU it
    /// [keeps the present ones](Self::is_snapshot). `None` if the device stores the training weights in another order.
    pub async fn sharing(
        executor: &Executor,
        model: &ModelConfig,
        train: &TrainConfig,
        texts: usize,
    ) -> Result<Option<Self>> {
        match executor {
            Executor::Gpu(trains, gpu) if train.adapter.is_none() => {
                let decoder = GpuDecoder::sharing(gpu, trains, model, texts).await?;
                Ok(decoder.map(|decoder| Self::Gpu(Box::new(decoder), gpu.clone())))
            }
            Executor::Cpu(trains) => {
                let decoder = CpuDecoder::sharing(trains, model, train, texts)?;
                Ok(decoder.map(|decoder| Self::Cpu(Box::new(decoder))))
            }
            Executor::Gpu(..) | Executor::Oracle(_) => Ok(None),
        }
    }

    /// Creates a decoder on an open device, or on the CPU if `None`.
    pub async fn on(
        gpu: Option<Gpu>,
        model: &ModelConfig,
        parameters: &[f32],
        opening: &Opening,
    ) -> Result<Self> {
        match gpu {
            Some(gpu) => Self::on_gpu(gpu, model, parameters, opening).await,
            None => Self::on_cpu(model, parameters, opening),
        }
    }

    async fn on_gpu(gpu: Gpu, model: &ModelConfig, parameters: &[f32], opening: &Opening) -> Result<Self> {
        let format = format_on(&gpu, parameters, opening)?;
        let decoder = GpuDecoder::new(&gpu, model, parameters, format, opening.texts).await?;
        Ok(Self::Gpu(Box::new(decoder), Box::new(gpu)))
    }

    fn on_cpu(model: &ModelConfig, parameters: &[f32], opening: &Opening) -> Result<Self> {
        let Opening { threads, weights, stored, texts, .. } = *opening;
        let format = match weights.unwrap_or(stored) {
            // A file's blocks are not made of floats.
            WeightFormat::Gguf => WeightFormat::F32,
            format => format,
        };
        check(parameters, format)?;
        let decoder = CpuDecoder::with_texts(model, parameters, format, threads, texts)?;
        Ok(Self::Cpu(Box::new(decoder)))
    }

    /// Storage format of the matrices.
    pub fn weights(&self) -> WeightFormat {
        match self {
            Self::Gpu(decoder, _) => decoder.weights(),
            Self::Cpu(decoder) => decoder.weights(),
        }
    }

    /// Whether it shares the weights that a training executor had at its creation. It must be dropped before training continues, which would
    /// copy them.
    pub fn is_snapshot(&self) -> bool {
        matches!(self, Self::Cpu(decoder) if decoder.is_snapshot())
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

/// The format in which a device stores matrices. A software adapter uses 32 bits unless asked otherwise: it is used in tests, and should
/// generate the same text as the CPU.
fn format_on(gpu: &Gpu, parameters: &[f32], opening: &Opening) -> Result<WeightFormat> {
    let Opening { weights, stored, .. } = *opening;
    match (weights, stored) {
        (Some(format), _) if format != WeightFormat::Gguf => check(parameters, format).map(|()| format),
        (None, own) if own.is_quantised() => Ok(own),
        (None, WeightFormat::F16) if gpu.has_half() => Ok(stored),
        _ if !gpu.has_half() || gpu.report().software => Ok(WeightFormat::F32),
        _ if check(parameters, WeightFormat::F16).is_ok() => Ok(WeightFormat::F16),
        _ => Ok(WeightFormat::F32),
    }
}

/// Refuses weights that the format cannot hold.
pub fn check(parameters: &[f32], format: WeightFormat) -> Result<()> {
    let largest = format.largest();
    if format == WeightFormat::F32 {
        return Ok(());
    }
    // Also false for NaN.
    if parameters.iter().all(|weight| weight.abs() <= largest) {
        return Ok(());
    }
    let name = format.name();
    Err(Error::Refused(format!("a weight of this model exceeds {largest}, the maximum of {name}; use f32"))
        .hint(Hint::WeightsF32))
}
