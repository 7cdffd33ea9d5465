//! Generation on a device. The host uploads a prompt and random numbers, replays whole tokens (feed, model, sampler), and reads
//! what was written in batches; logits never leave the device.

use super::Gpu;
use super::program::Program;
use super::replay::{Pacing, Recorder, Unit};
use super::run::halves;
use super::storage::Storage;
use crate::error::{Error, Result};
use crate::graph::Input;
use crate::plan::decode::{DecodeBuffer, DecodePlans, DecodeState, MOST_AT_ONCE, SampleSettings};
use crate::plan::estimate::work;
use crate::plan::{Buffer, Plan};
use crate::sampler::{self, Sampling};
use glasshouse_protocol::{GenerateConfig, ModelConfig};
use std::mem::offset_of;
use web_time::Instant;

/// A model that writes, on a device.
#[derive(Debug)]
pub struct GpuDecoder {
    gpu: Gpu,
    storage: Storage,
    prompt: Mode,
    step: Mode,
    window: Mode,
    /// What the host maps to read the tokens.
    staging: wgpu::Buffer,
    chunk: usize,
    context_length: usize,
    vocabulary: usize,
    half_weights: bool,
    /// What is being written; `None` before a start and after an error.
    text: Option<Text>,
}

/// One of the plans, ready.
#[derive(Debug)]
struct Mode {
    read: Program,
    sample: Program,
    pacing: Pacing,
}

/// Where a text stands.
#[derive(Debug)]
struct Text {
    seed: u64,
    /// Tokens in the history.
    length: usize,
    /// The model has read the prompt.
    begun: bool,
    /// Tokens drawn so far.
    drawn: u64,
}

impl GpuDecoder {
    /// Allocates caches and buffers, builds the pipelines and uploads the weights: the parameter arena as
    /// [`crate::plan::arena::ArenaLayout`] lays it out. With `half_weights` a token's matrix products read a copy of them in 16-bit
    /// floats, which is kept beside: reading weights is nearly all that writing token by token takes.
    ///
    /// [`Error::TooLarge`] where the device cannot hold or bind what the model needs.
    pub async fn new(gpu: &Gpu, model: &ModelConfig, parameters: &[f32], half_weights: bool) -> Result<Self> {
        if half_weights && !gpu.has_half() {
            return Err(glasshouse_compiler::Error::without_half(&gpu.report().name, "write").into());
        }
        let plans = DecodePlans::new(model, &gpu.target().with_half_weights(half_weights))?;
        let needed = plans.step.arena.length;
        if parameters.len() != needed {
            return Err(Error::Refused(format!(
                "{} weights given where the model has {needed}",
                parameters.len()
            )));
        }
        let storage = Storage::create(gpu, &plans.allocations(model), &plans.all(), &[]).await?;
        storage.write_arena(gpu, Buffer::Parameters, bytemuck::cast_slice(parameters)).await?;
        // There is no copy where no product of the model is of sizes that halves come in.
        if storage.pieces(Buffer::HalfParameters).next().is_some() {
            storage.write_arena(gpu, Buffer::HalfParameters, &halves(parameters)).await?;
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self {
            prompt: Mode::new(gpu, &plans.prompt, &storage, 0).await?,
            step: Mode::new(gpu, &plans.step, &storage, 1).await?,
            window: Mode::new(gpu, &plans.window, &storage, 2).await?,
            staging: gpu.buffer("tokens read back", MOST_AT_ONCE as u64 * 4, usage).await?,
            gpu: gpu.clone(),
            storage,
            chunk: plans.chunk,
            context_length: model.context_length,
            vocabulary: model.vocabulary,
            half_weights,
            text: None,
        })
    }

    /// Begins a text after `prompt`, of which the last `context` tokens are kept. An empty prompt is refused.
    pub async fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        self.text = None;
        config.validate()?;
        let prompt = sampler::checked_prompt(prompt, self.context_length, self.vocabulary)?;
        let state = DecodeState { length: prompt.len() as u32, drawn: 0 };
        let settings = SampleSettings::from(&Sampling::of(config));
        let writes: [(Buffer, &[u8]); 4] = [
            (Buffer::Decode(DecodeBuffer::History), bytemuck::cast_slice(prompt)),
            (Buffer::Decode(DecodeBuffer::State), bytemuck::bytes_of(&state)),
            (Buffer::Decode(DecodeBuffer::Settings), bytemuck::bytes_of(&settings)),
            // The caches hold nothing of this text.
            (Buffer::Input(Input::Cursor), bytemuck::bytes_of(&[0u32; 2])),
        ];
        for (buffer, bytes) in writes {
            self.gpu.write(self.storage.get(0, buffer)?, 0, bytes).await?;
        }
        self.text = Some(Text { seed: config.seed, length: prompt.len(), begun: false, drawn: 0 });
        Ok(())
    }

    /// Exactly `count` further tokens. After an error the text must be started again.
    pub async fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        let mut written = Vec::with_capacity(count);
        while written.len() < count {
            let more = self.group(count - written.len()).await?;
            written.extend(more);
        }
        Ok(written)
    }

    /// While a window or tab is visible, submissions are kept shorter than a frame.
    pub fn set_interactive(&mut self, interactive: bool) {
        for mode in [&mut self.prompt, &mut self.step, &mut self.window] {
            mode.pacing.interactive = interactive;
        }
    }

    /// Whether a token's products read weights in 16-bit floats.
    pub fn reads_halves(&self) -> bool {
        self.half_weights
    }

    /// Bytes of all buffers that were created.
    pub fn bytes(&self) -> u64 {
        self.storage.bytes() + self.staging.size()
    }

    /// Up to `wanted` tokens, all of one kind: the first one with the prompt before it, those that the caches hold, or those
    /// past the context length.
    async fn group(&mut self, wanted: usize) -> Result<Vec<u32>> {
        let missing = || Error::Refused("no text has been started".to_owned());
        let mut text = self.text.take().ok_or_else(missing)?;
        let (mode, count, chunks) = if !text.begun {
            (&mut self.prompt, 1, text.length.div_ceil(self.chunk))
        } else if text.length <= self.context_length {
            (&mut self.step, wanted.min(MOST_AT_ONCE).min(self.context_length + 1 - text.length), 1)
        } else {
            (&mut self.window, wanted.min(MOST_AT_ONCE), 1)
        };
        let draws: Vec<f32> = (0..count as u64).map(|n| sampler::draw(text.seed, text.drawn + n)).collect();
        let own = |buffer| self.storage.get(0, Buffer::Decode(buffer));
        let drawn_at = offset_of!(DecodeState, drawn) as u64;
        self.gpu.write(own(DecodeBuffer::Draws)?, 0, bytemuck::cast_slice(&draws)).await?;
        self.gpu.write(own(DecodeBuffer::State)?, drawn_at, bytemuck::bytes_of(&0u32)).await?;

        let begun = Instant::now();
        let mut recorder = Recorder::new(&self.gpu, mode.pacing.cut(), None);
        for _ in 1..chunks {
            recorder.record(Unit { clear: &[], programs: &[&mode.read] }).await?;
        }
        for _ in 0..count {
            recorder.record(Unit { clear: &[], programs: &[&mode.read, &mode.sample] }).await?;
        }
        let bytes = count as u64 * 4;
        let (submission, _) = recorder.finish(own(DecodeBuffer::Written)?, &self.staging, bytes);
        let reading = self.gpu.begin_read(&self.staging, bytes, submission);
        let written: Vec<u32> = bytemuck::pod_collect_to_vec(&self.gpu.end_read(reading).await?);
        mode.pacing.observe(begun.elapsed().as_secs_f64(), chunks - 1 + count);
        text.length += count;
        text.drawn += count as u64;
        text.begun = true;
        self.text = Some(text);
        Ok(written)
    }
}

impl Mode {
    async fn new(gpu: &Gpu, plan: &Plan, storage: &Storage, at: usize) -> Result<Self> {
        storage.fill_constants(gpu, at, plan).await?;
        let sampler = plan.dispatches.len() - 1;
        let (read, sample) = plan.dispatches.split_at(sampler);
        Ok(Self {
            read: Program::new(gpu, read, storage, at, 0).await?,
            sample: Program::new(gpu, sample, storage, at, sampler).await?,
            pacing: Pacing::of(work(&plan.graph)),
        })
    }
}
