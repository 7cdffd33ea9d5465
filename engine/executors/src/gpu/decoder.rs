//! Generation of several texts at once on a GPU. The host uploads prompts and random numbers, replays whole tokens (feed, model,
//! sampler), and reads back tokens in batches; logits never leave the device. Unused rows of the plan are idle.

use super::program::Program;
use super::replay::{Pacing, Recorder, Unit};
use super::storage::Storage;
use super::{Gpu, GpuExecutor};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::decode::{
    DecodeBuffer, DecodePlans, DecodeState, MAX_DRAWS, SampleSettings, capacity, kept,
};
use glasshouse_compiler::plan::estimate::work;
use glasshouse_compiler::plan::{Buffer, Plan};
use glasshouse_compiler::sampler::{self, Sampling};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{GenerateConfig, Hint, ModelConfig, WeightFormat};
use web_time::Instant;

#[derive(Debug)]
pub struct GpuDecoder {
    gpu: Gpu,
    storage: Storage,
    prompt: Mode,
    step: Mode,
    /// Staging buffer for reading tokens.
    staging: wgpu::Buffer,
    chunk: usize,
    context_length: usize,
    vocabulary: usize,
    weights: WeightFormat,
    /// Layouts of the weights on the device, and as they are given.
    layouts: [ArenaLayout; 2],
    shares_weights: bool,
    /// Texts in the order of the caches; all `None` before a start and after an error.
    texts: Vec<Option<DecodedText>>,
}

#[derive(Debug)]
struct Mode {
    read: Program,
    sample: Program,
    pacing: Pacing,
}

#[derive(Debug)]
struct DecodedText {
    sampling: Sampling,
    seed: u64,
    /// Tokens not drawn before `min_tokens` are reached.
    masked: Vec<u32>,
    min_tokens: u64,
    length: usize,
    /// Tokens of the history before the model's window.
    dropped: usize,
    /// All but the last token of the window are in the caches.
    begun: bool,
    drawn: u64,
}

impl DecodedText {
    fn reading(&self) -> ReadMode {
        if self.begun { ReadMode::Step } else { ReadMode::Prompt }
    }

    fn window(&self) -> usize {
        self.length - self.dropped
    }

    /// State on the device before continuing: after prefill, all but the last token have been read.
    fn state(&self) -> DecodeState {
        let read = if self.begun { self.length - 1 } else { self.dropped };
        let [length, read, dropped] = [self.length, read, self.dropped].map(|count| count as u32);
        DecodeState { length, drawn: 0, read, dropped }
    }

    /// Counts drawn tokens. A full window keeps its newest half, which is prefilled again.
    fn wrote(&mut self, count: usize, context_length: usize) {
        self.length += count;
        self.drawn += count as u64;
        self.begun = self.window() <= context_length;
        if !self.begun {
            self.dropped = self.length - kept(context_length);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadMode {
    /// Prefill of the prompt or of a full window's newest half, and the next token.
    Prompt,
    /// One token at a time over the caches, batched with other texts.
    Step,
}

struct ReplayedRows {
    texts: Vec<usize>,
    /// Number of tokens per text.
    count: usize,
}

impl GpuDecoder {
    /// Allocates caches and buffers, builds the pipelines and uploads the weights, laid out by [`ArenaLayout`]. Matrices are stored in the
    /// format `weights`: generation is almost entirely limited by reading them. Fails with [`Error::TooLarge`] if the device cannot hold or
    /// bind what the model needs for `texts` texts.
    pub async fn new(
        gpu: &Gpu,
        model: &ModelConfig,
        parameters: &[f32],
        weights: WeightFormat,
        texts: usize,
    ) -> Result<Self> {
        if texts == 0 {
            return Err(Error::Refused("batch size must be at least 1".to_owned()));
        }
        if weights == WeightFormat::F16 && !gpu.has_half() {
            let reason = format!("{} has no 16-bit floats; use weights in q8_0 or f32", gpu.report().name);
            return Err(Error::Refused(reason).hint(Hint::WeightsF32));
        }
        let plans = DecodePlans::new(model, texts, weights, &gpu.target())?;
        ArenaLayout::unfrozen(&plans.step.graph.parameters).check_count(parameters)?;
        let storage = Storage::create(gpu, &plans.allocations(model), &plans.all(), &[]).await?;
        let decoder = Self::over(gpu, model, &plans, storage, (weights, texts)).await?;
        decoder.upload(parameters).await?;
        Ok(decoder)
    }

    /// Creates a decoder that reads the weights of a model in training in place; `None` if the device stores them in another order.
    pub async fn sharing(
        gpu: &Gpu,
        executor: &GpuExecutor,
        model: &ModelConfig,
        texts: usize,
    ) -> Result<Option<Self>> {
        let plans = DecodePlans::new(model, texts, WeightFormat::F32, &gpu.target())?;
        let (allocations, lender) = (plans.allocations(model), executor.storage());
        if *executor.layout() != plans.step.arena || !lender.lends_weights(&allocations) {
            return Ok(None);
        }
        let storage = Storage::create_beside(gpu, &allocations, &plans.all(), &[], Some(lender)).await?;
        let decoder = Self::over(gpu, model, &plans, storage, (WeightFormat::F32, texts)).await?;
        Ok(Some(Self { shares_weights: true, ..decoder }))
    }

    async fn over(
        gpu: &Gpu,
        model: &ModelConfig,
        plans: &DecodePlans,
        storage: Storage,
        (weights, texts): (WeightFormat, usize),
    ) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self {
            prompt: Mode::new(gpu, &plans.prompt, &storage, 0).await?,
            step: Mode::new(gpu, &plans.step, &storage, 1).await?,
            staging: gpu.buffer("tokens read back", (texts * MAX_DRAWS * 4) as u64, usage).await?,
            gpu: gpu.clone(),
            storage,
            chunk: plans.chunk,
            context_length: model.context_length,
            vocabulary: model.vocabulary,
            weights,
            layouts: [plans.step.arena.clone(), ArenaLayout::unfrozen(&plans.step.graph.parameters)],
            shares_weights: false,
            texts: (0..texts).map(|_| None).collect(),
        })
    }

    /// Replaces the weights with others of the same model; ends all texts.
    pub async fn set_weights(&mut self, parameters: &[f32]) -> Result<()> {
        self.layouts[1].check_count(parameters)?;
        self.texts.fill_with(|| None);
        self.upload(parameters).await
    }

    async fn upload(&self, parameters: &[f32]) -> Result<()> {
        let [layout, given] = &self.layouts;
        let floats = layout.floats(given, parameters);
        self.storage.write_arena(&self.gpu, Buffer::Parameters, bytemuck::cast_slice(&floats)).await?;
        let words = layout.pack(given, parameters);
        self.storage.write_arena(&self.gpu, Buffer::Stored, bytemuck::cast_slice(&words)).await
    }

    /// Starts a text from the last `context` tokens of `prompt` and ends all others. The prompt must not be empty.
    pub async fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        self.texts.fill_with(|| None);
        self.admit(prompt, config).await.map(|_| ())
    }

    /// Starts another text and returns its number. Fails for an empty prompt or if all places are taken.
    pub async fn admit(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<usize> {
        config.validate()?;
        if config.needs_logits() {
            return Err(Error::Refused(
                "grammars, logit_bias and penalties need a decoder on the CPU".to_owned(),
            ));
        }
        let prompt = sampler::checked_prompt(prompt, self.context_length, self.vocabulary)?;
        let number = self.texts.iter().position(Option::is_none).ok_or_else(Error::no_place)?;
        let at = (number * capacity(self.context_length) * 4) as u64;
        let history = self.storage.get(0, Buffer::Decode(DecodeBuffer::History))?;
        self.gpu.write(history, at, bytemuck::cast_slice(prompt)).await?;
        self.texts[number] = Some(DecodedText {
            sampling: Sampling::new(config),
            seed: config.seed,
            masked: config.stop_tokens.clone(),
            min_tokens: config.min_tokens as u64,
            length: prompt.len(),
            dropped: 0,
            begun: false,
            drawn: 0,
        });
        Ok(number)
    }

    /// Ends a text and frees its place.
    pub fn release(&mut self, text: usize) {
        if let Some(place) = self.texts.get_mut(text) {
            *place = None;
        }
    }

    /// Maximum number of concurrent texts.
    pub fn places(&self) -> usize {
        self.texts.len()
    }

    /// Generates exactly `count` further tokens of the only text. After an error, the text must be restarted.
    pub async fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        Ok(self.advance_all(count).await?.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default())
    }

    /// Generates exactly `count` further tokens of each text, returned with its number. After an error, all texts must be restarted.
    pub async fn advance_all(&mut self, count: usize) -> Result<Vec<(usize, Vec<u32>)>> {
        let none = self.texts.iter().map(|_| None).collect();
        let mut texts = std::mem::replace(&mut self.texts, none);
        let under_way: Vec<usize> = (0..texts.len()).filter(|at| texts[*at].is_some()).collect();
        if under_way.is_empty() {
            return Err(Error::Refused("no text has been started".to_owned()));
        }
        let mut written: Vec<(usize, Vec<u32>)> = under_way.into_iter().map(|at| (at, Vec::new())).collect();
        while let Some((rows, reading)) = self.next_rows(&texts, &written, count) {
            let tokens = self.group(&mut texts, &rows, reading).await?;
            for (text, tokens) in rows.texts.iter().zip(tokens) {
                let own = written.iter_mut().find(|(at, _)| at == text);
                own.into_iter().for_each(|(_, written)| written.extend(&tokens));
            }
        }
        self.texts = texts;
        Ok(written)
    }

    /// In interactive mode, submissions are kept shorter than a frame.
    pub fn set_interactive(&mut self, interactive: bool) {
        for mode in [&mut self.prompt, &mut self.step] {
            mode.pacing.interactive = interactive;
        }
    }

    /// Storage format of the matrices.
    pub fn weights(&self) -> WeightFormat {
        self.weights
    }

    /// Whether it shares the weights of a model in training.
    pub fn shares_weights(&self) -> bool {
        self.shares_weights
    }

    pub fn bytes(&self) -> u64 {
        self.storage.bytes() + self.staging.size()
    }

    /// The next rows to replay for texts that still lack some of `count` tokens. Prompts come first, one at a time, so that all
    /// texts step together.
    fn next_rows(
        &self,
        texts: &[Option<DecodedText>],
        written: &[(usize, Vec<u32>)],
        count: usize,
    ) -> Option<(ReplayedRows, ReadMode)> {
        let rows = |reading| (self.rows_read(texts, written, count, reading), reading);
        [ReadMode::Prompt, ReadMode::Step].into_iter().map(rows).find(|(rows, _)| !rows.texts.is_empty())
    }

    /// The texts that lack some of `count` tokens and are read in this way, with the number of tokens that each gets.
    fn rows_read(
        &self,
        texts: &[Option<DecodedText>],
        written: &[(usize, Vec<u32>)],
        count: usize,
        reading: ReadMode,
    ) -> ReplayedRows {
        let mut rows = ReplayedRows { texts: Vec::new(), count: MAX_DRAWS };
        for (at, written) in written {
            let Some(text) = texts[*at].as_ref().filter(|text| text.reading() == reading) else {
                continue;
            };
            let most = match reading {
                ReadMode::Prompt => 1,
                ReadMode::Step => self.context_length + 1 - text.window(),
            };
            let wanted = (count - written.len()).min(most);
            if wanted > 0 {
                rows.texts.push(*at);
                rows.count = rows.count.min(wanted);
                if reading != ReadMode::Step {
                    break;
                }
            }
        }
        rows
    }

    /// Generates tokens for texts that are all read in the same mode.
    async fn group(
        &mut self,
        texts: &mut [Option<DecodedText>],
        rows: &ReplayedRows,
        reading: ReadMode,
    ) -> Result<Vec<Vec<u32>>> {
        let mode = match reading {
            ReadMode::Prompt => &mut self.prompt,
            ReadMode::Step => &mut self.step,
        };
        let mut chunks = 1;
        let mut settings = vec![SampleSettings::IDLE; texts.len()];
        let mut draws = vec![0.0f32; texts.len() * MAX_DRAWS];
        for (settings, at) in settings.iter_mut().zip(&rows.texts) {
            let Some(text) = &texts[*at] else { continue };
            let masked_draws = text.min_tokens.saturating_sub(text.drawn);
            *settings = SampleSettings::new(&text.sampling, *at).masking(&text.masked, masked_draws);
            for (draw, n) in draws[at * MAX_DRAWS..].iter_mut().zip(0..rows.count as u64) {
                *draw = sampler::draw(text.seed, text.drawn + n);
            }
            if reading == ReadMode::Prompt {
                chunks = text.window().div_ceil(self.chunk);
            }
        }
        let states: Vec<DecodeState> =
            texts.iter().map(|text| text.as_ref().map(DecodedText::state).unwrap_or_default()).collect();
        let own = |buffer| self.storage.get(0, Buffer::Decode(buffer));
        let writes: [(DecodeBuffer, &[u8]); 3] = [
            (DecodeBuffer::Draws, bytemuck::cast_slice(&draws)),
            (DecodeBuffer::State, bytemuck::cast_slice(&states)),
            (DecodeBuffer::Settings, bytemuck::cast_slice(&settings)),
        ];
        for (buffer, bytes) in writes {
            self.gpu.write(own(buffer)?, 0, bytes).await?;
        }

        let begun = Instant::now();
        let mut recorder = Recorder::new(&self.gpu, mode.pacing.cut(), None);
        for _ in 1..chunks {
            recorder.record(Unit { clear: &[], programs: &[&mode.read] }).await?;
        }
        for _ in 0..rows.count {
            recorder.record(Unit { clear: &[], programs: &[&mode.read, &mode.sample] }).await?;
        }
        let bytes = self.staging.size();
        let (submission, _) = recorder.finish(own(DecodeBuffer::Written)?, &self.staging, bytes);
        let reading = self.gpu.begin_read(&self.staging, bytes, submission);
        let written: Vec<u32> = bytemuck::pod_collect_to_vec(&self.gpu.end_read(reading).await?);
        mode.pacing.observe(begun.elapsed().as_secs_f64(), chunks - 1 + rows.count);
        for at in &rows.texts {
            texts[*at].iter_mut().for_each(|text| text.wrote(rows.count, self.context_length));
        }
        let of = |at: &usize| written[at * MAX_DRAWS..][..rows.count].to_vec();
        Ok(rows.texts.iter().map(of).collect())
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
            pacing: Pacing::new(work(&plan.graph), gpu.wait()),
        })
    }
}
