//! A model prepared for inspection: values of its forward pass, and their gradients, on either executor.

mod arena;
mod batches;
mod forward;
pub(super) mod kept;
mod on_device;
mod part;
mod programs;
mod tensor;

pub(super) use forward::Forward;
pub(super) use programs::Values;
pub use tensor::Tensor;

use glasshouse_compiler::graph::{Heads, Type};
use glasshouse_compiler::model::{HookPoint, Purpose, build};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::lower::Choices;
use glasshouse_executors::cpu::{Weights, Workers};
use glasshouse_executors::device::DeviceDescription;
use glasshouse_executors::gpu::Gpu;
use glasshouse_generation::{Decoder, Opening};
use glasshouse_platform::{Error, Result, refuse};
use glasshouse_protocol::{ModelConfig, WeightFormat};
use kept::Kept;
use part::{Gradients, Key};
use programs::{Given, Prepared};
use std::sync::Arc;

/// Minimum window, so that a prompt that grows by a token does not need another program each time.
const MIN_WINDOW: usize = 16;

#[derive(Clone, Debug)]
enum LensDevice {
    Cpu(Arc<Workers>),
    Gpu(Box<Gpu>),
}

/// A model prepared for inspection, with its original or modified weights ([`Lens::weights_mut`]).
#[derive(Debug)]
pub struct Lens {
    config: ModelConfig,
    pub(super) kept: Kept,
    place: LensDevice,
    weights: Weights,
    layout: ArenaLayout,
    names: Vec<(String, Type)>,
    /// Version of each parameter's entries; parameters that may differ never share a version.
    pub(super) versions: Vec<u64>,
    last_version: u64,
    prepared: Vec<Prepared>,
    /// Maximum bytes of `prepared`.
    program_bytes: u64,
}

impl Lens {
    /// A lens on the CPU, over weights in [`ArenaLayout`] order. `threads` defaults to one per core.
    pub fn on_cpu(config: &ModelConfig, parameters: Vec<f32>, threads: Option<usize>) -> Result<Self> {
        Self::new(config, parameters, LensDevice::Cpu(Arc::new(Workers::new(threads)?)))
    }

    /// Like [`Self::on_cpu`], on a GPU.
    pub fn on_gpu(config: &ModelConfig, parameters: Vec<f32>, gpu: Gpu) -> Result<Self> {
        Self::new(config, parameters, LensDevice::Gpu(Box::new(gpu)))
    }

    /// A lens over another model, on the same device.
    pub fn beside(&self, config: &ModelConfig, parameters: Vec<f32>) -> Result<Self> {
        Self::new(config, parameters, self.place.clone())
    }

    /// Selects the kernels recorded for this device, or the default kernels if there is no record.
    pub fn pinned(self, recorded: Option<&DeviceDescription>) -> Self {
        let place = match self.place {
            LensDevice::Gpu(gpu) => LensDevice::Gpu(Box::new(pinned(&gpu, recorded))),
            LensDevice::Cpu(workers) => LensDevice::Cpu(workers),
        };
        Self { place, ..self }
    }

    /// Whether [`Self::pinned`] would change nothing.
    pub fn is_pinned(&self, recorded: Option<&DeviceDescription>) -> bool {
        match &self.place {
            LensDevice::Gpu(gpu) => gpu.variants() == pinned(gpu, recorded).variants(),
            LensDevice::Cpu(_) => true,
        }
    }

    /// Whether its kernels differ from the default ones.
    pub(super) fn has_chosen_kernels(&self) -> bool {
        matches!(&self.place, LensDevice::Gpu(gpu) if !gpu.variants().is_empty())
    }

    fn new(config: &ModelConfig, parameters: Vec<f32>, place: LensDevice) -> Result<Self> {
        let graph = build(config, Purpose::Window { time: 1 })?.graph;
        let layout = ArenaLayout::new(&graph);
        layout.check_count(&parameters)?;
        let names: Vec<_> = graph.parameters.into_iter().map(|own| (own.name, own.ty)).collect();
        let weights = Weights { parameters: Arc::new(parameters), ..Weights::default() };
        Ok(Self {
            config: config.clone(),
            kept: Kept::default(),
            place,
            weights,
            layout,
            versions: vec![1; names.len()],
            last_version: 1,
            names,
            prepared: Vec::new(),
            program_bytes: glasshouse_platform::LENS_BYTES,
        })
    }

    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub fn heads(&self) -> Heads {
        let ModelConfig { heads, kv_heads, head_size, .. } = self.config;
        Heads { heads, kv_heads, head_size }
    }

    /// A decoder with the current weights, on the same device.
    pub(super) async fn decoder(&self) -> Result<Decoder> {
        let gpu = match &self.place {
            LensDevice::Cpu(_) => None,
            LensDevice::Gpu(gpu) => Some((**gpu).clone()),
        };
        let opening = Opening { weights: Some(WeightFormat::F32), ..Opening::default() };
        Decoder::on(gpu, &self.config, &self.weights.parameters, &opening).await
    }

    pub fn device(&self) -> &str {
        match &self.place {
            LensDevice::Cpu(_) => "cpu",
            LensDevice::Gpu(gpu) => &gpu.report().name,
        }
    }

    pub fn is_on_cpu(&self) -> bool {
        matches!(self.place, LensDevice::Cpu(_))
    }

    /// Values at the given sites for a text of at most the context length: shape [T, …] each, with T tokens. Fails if `tokens` is empty,
    /// too long or has an id outside the vocabulary; the model lacks a site; the device fails.
    pub async fn probe(&mut self, tokens: &[u32], sites: &[HookPoint]) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key::from_sites(1, time, sites);
        let found = self.run(key, Given { tokens, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// Values at the given sites, computed from given values at an earlier site `from`: shape [B, T, …] in and out. For example, the head
    /// can read a layer's residual stream as if it were the last one, or a prompt can continue another's. Fails if the values have another
    /// size; the model lacks a site, or it does not come after `from`; the device fails.
    pub async fn probe_from(
        &mut self,
        from: HookPoint,
        values: &Tensor,
        sites: &[HookPoint],
    ) -> Result<Vec<Tensor>> {
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

    /// Like [`Self::probe_from`] for a single text and site, without copying from the device: shape [T, …], followed by padding rows.
    pub(super) async fn read_from(
        &mut self,
        from: HookPoint,
        values: &Tensor,
        site: HookPoint,
    ) -> Result<Values<'_>> {
        let (key, padded) = self.going_on(from, values, &[site])?;
        self.read(key, Given { from: Some(padded), ..Given::default() }).await
    }

    /// The program that continues from a site's values [B, T, …], and those values zero-padded to the window.
    fn going_on(&self, from: HookPoint, values: &Tensor, sites: &[HookPoint]) -> Result<(Key, Vec<f32>)> {
        let &[batch, length, columns] = values.shape.as_slice() else {
            return Err(Error::Internal("values are given as [B, T, columns]".to_owned()));
        };
        if length == 0 || length > self.config.context_length || values.data.len() != batch * length * columns
        {
            return Err(Error::Internal(format!("values of {:?} are not part of a window", values.shape)));
        }
        let time = self.window(length);
        let mut padded = vec![0.0; batch * time * columns];
        for (row, own) in
            padded.chunks_exact_mut(time * columns).zip(values.data.chunks_exact(length * columns))
        {
            row[..own.len()].copy_from_slice(own);
        }
        Ok((Key { from: Some(from), ..Key::from_sites(batch, time, sites) }, padded))
    }

    /// Gradient of Σ logits·seed with respect to the values at the given sites, shape [T, …] each; `seed` is [T, V]. Fails as
    /// [`Self::probe`] does, or if `seed` has another size.
    pub async fn gradients(
        &mut self,
        tokens: &[u32],
        seed: &Tensor,
        sites: &[HookPoint],
    ) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::HookPoints, ..Key::from_sites(1, time, sites) };
        let seed = Some(self.padded(seed, time)?);
        let found = self.run(key, Given { tokens, seed, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// Gradient of Σ logits·seed with respect to every node's output on the path to the logits ([`Values::of`]; shape [T, …]
    /// followed by padding rows) and to every parameter, in order; `seed` is [T, V].
    pub(super) async fn all_gradients(&mut self, tokens: &[u32], seed: &Tensor) -> Result<Values<'_>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::All, ..Key::from_sites(1, time, &[]) };
        let seed = Some(self.padded(seed, time)?);
        self.read(key, Given { tokens, seed, ..Given::default() }).await
    }

    /// Gradient of the mean next-token cross-entropy of a text with respect to every parameter, in order.
    pub(super) async fn loss_gradients(&mut self, tokens: &[u32]) -> Result<Values<'_>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::OfLoss, ..Key::from_sites(1, time, &[]) };
        let targets = tokens.get(1..).unwrap_or_default();
        self.read(key, Given { tokens, targets, ..Given::default() }).await
    }

    /// Zero-pads a seed to the window.
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
            refuse!("the prompt is empty; give one");
        }
        if tokens.len() > context {
            let count = tokens.len();
            refuse!("{count} tokens do not fit the context of {context}");
        }
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            Some(token) => {
                Err(Error::Refused(format!("token {token} is beyond the vocabulary of {vocabulary}")))
            }
            None => Ok(()),
        }
    }

    /// The window for a text of `tokens` tokens. Causality hides the padding after the text.
    fn window(&self, tokens: usize) -> usize {
        tokens.next_power_of_two().max(MIN_WINDOW).min(self.config.context_length)
    }
}

/// The GPU with the kernels recorded for it, or the default kernels.
fn pinned(gpu: &Gpu, recorded: Option<&DeviceDescription>) -> Gpu {
    recorded.map_or_else(|| gpu.with_choices(&Choices::default()), |device| gpu.pinned(device))
}

/// Cuts a window's values to the rows of its single text, and drops the batch axis.
fn of_text(tensor: Tensor, time: usize, tokens: usize) -> Tensor {
    let columns = tensor.data.len() / time;
    let mut data = tensor.data;
    data.truncate(tokens * columns);
    Tensor { shape: vec![tokens, columns], data }
}
