//! Generation of several texts at once. A prompt is prefilled in chunks into its text's key-value caches; each step then reads one
//! token of every text. Once a text fills the context, its newest half is prefilled again, like llama.cpp's context shift. Texts start
//! and end independently, and a text's result does not depend on the others, to the bit.

use super::CpuExecutor;
use super::memory_demand::MemoryDemand;
use super::program::{Program, Weights};
use super::workers::Workers;
use glasshouse_compiler::blocks::gguf;
use glasshouse_compiler::graph::{Input, Origin, ValueId};
use glasshouse_compiler::model::{Model, Purpose, as_trained, build};
use glasshouse_compiler::plan::arena::{ArenaLayout, StoredWeights};
use glasshouse_compiler::plan::decode::kept;
use glasshouse_compiler::plan::fuse::{self, Fusions};
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::sampler::{self, Additions, Sampling, Watch};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{GenerateConfig, ModelConfig, TrainConfig, WeightFormat};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Prefill chunk size in tokens.
const CHUNK: usize = 32;

#[derive(Debug)]
pub struct CpuDecoder {
    workers: Arc<Workers>,
    weights: Weights,
    /// Layouts of the weights here, and as they are given.
    layouts: [ArenaLayout; 2],
    format: WeightFormat,
    /// The prefill graph; holds the caches between reads.
    prompt: Reader,
    /// Step graphs for one, two, four, … texts, up to the maximum.
    steps: Vec<Reader>,
    context_length: usize,
    vocabulary: usize,
    /// Number of logits: the vocabulary or the labels.
    outputs: usize,
    /// In the order of the caches.
    texts: Vec<Option<DecodedText>>,
    /// Whether it shares the weights that a training executor had at its creation.
    is_snapshot: bool,
}

#[derive(Debug)]
struct DecodedText {
    /// The last tokens, at most one window.
    history: Vec<u32>,
    sampling: Sampling,
    seed: u64,
    /// Tokens not drawn before `min_tokens` are reached.
    masked: Vec<u32>,
    min_tokens: u64,
    drawn: u64,
    /// Tokens at the end of the history that the model sees.
    window: usize,
    /// Tokens at the start of the window that the caches hold.
    cached: usize,
    /// Tokens not yet returned.
    written: Vec<u32>,
    additions: Option<Additions>,
    watch: Watch,
}

impl DecodedText {
    fn reading(&self) -> ReadMode {
        if self.window - self.cached == 1 { ReadMode::Step } else { ReadMode::Prompt }
    }

    fn window(&self) -> &[u32] {
        &self.history[self.history.len() - self.window..]
    }

    fn draw(&mut self, logits: &[f32], context_length: usize) {
        self.cached = self.window;
        let draw = sampler::draw(self.seed, self.drawn);
        let masked = if self.drawn < self.min_tokens { self.masked.as_slice() } else { &[] };
        let token = if masked.is_empty() && self.additions.is_none() && self.watch.constraint.is_none() {
            sampler::sample(logits, &self.history, &self.sampling, draw)
        } else {
            let mut logits = sampler::masked(logits, masked);
            self.additions.iter().for_each(|additions| additions.add(&mut logits));
            let followed = self.watch.constraint.as_mut().map(|constraint| constraint.mask(&mut logits));
            self.watch.failure = self.watch.failure.take().or(followed.and_then(Result::err));
            sampler::sample(&logits, &self.history, &self.sampling, draw)
        };
        self.watch.scores.extend(self.watch.top.map(|top| sampler::score(logits, token, top)));
        self.additions.iter_mut().for_each(|additions| additions.count(token));
        let taken = self.watch.constraint.as_mut().map(|constraint| constraint.take(token));
        self.watch.failure = self.watch.failure.take().or(taken.and_then(Result::err));
        self.drawn += 1;
        if self.history.len() == context_length {
            self.history.remove(0);
        }
        self.history.push(token);
        self.window += 1;
        if self.window > context_length {
            (self.window, self.cached) = (kept(context_length), 0);
        }
        self.written.push(token);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadMode {
    /// Prefill, in chunks into the caches.
    Prompt,
    /// One token, batched with other texts.
    Step,
}

/// A graph that reads tokens of several texts and computes the logits of the next token.
#[derive(Debug)]
struct Reader {
    program: Program,
    tokens: ValueId,
    cursor: ValueId,
    logits: ValueId,
    /// Input tokens, padded to the graph's windows.
    padded: Vec<u32>,
    rows: Vec<[u32; 3]>,
}

/// Tokens of a text, with their position in it and the text's number in the caches.
#[derive(Clone, Copy, Debug)]
struct Chunk<'text> {
    start: usize,
    tokens: &'text [u32],
    text: usize,
}

impl Reader {
    fn new(built: &Model, interleaved: bool) -> Result<Self> {
        let input = |input| {
            let missing = || Error::Internal(format!("a decoding graph without {input:?}"));
            built.graph.find(Origin::Input(input)).ok_or_else(missing)
        };
        let (tokens, cursor) = (input(Input::Tokens)?, input(Input::Cursor)?);
        let ty = built.graph.ty(tokens);
        let mut program = Program::new(&built.graph, &[built.logits]);
        program.interleaved = interleaved;
        Ok(Self {
            program,
            tokens,
            cursor,
            logits: built.logits,
            padded: vec![0; ty.count()],
            rows: vec![[0; 3]; ty.shape[0]],
        })
    }

    /// Tokens read per text.
    fn time(&self) -> usize {
        self.padded.len() / self.rows.len()
    }

    /// Reads one chunk per text by the given nodes; the logits are in the program after all. Unused rows are idle.
    fn read(
        &mut self,
        weights: &mut Weights,
        workers: &Workers,
        chunks: &[Chunk<'_>],
        nodes: Range<usize>,
    ) -> Result<()> {
        let time = self.time();
        self.padded.fill(0);
        self.rows.fill([0; 3]);
        for ((padded, row), chunk) in self.padded.chunks_exact_mut(time).zip(&mut self.rows).zip(chunks) {
            padded[..chunk.tokens.len()].copy_from_slice(chunk.tokens);
            *row = [chunk.start, chunk.tokens.len(), chunk.text].map(|entry| entry as u32);
        }
        self.program.set_words(self.tokens, &self.padded)?;
        self.program.set_words(self.cursor, self.rows.as_flattened())?;
        self.program.run_for(Duration::MAX, nodes, weights, [0, 0], workers).map(|_| ())
    }

    /// Prefills the caches of text number `text` chunk by chunk; the program then holds the logits after the window.
    fn read_all(
        &mut self,
        weights: &mut Weights,
        workers: &Workers,
        window: &[u32],
        text: usize,
    ) -> Result<()> {
        let time = self.time();
        for (number, tokens) in window.chunks(time).enumerate() {
            let start = number * time;
            // Only the last chunk's logits are read.
            let end =
                if start + tokens.len() < window.len() { self.program.caches_end() } else { usize::MAX };
            self.read(weights, workers, &[Chunk { start, tokens, text }], 0..end)?;
        }
        Ok(())
    }

    fn logits(&self, outputs: usize) -> impl Iterator<Item = &[f32]> {
        self.program.floats(self.logits).chunks_exact(outputs)
    }
}

impl CpuDecoder {
    /// Creates a decoder for one text over a copy of the parameter arena, laid out by [`ArenaLayout`]. `threads` defaults to one per core.
    /// Fails with [`Error::TooLarge`] if the machine has too little free memory.
    pub fn new(model: &ModelConfig, parameters: &[f32], threads: Option<usize>) -> Result<Self> {
        Self::with_texts(model, parameters, WeightFormat::F32, threads, 1)
    }

    /// Creates a decoder for `texts` concurrent texts, each with its own caches, that stores matrices in the format `weights`. Fails with
    /// [`Error::TooLarge`] if the machine has too little free memory; [`Error::Refused`] if `texts` is 0.
    pub fn with_texts(
        model: &ModelConfig,
        parameters: &[f32],
        weights: WeightFormat,
        threads: Option<usize>,
        texts: usize,
    ) -> Result<Self> {
        let available = glasshouse_platform::available_memory();
        Self::within(available, model, Given::Floats(parameters), weights, threads, texts)
    }

    /// [`Self::with_texts`] over weights that are stored in the format already, and that become the decoder's. Also fails if they are those
    /// of another model.
    pub fn from_stored(
        model: &ModelConfig,
        stored: StoredWeights,
        weights: WeightFormat,
        threads: Option<usize>,
        texts: usize,
    ) -> Result<Self> {
        let available = glasshouse_platform::available_memory();
        Self::within(available, model, Given::Stored(stored), weights, threads, texts)
    }

    /// Creates a decoder over the present weights of a model in training without copying them, with an adapter as it is trained. Drop it
    /// before training continues: the weights would be copied then. `None` if the executor has other weights besides.
    pub fn sharing(
        executor: &CpuExecutor,
        model: &ModelConfig,
        train: &TrainConfig,
        texts: usize,
    ) -> Result<Option<Self>> {
        if ArenaLayout::new(&as_trained(model, train, Purpose::STEP)?.graph) != executor.layout {
            return Ok(None);
        }
        let (available, given) = (glasshouse_platform::available_memory(), Given::Shared(executor, train));
        Self::within(available, model, given, WeightFormat::F32, None, texts).map(Some)
    }

    /// [`Self::with_texts`] with `available` bytes of memory.
    fn within(
        available: Option<u64>,
        model: &ModelConfig,
        given: Given<'_>,
        weights: WeightFormat,
        threads: Option<usize>,
        texts: usize,
    ) -> Result<Self> {
        if texts == 0 {
            return Err(Error::Refused("batch size must be at least 1".to_owned()));
        }
        let target = Target::new(false).with_fusions(Fusions { quantised: true, ..Fusions::ALL });
        let built = |purpose| {
            let mut built = match &given {
                Given::Shared(_, train) => as_trained(model, train, purpose)?,
                Given::Floats(_) | Given::Stored(_) => build(model, purpose)?,
            };
            if let Given::Stored(stored) = &given {
                gguf::keep(&mut built.graph, &stored.blocks);
            }
            Ok::<_, Error>(Model { graph: fuse::fused(built.graph, &[built.logits], &target), ..built })
        };
        let chunk = CHUNK.min(model.context_length);
        let prompt = built(Purpose::Decode { batch: 1, chunk, texts, weights })?;
        let step = |batch| built(Purpose::Decode { batch, chunk: 1, texts, weights });
        let steps = batches(texts).map(step).collect::<Result<Vec<_>>>()?;
        let layout = ArenaLayout::new(&prompt.graph);
        let beside_caches = |built: &Model| {
            Program::needed(&built.graph, &[built.logits]) - Program::needed_for_caches(&built.graph)
        };
        let programs: u64 = steps.iter().chain([&prompt]).map(beside_caches).sum();
        let programs = programs + Program::needed_for_caches(&prompt.graph);
        let arenas = match given {
            Given::Floats(..) => (layout.floats_end + layout.stored_words()) as u64 * 4,
            // No longer part of the free memory.
            Given::Stored(_) | Given::Shared(..) => 0,
        };
        MemoryDemand { arenas, programs, batch: None, together: 1 }.check(available)?;
        let layouts = [layout, ArenaLayout::unfrozen(&prompt.graph.parameters)];
        let (is_snapshot, workers) = match &given {
            Given::Shared(executor, _) => (true, executor.workers.clone()),
            Given::Floats(_) | Given::Stored(_) => (false, Arc::new(Workers::new(threads)?)),
        };
        let without_caches = |built: &Model| {
            let mut reader = Reader::new(built, !is_snapshot)?;
            reader.program.drop_caches();
            Ok(reader)
        };
        Ok(Self {
            workers,
            weights: interleaved(&layouts, given)?,
            layouts,
            format: weights,
            prompt: Reader::new(&prompt, !is_snapshot)?,
            steps: steps.iter().map(without_caches).collect::<Result<_>>()?,
            context_length: model.context_length,
            vocabulary: model.vocabulary,
            outputs: model.outputs(),
            texts: (0..texts).map(|_| None).collect(),
            is_snapshot,
        })
    }

    /// Replaces the weights with others of the same model; ends all texts.
    pub fn set_weights(&mut self, parameters: &[f32]) -> Result<()> {
        if self.format == WeightFormat::Gguf {
            return Err(Error::Refused("the blocks of a GGUF file have no other weights".to_owned()));
        }
        self.texts.fill_with(|| None);
        if parameters.len() == self.layouts[1].length {
            // Memory for the old weights and the new ones would be too much.
            self.weights = Weights::default();
        }
        self.weights = interleaved(&self.layouts, Given::Floats(parameters))?;
        Ok(())
    }

    /// Whether it shares the weights that a training executor had at its creation.
    pub fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Storage format of the matrices.
    pub fn weights(&self) -> WeightFormat {
        self.format
    }

    /// Starts a text from the last `context` tokens of `prompt` and ends all others. The prompt must not be empty.
    pub fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        self.texts.fill_with(|| None);
        self.admit(prompt, config).map(|_| ())
    }

    /// Starts another text and returns its number. Fails for an empty prompt or if all places are taken.
    pub fn admit(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<usize> {
        config.validate()?;
        let history = sampler::checked_prompt(prompt, self.context_length, self.vocabulary)?.to_vec();
        let text = DecodedText {
            window: history.len(),
            history,
            sampling: Sampling::new(config),
            seed: config.seed,
            masked: config.stop_tokens.clone(),
            min_tokens: config.min_tokens as u64,
            drawn: 0,
            cached: 0,
            written: Vec::new(),
            additions: Additions::new(config),
            watch: Watch::default(),
        };
        let free = self.texts.iter_mut().enumerate().find(|(_, place)| place.is_none());
        let (number, place) = free.ok_or_else(Error::no_place)?;
        *place = Some(text);
        Ok(number)
    }

    /// Ends a text and frees its place.
    pub fn release(&mut self, text: usize) {
        if let Some(place) = self.texts.get_mut(text) {
            *place = None;
        }
    }

    /// What is kept and demanded of a text.
    pub fn watch(&mut self, text: usize) -> Option<&mut Watch> {
        Some(&mut self.texts.get_mut(text)?.as_mut()?.watch)
    }

    /// Rounds the inputs of products with quantised weights to 16 bits if `precise`, else to 8. Takes up to twice the time.
    pub fn set_precise(&mut self, precise: bool) {
        let parts = 1 + usize::from(precise);
        self.steps.iter_mut().chain([&mut self.prompt]).for_each(|reader| reader.program.parts = parts);
    }

    /// Maximum number of concurrent texts.
    pub fn places(&self) -> usize {
        self.texts.len()
    }

    /// Generates exactly `count` further tokens of the only text. After an error, the text must be restarted.
    pub fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        Ok(self.advance_all(count)?.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default())
    }

    /// Generates exactly `count` further tokens of each text, returned with its number. After an error, all texts must be restarted.
    pub fn advance_all(&mut self, count: usize) -> Result<Vec<(usize, Vec<u32>)>> {
        let none = self.texts.iter().map(|_| None).collect();
        let mut texts = std::mem::replace(&mut self.texts, none);
        if texts.iter().all(Option::is_none) {
            return Err(Error::Refused("no text has been started".to_owned()));
        }
        let workers = self.workers.clone();
        workers.install(|| (0..count).try_for_each(|_| self.tokens(&mut texts, &workers)))?;
        let written = texts.iter_mut().enumerate();
        let written = written
            .filter_map(|(at, text)| text.as_mut().map(|text| (at, std::mem::take(&mut text.written))));
        let written = written.collect();
        self.texts = texts;
        Ok(written)
    }

    /// Logits after `tokens`, of which the last `context` are read. Ends all texts.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.texts.fill_with(|| None);
        let tokens = sampler::checked_prompt(tokens, self.context_length, self.vocabulary)?;
        let workers = self.workers.clone();
        workers.install(|| self.prompt.read_all(&mut self.weights, &workers, tokens, 0))?;
        Ok(self.prompt.logits(self.outputs).next().unwrap_or_default().to_vec())
    }

    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Bytes of memory held, excluding the threads' scratch memory.
    pub fn bytes(&self) -> u64 {
        let programs = self.steps.iter().chain([&self.prompt]);
        let weights = self.weights.parameters.len() + self.weights.stored.len();
        programs.map(|reader| reader.program.bytes()).sum::<u64>() + weights as u64 * 4
    }

    fn tokens(&mut self, texts: &mut [Option<DecodedText>], workers: &Workers) -> Result<()> {
        let is =
            |text: &Option<DecodedText>, reading| text.as_ref().is_some_and(|text| text.reading() == reading);
        // Decided beforehand: a text read now may change its mode.
        let steps: Vec<usize> = (0..texts.len()).filter(|at| is(&texts[*at], ReadMode::Step)).collect();
        self.read_prompts(texts, workers)?;
        self.step(texts, &steps, workers)
    }

    /// Prefills pending prompts and draws a token after each. A prompt shared by several texts is read once.
    fn read_prompts(&mut self, texts: &mut [Option<DecodedText>], workers: &Workers) -> Result<()> {
        let places = texts.len();
        let mut last: Option<(usize, Vec<u32>)> = None;
        for (at, text) in texts.iter_mut().enumerate() {
            let Some(text) = text.as_mut().filter(|text| text.reading() == ReadMode::Prompt) else {
                continue;
            };
            match &last {
                Some((from, window)) if window == text.window() => {
                    self.prompt.program.copy_text(places, [*from, at]);
                }
                _ => {
                    self.prompt.read_all(&mut self.weights, workers, text.window(), at)?;
                    last = Some((at, text.window().to_vec()));
                }
            }
            self.prompt.logits(self.outputs).for_each(|logits| text.draw(logits, self.context_length));
        }
        Ok(())
    }

    /// Reads the last token of each given text in one batch and draws the next.
    fn step(
        &mut self,
        texts: &mut [Option<DecodedText>],
        numbers: &[usize],
        workers: &Workers,
    ) -> Result<()> {
        let Some(fits) = self.steps.iter_mut().find(|step| step.rows.len() >= numbers.len()) else {
            return Err(Error::Internal(format!("{} texts at once", numbers.len())));
        };
        let mut chunks = Vec::with_capacity(numbers.len());
        for text in numbers {
            if let Some(decoded) = &texts[*text] {
                let start = decoded.cached;
                chunks.push(Chunk { start, tokens: &decoded.window()[start..], text: *text });
            }
        }
        if chunks.is_empty() {
            return Ok(());
        }
        self.prompt.program.move_caches_to(&mut fits.program);
        let done = fits.read(&mut self.weights, workers, &chunks, 0..usize::MAX);
        fits.program.move_caches_to(&mut self.prompt.program);
        done?;
        let drawn = texts.iter_mut().enumerate().filter(|(at, _)| numbers.contains(at));
        let drawn = drawn.filter_map(|(_, text)| text.as_mut());
        let mut drawn: Vec<_> = drawn.zip(fits.logits(self.outputs)).collect();
        let context_length = self.context_length;
        workers.rows(drawn.len(), 1, drawn.as_mut_slice(), |_, drawn, _| {
            drawn.iter_mut().for_each(|(text, logits)| text.draw(logits, context_length));
        });
        Ok(())
    }
}

/// Weights of a decoder: floats, which it copies, stored ones, which it keeps, or those of a run in training, which it shares.
enum Given<'weights> {
    Floats(&'weights [f32]),
    Stored(StoredWeights),
    Shared(&'weights CpuExecutor, &'weights TrainConfig),
}

fn interleaved(layouts: &[ArenaLayout; 2], given: Given<'_>) -> Result<Weights> {
    let mut weights = match given {
        Given::Floats(parameters) => Weights::for_inference(layouts, parameters)?,
        Given::Shared(executor, _) => {
            let Weights { parameters, stored, .. } = &executor.weights;
            return Ok(Weights {
                parameters: parameters.clone(),
                stored: stored.clone(),
                ..Weights::default()
            });
        }
        Given::Stored(StoredWeights { floats, words, .. }) => {
            let needed = [layouts[0].floats_end, layouts[0].stored_words()];
            if [floats.len(), words.len()] != needed {
                return Err(Error::Internal("stored weights of another model or format".to_owned()));
            }
            Weights { parameters: floats.into(), stored: words.into(), ..Weights::default() }
        }
    };
    weights.interleave(&layouts[0]);
    Ok(weights)
}

/// Batch sizes of the step graphs: powers of two, and the maximum.
fn batches(texts: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), |batch| Some(batch * 2))
        .take_while(move |batch| *batch < texts)
        .chain([texts])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::training::llama;

    #[test]
    fn a_model_larger_than_the_memory_is_refused() {
        let model = llama();
        let length = ArenaLayout::new(&build(&model, Purpose::STEP).unwrap().graph).length;
        let within = |bytes, texts| {
            let floats = vec![0.0; length];
            let given = Given::Floats(&floats);
            CpuDecoder::within(Some(bytes), &model, given, WeightFormat::F32, Some(1), texts)
        };
        assert!(matches!(within(4 * length as u64, 1), Err(Error::TooLarge { .. })));
        assert!(within(1 << 30, 1).is_ok());
        // The texts' caches count before they are allocated.
        let caches =
            |texts| texts * model.layers * 2 * model.kv_heads * model.context_length * model.head_size * 4;
        assert!(matches!(within(1 << 30, 1 << 20), Err(Error::TooLarge { .. })));
        let (one, nine) = (within(1 << 30, 1).unwrap().bytes(), within(1 << 30, 9).unwrap().bytes());
        assert!(nine - one > caches(8) as u64, "{nine} for {one}");
        assert!(matches!(within(1 << 30, 0), Err(Error::Refused(_))));
    }

    #[test]
    fn steps_of_every_size_are_few() {
        assert_eq!(batches(1).collect::<Vec<_>>(), [1]);
        assert_eq!(batches(2).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(batches(11).collect::<Vec<_>>(), [1, 2, 4, 8, 11]);
    }
}
