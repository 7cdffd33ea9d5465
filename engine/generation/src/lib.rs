//! Text generation: a prompt goes in, tokens are generated in batches, and text is streamed as soon as it is final.
//!
//! A [`Decoder`] is a model on a device with key-value caches and sampling (rules in [`glasshouse_compiler::sampler`]). A
//! [`Batch`] is the loop around it for one or more texts, with stop conditions and timing. A [`Writer`] holds back text
//! that may become a stop string. They take a function that decodes tokens; [`request`] makes one from a tokenizer.

mod batch;
mod chat;
#[cfg(feature = "structured")]
mod grammar;
#[cfg(not(feature = "structured"))]
#[path = "grammar_absent.rs"]
mod grammar;
mod open;
#[cfg(test)]
mod tests;
mod text;
pub mod uncertainty;
mod writer;

pub use batch::{Batch, Request};
pub use chat::{ChatPrompt, chat_prompt, chat_room, rendered_prompt};
pub use grammar::Vocabulary;
pub use open::{Opening, check};
pub use text::{Decode, prompt_tokens, request};
pub use writer::Writer;

use glasshouse_compiler::sampler::{TokenScore, Watch};
use glasshouse_executors::cpu::CpuDecoder;
use glasshouse_executors::gpu::{Gpu, GpuDecoder};
use glasshouse_platform::Result;
use glasshouse_protocol::{Ending, GenerateConfig, Moderated};
use web_time::{Duration, Instant};

/// Maximum time the CPU generates between yields.
const TURN: Duration = Duration::from_millis(30);

#[derive(Debug)]
pub enum Decoder {
    Cpu(Box<CpuDecoder>),
    /// On a GPU: several tokens per submission.
    Gpu(Box<GpuDecoder>, Box<Gpu>),
}

impl Decoder {
    /// Starts a text from the last `context` tokens of `prompt` and ends all others. The prompt must not be empty.
    pub async fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        match self {
            Self::Cpu(decoder) => decoder.start(prompt, config),
            Self::Gpu(decoder, _) => decoder.start(prompt, config).await,
        }
    }

    /// Starts another text and returns its number. Fails for an empty prompt or if all [`Self::places`] are taken.
    pub async fn admit(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<usize> {
        match self {
            Self::Cpu(decoder) => decoder.admit(prompt, config),
            Self::Gpu(decoder, _) => decoder.admit(prompt, config).await,
        }
    }

    /// Replaces the weights with others of the same model, in the same layout; ends all texts.
    ///
    /// # Errors
    /// The weights belong to another model, or the device fails.
    pub async fn set_weights(&mut self, parameters: &[f32]) -> Result<()> {
        match self {
            Self::Cpu(decoder) => decoder.set_weights(parameters),
            Self::Gpu(decoder, _) => decoder.set_weights(parameters).await,
        }
    }

    /// Ends a text and frees its place.
    pub fn release(&mut self, text: usize) {
        match self {
            Self::Cpu(decoder) => decoder.release(text),
            Self::Gpu(decoder, _) => decoder.release(text),
        }
    }

    /// Maximum number of concurrent texts.
    pub fn places(&self) -> usize {
        match self {
            Self::Cpu(decoder) => decoder.places(),
            Self::Gpu(decoder, _) => decoder.places(),
        }
    }

    /// Generates exactly `count` further tokens of the only text, yielding between tokens.
    pub async fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        Ok(self.advance_all(count).await?.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default())
    }

    /// Generates exactly `count` further tokens of each text, returned with its number, with one pass over the weights
    /// per token. Each text equals its separate generation with the same seed: bit for bit on the CPU, up to rounding
    /// on a GPU. Yields between tokens.
    ///
    /// # Errors
    /// There is no text, or the device fails; then all texts end.
    pub async fn advance_all(&mut self, count: usize) -> Result<Vec<(usize, Vec<u32>)>> {
        match self {
            Self::Cpu(decoder) => {
                let mut written = decoder.advance_all(count.min(1))?;
                let mut turn = Instant::now();
                for _ in 1..count {
                    if turn.elapsed() >= TURN {
                        glasshouse_platform::yield_now().await;
                        turn = Instant::now();
                    }
                    for ((_, written), (_, more)) in written.iter_mut().zip(decoder.advance_all(1)?) {
                        written.extend(more);
                    }
                }
                Ok(written)
            }
            Self::Gpu(decoder, _) => decoder.advance_all(count).await,
        }
    }

    /// What is kept and demanded of a text; `None` on a GPU, which returns no logits.
    fn watch(&mut self, text: usize) -> Option<&mut Watch> {
        if let Self::Cpu(decoder) = self { decoder.watch(text) } else { None }
    }

    /// In interactive mode, GPU submissions stay below about 8 ms.
    pub fn set_interactive(&mut self, interactive: bool) {
        if let Self::Gpu(decoder, _) = self {
            decoder.set_interactive(interactive);
        }
    }

    /// Number of tokens to request at once while streaming.
    pub fn batch(&self) -> usize {
        match self {
            // Larger batches gain nothing.
            Self::Cpu(_) => 4,
            Self::Gpu(..) => 16,
        }
    }
}

/// Result of one batch of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedTokens {
    /// New tokens, without an end token.
    pub tokens: Vec<u32>,
    /// New final text; may be empty.
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// Generated text, without the prompt.
    pub text: String,
    /// Tokens of the text; after a stop string, the last ones may extend beyond the text.
    pub tokens: Vec<u32>,
    /// The end token, if one ended the text.
    pub end: Option<u32>,
    pub ending: Ending,
    /// From the start, including prefill, to the last token.
    pub seconds: f64,
    pub tokens_per_s: f64,
    /// Scores of the tokens, including the end token, if requested and the decoder has logits.
    pub scores: Vec<TokenScore>,
    /// Why it ended without following its constraint.
    pub failure: Option<String>,
    /// Findings of moderation, by category.
    pub moderated: Moderated,
}

impl Generated {
    /// All generated tokens, including the end token.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.tokens.iter().copied().chain(self.end)
    }
}

/// A text in progress.
struct Generation<Decode> {
    config: GenerateConfig,
    watch: Watch,
    writer: Writer<Decode>,
    begun: Instant,
    /// Number of tokens to request next if it is the only text.
    count: usize,
}

impl<Decode: FnMut(Option<u32>) -> Option<String>> Generation<Decode> {
    /// The prompt to prefill, and the generation.
    fn new(Request { prompt, config, ends, classifier, watch, decode }: Request<Decode>) -> (Vec<u32>, Self) {
        let writer = Writer::new(&config, ends, classifier, decode);
        (prompt, Self { config, watch, writer, begun: Instant::now(), count: 1 })
    }

    fn is_over(&self) -> bool {
        self.writer.ending().is_some()
    }

    /// Number of tokens left up to the maximum.
    fn left(&self) -> usize {
        self.config.max_tokens - self.writer.tokens().len()
    }

    /// Adds tokens from the decoder; those after the end are ignored.
    fn take(&mut self, written: &[u32]) -> GeneratedTokens {
        let before = self.writer.tokens().len();
        self.count = self.count.saturating_mul(2);
        let text = written.iter().map(|token| self.writer.push(*token)).collect();
        GeneratedTokens { tokens: self.writer.tokens().iter().skip(before).copied().collect(), text }
    }

    /// Ends the text here, unless it has ended.
    fn finish(mut self) -> Generated {
        self.writer.finish(Ending::Interrupted);
        let seconds = self.begun.elapsed().as_secs_f64();
        Generated {
            text: self.writer.text().to_owned(),
            tokens: self.writer.tokens().to_vec(),
            end: self.writer.end(),
            ending: self.writer.ending().unwrap_or(Ending::Interrupted),
            seconds,
            tokens_per_s: self.writer.tokens().len() as f64 / seconds.max(1e-9),
            scores: Vec::new(),
            failure: None,
            moderated: self.writer.moderated(),
        }
    }
}
