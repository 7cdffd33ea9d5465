//! Generation: the prompt is read in chunks into caches of keys and values, each further token is read by itself, and past the
//! context length the last window is read anew for every token, as nanoGPT does.

use super::memory_demand::MemoryDemand;
use super::program::{Program, Weights, fused};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::graph::{Input, Origin, ValueId};
use crate::model::{Model, Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::platform;
use crate::sampler::{self, Sampling};
use glasshouse_protocol::{GenerateConfig, ModelConfig};
use std::sync::Arc;

/// Tokens of a prompt that are read at once.
const CHUNK: usize = 32;

/// A model that writes.
#[derive(Debug)]
pub struct CpuDecoder {
    workers: Arc<Workers>,
    weights: Weights,
    prompt: Reader,
    step: Reader,
    window: Reader,
    context_length: usize,
    vocabulary: usize,
    text: Option<Text>,
}

/// A text under way.
#[derive(Debug)]
struct Text {
    /// The last tokens, at most a window of them.
    history: Vec<u32>,
    sampling: Sampling,
    seed: u64,
    /// Tokens drawn so far.
    drawn: u64,
    /// Tokens of the history that the caches hold; they hold nothing of use once the window is full.
    cached: usize,
    /// The text has outgrown the window.
    past: bool,
}

/// A graph that reads some tokens and gives the logits of what follows.
#[derive(Debug)]
struct Reader {
    program: Program,
    tokens: ValueId,
    cursor: ValueId,
    logits: ValueId,
    /// Its tokens, padded to the graph's window.
    padded: Vec<u32>,
}

impl Reader {
    /// A reader of `time` tokens at once.
    fn new(built: &Model, time: usize) -> Result<Self> {
        let input = |input| {
            let missing = || Error::Internal(format!("a decoding graph without {input:?}"));
            built.graph.find(Origin::Input(input)).ok_or_else(missing)
        };
        Ok(Self {
            program: Program::new(&built.graph, &[built.logits]),
            tokens: input(Input::Tokens)?,
            cursor: input(Input::Cursor)?,
            logits: built.logits,
            padded: vec![0; time],
        })
    }

    /// Reads tokens that stand at `start` in their text; the logits are in the program afterwards.
    fn read(&mut self, weights: &mut Weights, workers: &Workers, start: usize, tokens: &[u32]) -> Result<()> {
        self.padded.fill(0);
        self.padded[..tokens.len()].copy_from_slice(tokens);
        self.program.set_words(self.tokens, &self.padded)?;
        self.program.set_words(self.cursor, &[start as u32, tokens.len() as u32])?;
        self.program.run(weights, [0, 0], workers)
    }

    fn logits(&self) -> &[f32] {
        self.program.floats(self.logits)
    }
}

impl CpuDecoder {
    /// A decoder over a copy of the parameter arena, as [`ArenaLayout`] lays it out; `threads` or one a core.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the machine has less memory left than is needed.
    pub fn new(model: &ModelConfig, parameters: &[f32], threads: Option<usize>) -> Result<Self> {
        Self::within(platform::available_memory(), model, parameters, threads)
    }

    /// [`Self::new`] with so many bytes of memory.
    fn within(
        available: Option<u64>,
        model: &ModelConfig,
        parameters: &[f32],
        threads: Option<usize>,
    ) -> Result<Self> {
        let chunk = CHUNK.min(model.context_length);
        let built = |purpose| {
            let built = build(model, purpose)?;
            Ok::<_, Error>(Model { graph: fused(&built.graph, &[built.logits]), ..built })
        };
        let prompt = built(Purpose::Decode { chunk })?;
        let step = built(Purpose::Decode { chunk: 1 })?;
        let window = built(Purpose::Window { time: model.context_length })?;
        let layout = ArenaLayout::of(&prompt.graph);
        let programs = [&prompt, &step, &window].map(|built| Program::needed(&built.graph, &[built.logits]));
        let arenas = parameters.len() as u64 * 4;
        MemoryDemand { arenas, programs: programs.iter().sum(), batch: None }.check(available)?;
        let mut prompt = Reader::new(&prompt, chunk)?;
        let mut step = Reader::new(&step, 1)?;
        let window = Reader::new(&window, model.context_length)?;
        if parameters.len() != layout.length {
            return Err(Error::Refused(format!(
                "{} weights given where the model has {}",
                parameters.len(),
                layout.length
            )));
        }
        // One set of caches, which whoever reads next holds.
        prompt.program.give_caches(&mut step.program);
        Ok(Self {
            workers: Arc::new(Workers::new(threads)?),
            weights: Weights { parameters: parameters.to_vec(), gradients: Vec::new() },
            prompt,
            step,
            window,
            context_length: model.context_length,
            vocabulary: model.vocabulary,
            text: None,
        })
    }

    /// Begins a text after `prompt`, of which the last `context` tokens are kept. An empty prompt is refused.
    pub fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        self.text = None;
        config.validate()?;
        let history = sampler::checked_prompt(prompt, self.context_length, self.vocabulary)?.to_vec();
        self.text = Some(Text {
            history,
            sampling: Sampling::of(config),
            seed: config.seed,
            drawn: 0,
            cached: 0,
            past: false,
        });
        Ok(())
    }

    /// Exactly `count` further tokens. After an error the text must be started again.
    pub fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        let missing = || Error::Refused("no text has been started".to_owned());
        let mut text = self.text.take().ok_or_else(missing)?;
        let workers = self.workers.clone();
        let written = workers
            .install(|| (0..count).map(|_| self.token(&mut text, &workers)).collect::<Result<Vec<u32>>>())?;
        self.text = Some(text);
        Ok(written)
    }

    /// Logits of what follows `tokens`, of which the last `context` are read. Ends the text under way.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.text = None;
        let tokens = sampler::checked_prompt(tokens, self.context_length, self.vocabulary)?;
        let workers = self.workers.clone();
        workers.install(|| self.window.read(&mut self.weights, &workers, 0, tokens))?;
        Ok(self.window.logits().to_vec())
    }

    /// Threads that share the work.
    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Bytes of all memory held, but for what threads keep of an operation's own.
    pub fn bytes(&self) -> u64 {
        let programs = [&self.prompt, &self.step, &self.window].map(|reader| reader.program.bytes());
        programs.iter().sum::<u64>() + self.weights.parameters.len() as u64 * 4
    }

    /// Reads what the model has not read yet, and draws.
    fn token(&mut self, text: &mut Text, workers: &Workers) -> Result<u32> {
        let weights = &mut self.weights;
        let logits = if text.past {
            self.window.read(weights, workers, 0, &text.history)?;
            self.window.logits()
        } else if text.history.len() - text.cached == 1 {
            self.step.read(weights, workers, text.cached, &text.history[text.cached..])?;
            self.step.logits()
        } else {
            self.step.program.give_caches(&mut self.prompt.program);
            let mut done = Ok(());
            for chunk in text.history[text.cached..].chunks(self.prompt.padded.len()) {
                done = self.prompt.read(weights, workers, text.cached, chunk);
                if done.is_err() {
                    break;
                }
                text.cached += chunk.len();
            }
            self.prompt.program.give_caches(&mut self.step.program);
            done?;
            self.prompt.logits()
        };
        text.cached = text.history.len();
        let draw = sampler::draw(text.seed, text.drawn);
        let token = sampler::sample(logits, &text.history, &text.sampling, draw);
        text.drawn += 1;
        if text.history.len() == self.context_length {
            text.history.remove(0);
            text.past = true;
        }
        text.history.push(token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::training::llama;

    #[test]
    fn a_model_larger_than_the_memory_is_refused() {
        let model = llama();
        let length = ArenaLayout::of(&build(&model, Purpose::Decode { chunk: 1 }).unwrap().graph).length;
        let refused = CpuDecoder::within(Some(4 * length as u64), &model, &vec![0.0; length], Some(1));
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
        assert!(CpuDecoder::within(Some(1 << 30), &model, &vec![0.0; length], Some(1)).is_ok());
    }
}
