//! A model that can be looked at: values of its forward pass, and their gradients, on either executor.

mod arena;
mod batches;
mod forward;
mod kept;
mod on_device;
mod part;
mod programs;
mod tensor;

pub(super) use forward::Forward;
pub(super) use programs::Values;
pub use tensor::Tensor;

use crate::cpu::{Weights, Workers};
use crate::device::DeviceDescription;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::{Heads, Type};
use crate::model::{Purpose, Site, build};
use crate::plan::arena::ArenaLayout;
use crate::plan::lower::Choices;
use crate::platform;
use crate::protocol::ModelConfig;
use part::{Gradients, Key};
use programs::{Given, Prepared};
use std::sync::Arc;

/// The shortest window: a prompt that grows by a token does not need another program each time.
const MIN_WINDOW: usize = 16;

/// Where a lens computes.
#[derive(Clone, Debug)]
enum LensDevice {
    Cpu(Arc<Workers>),
    Gpu(Box<Gpu>),
}

/// A model that can be looked at. It has the weights as they are, or with some of them changed ([`Lens::weights_mut`]).
#[derive(Debug)]
pub struct Lens {
    config: ModelConfig,
    kept: kept::Kept,
    place: LensDevice,
    weights: Weights,
    layout: ArenaLayout,
    names: Vec<(String, Type)>,
    /// Which entries each parameter has: no two that may differ have the same number.
    versions: Vec<u64>,
    /// The last number that was given.
    last_version: u64,
    prepared: Vec<Prepared>,
    /// Bytes that they may take.
    program_bytes: u64,
}

impl Lens {
    /// Over weights laid out as [`ArenaLayout`] says, on the CPU's threads, or one a core.
    ///
    /// # Errors
    /// Another number of weights than the model has.
    pub fn on_cpu(config: &ModelConfig, parameters: Vec<f32>, threads: Option<usize>) -> Result<Self> {
        Self::new(config, parameters, LensDevice::Cpu(Arc::new(Workers::new(threads)?)))
    }

    /// The same on a GPU.
    ///
    /// # Errors
    /// Another number of weights than the model has.
    pub fn on_gpu(config: &ModelConfig, parameters: Vec<f32>, gpu: Gpu) -> Result<Self> {
        Self::new(config, parameters, LensDevice::Gpu(Box::new(gpu)))
    }

    /// Over another model, on the same device.
    ///
    /// # Errors
    /// Another number of weights than the model has.
    pub(crate) fn beside(&self, config: &ModelConfig, parameters: Vec<f32>) -> Result<Self> {
        Self::new(config, parameters, self.place.clone())
    }

    /// The same with the kernels that were recorded of its device, where they were; else with those of its kind.
    pub(crate) fn pinned(self, recorded: Option<&DeviceDescription>) -> Self {
        let place = match self.place {
            LensDevice::Gpu(gpu) => LensDevice::Gpu(Box::new(pinned(&gpu, recorded))),
            LensDevice::Cpu(workers) => LensDevice::Cpu(workers),
        };
        Self { place, ..self }
    }

    /// Whether [`Self::pinned`] would leave it as it is.
    pub(crate) fn is_pinned(&self, recorded: Option<&DeviceDescription>) -> bool {
        match &self.place {
            LensDevice::Gpu(gpu) => gpu.variants() == pinned(gpu, recorded).variants(),
            LensDevice::Cpu(_) => true,
        }
    }

    /// Whether it has other kernels than devices of its kind have.
    pub(super) fn has_chosen_kernels(&self) -> bool {
        matches!(&self.place, LensDevice::Gpu(gpu) if !gpu.variants().is_empty())
    }

    fn new(config: &ModelConfig, parameters: Vec<f32>, place: LensDevice) -> Result<Self> {
        let graph = build(config, Purpose::Window { time: 1 })?.graph;
        let layout = ArenaLayout::of(&graph);
        if parameters.len() != layout.length {
            let (given, has) = (parameters.len(), layout.length);
            return Err(Error::Refused(format!("{given} weights given where the model has {has}")));
        }
        let names: Vec<_> = graph.parameters.into_iter().map(|own| (own.name, own.ty)).collect();
        let weights = Weights { parameters, ..Weights::default() };
        Ok(Self {
            config: config.clone(),
            kept: kept::Kept::default(),
            place,
            weights,
            layout,
            versions: vec![1; names.len()],
            last_version: 1,
            names,
            prepared: Vec::new(),
            program_bytes: platform::LENS_BYTES,
        })
    }

    /// The model's settings.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Sizes of its attention.
    pub fn heads(&self) -> Heads {
        let ModelConfig { heads, kv_heads, head_size, .. } = self.config;
        Heads { heads, kv_heads, head_size }
    }

    /// The device's name.
    pub fn device(&self) -> &str {
        match &self.place {
            LensDevice::Cpu(_) => "cpu",
            LensDevice::Gpu(gpu) => &gpu.report().name,
        }
    }

    /// Whether the CPU computes.
    pub fn is_on_cpu(&self) -> bool {
        matches!(self.place, LensDevice::Cpu(_))
    }

    /// The values at some sites for a text of at most a context's tokens: [T, …] each, T being the text's.
    ///
    /// # Errors
    /// No tokens, too many, or one beyond the vocabulary; a site that the model lacks; a device that fails.
    pub async fn probe(&mut self, tokens: &[u32], sites: &[Site]) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key::of_sites(1, time, sites);
        let found = self.run(key, Given { tokens, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// The values at some sites behind another whose values are given, [B, T, …] each: `from` is [B, T, …], too. So a layer's stream
    /// is read by the head as if it were the last one, or a prompt continues another's.
    ///
    /// # Errors
    /// Values of another size; a site that the model lacks or that does not lie behind; a device that fails.
    pub async fn probe_from(&mut self, from: Site, values: &Tensor, sites: &[Site]) -> Result<Vec<Tensor>> {
        let (key, padded) = self.going_on(from, values, sites)?;
        let (time, length) = (key.time, values.shape.get(1).copied().unwrap_or_default());
        let found = self.run(key, Given { from: Some(padded), ..Given::default() }).await?;
        let cut = |tensor: Tensor| {
            let columns = tensor.columns();
            let rows = tensor.data.chunks_exact(time * columns);
            let data = rows.flat_map(|row| row[..length * columns].iter().copied()).collect();
            Tensor::new(&[values.shape[0], length, columns], data)
        };
        Ok(found.into_iter().map(cut).collect())
    }

    /// The same of a single text and site, where it lies: [T, …], and rows of what is no text behind it.
    ///
    /// # Errors
    /// As [`Self::probe_from`].
    pub(super) async fn read_from(&mut self, from: Site, values: &Tensor, site: Site) -> Result<Values<'_>> {
        let (key, padded) = self.going_on(from, values, &[site])?;
        self.read(key, Given { from: Some(padded), ..Given::default() }).await
    }

    /// The part from a site's values [B, T, …] on, and these with zeros behind each text.
    fn going_on(&self, from: Site, values: &Tensor, sites: &[Site]) -> Result<(Key, Vec<f32>)> {
        let &[batch, length, columns] = values.shape.as_slice() else {
            return Err(Error::Internal("values are given as [B, T, columns]".to_owned()));
        };
        if length == 0 || length > self.config.context_length || values.data.len() != batch * length * columns
        {
            return Err(Error::Internal(format!("values of {:?} are no part of a window", values.shape)));
        }
        let time = self.window(length);
        let mut padded = vec![0.0; batch * time * columns];
        for (row, own) in
            padded.chunks_exact_mut(time * columns).zip(values.data.chunks_exact(length * columns))
        {
            row[..own.len()].copy_from_slice(own);
        }
        Ok((Key { from: Some(from), ..Key::of_sites(batch, time, sites) }, padded))
    }

    /// The gradient of Σ logits·seed with respect to the values at some sites, [T, …] each; `seed` is [T, V].
    ///
    /// # Errors
    /// As [`Self::probe`]; a seed of another size.
    pub async fn gradients(&mut self, tokens: &[u32], seed: &Tensor, sites: &[Site]) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::Sites, ..Key::of_sites(1, time, sites) };
        let seed = Some(self.padded(seed, time)?);
        let found = self.run(key, Given { tokens, seed, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// The gradient of Σ logits·seed with respect to whatever nodes make on the way to the logits ([`Values::of`]), [T, …] with rows of what
    /// is no text behind them, and to every parameter, in their order; `seed` is [T, V].
    ///
    /// # Errors
    /// As [`Self::gradients`].
    pub(super) async fn all_gradients(&mut self, tokens: &[u32], seed: &Tensor) -> Result<Values<'_>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::All, ..Key::of_sites(1, time, &[]) };
        let seed = Some(self.padded(seed, time)?);
        self.read(key, Given { tokens, seed, ..Given::default() }).await
    }

    /// The gradient of the mean cross-entropy of a text's tokens, each given those before it, with respect to every parameter, in their
    /// order.
    ///
    /// # Errors
    /// As [`Self::probe`].
    pub(super) async fn loss_gradients(&mut self, tokens: &[u32]) -> Result<Values<'_>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::OfLoss, ..Key::of_sites(1, time, &[]) };
        let targets = tokens.get(1..).unwrap_or_default();
        self.read(key, Given { tokens, targets, ..Given::default() }).await
    }

    /// A seed, with zeros behind the text.
    fn padded(&self, seed: &Tensor, time: usize) -> Result<Vec<f32>> {
        let outputs = self.config.outputs();
        if seed.columns() != outputs || seed.data.len() > time * outputs {
            return Err(Error::Internal(format!("a seed of {:?} for logits of {outputs}", seed.shape)));
        }
        let mut padded = seed.data.clone();
        padded.resize(time * outputs, 0.0);
        Ok(padded)
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        let (context, vocabulary) = (self.config.context_length, self.config.vocabulary);
        if tokens.is_empty() {
            return Err(Error::Refused("the prompt is empty; give one".to_owned()));
        }
        if tokens.len() > context {
            let count = tokens.len();
            return Err(Error::Refused(format!("{count} tokens do not fit the context of {context}")));
        }
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            Some(token) => {
                Err(Error::Refused(format!("token {token} is beyond the vocabulary of {vocabulary}")))
            }
            None => Ok(()),
        }
    }

    /// The window that a text of so many tokens is read in. What stands behind the text is not seen by it.
    fn window(&self, tokens: usize) -> usize {
        tokens.next_power_of_two().max(MIN_WINDOW).min(self.config.context_length)
    }
}

/// A device with the kernels that were recorded of it.
fn pinned(gpu: &Gpu, recorded: Option<&DeviceDescription>) -> Gpu {
    recorded.map_or_else(|| gpu.with_choices(&Choices::default()), |device| gpu.pinned(device))
}

/// The rows of a text in a window's values, without the window's axis of one text.
fn of_text(tensor: Tensor, time: usize, tokens: usize) -> Tensor {
    let columns = tensor.data.len() / time;
    let mut data = tensor.data;
    data.truncate(tokens * columns);
    Tensor { shape: vec![tokens, columns], data }
}
