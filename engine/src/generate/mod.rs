//! Writing text with a model: a prompt goes in, tokens come out in batches, text streams as soon as it is certain.
//!
//! [`Decoder`] is a model on a device, which keeps caches of keys and values and samples ([`crate::sampler`] says by which rules).
//! [`Generation`] is the loop around it: it knows when to stop and times itself. [`Batch`] is that of many texts, which go through the
//! model together. [`Writer`] holds back what may become a stop string. All take a function from tokens to text; [`request`] makes one of
//! a tokenizer.

mod batch;
mod chat;
mod open;
mod text;
pub mod uncertainty;
mod writer;

pub use batch::{Batch, Request};
pub use chat::{ChatPrompt, chat_prompt, chat_room, rendered_prompt};
pub use open::Opening;
pub use text::{Decode, TextGeneration, prompt_tokens, request};
pub use writer::Writer;

use crate::cpu::CpuDecoder;
use crate::error::Result;
use crate::gpu::{Gpu, GpuDecoder};
use crate::platform;
use glasshouse_protocol::{Ending, GenerateConfig, Moderated};
use web_time::{Duration, Instant};

/// The CPU writes this long at most before whatever else waits has its turn.
const TURN: Duration = Duration::from_millis(30);

/// A model that writes.
#[derive(Debug)]
pub enum Decoder {
    /// On the CPU's cores.
    Cpu(Box<CpuDecoder>),
    /// On a device: several tokens per submission.
    Gpu(Box<GpuDecoder>, Box<Gpu>),
}

impl Decoder {
    /// Begins a text after `prompt`, of which the last `context` tokens are kept, and ends all others. An empty prompt is refused.
    pub async fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        match self {
            Self::Cpu(decoder) => decoder.start(prompt, config),
            Self::Gpu(decoder, _) => decoder.start(prompt, config).await,
        }
    }

    /// Begins a text beside the others, and returns its number. An empty prompt is refused, and so is a text more than there are
    /// [`Self::places`].
    pub async fn admit(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<usize> {
        match self {
            Self::Cpu(decoder) => decoder.admit(prompt, config),
            Self::Gpu(decoder, _) => decoder.admit(prompt, config).await,
        }
    }

    /// Takes other weights of the same model over, laid out as those that it was opened with; all texts end.
    ///
    /// # Errors
    /// They are of another model, or the device fails.
    pub async fn set_weights(&mut self, parameters: &[f32]) -> Result<()> {
        match self {
            Self::Cpu(decoder) => decoder.set_weights(parameters),
            Self::Gpu(decoder, _) => decoder.set_weights(parameters).await,
        }
    }

    /// Ends a text: its place is free for another.
    pub fn release(&mut self, text: usize) {
        match self {
            Self::Cpu(decoder) => decoder.release(text),
            Self::Gpu(decoder, _) => decoder.release(text),
        }
    }

    /// Texts that can be under way at once.
    pub fn places(&self) -> usize {
        match self {
            Self::Cpu(decoder) => decoder.places(),
            Self::Gpu(decoder, _) => decoder.places(),
        }
    }

    /// Exactly `count` further tokens of the only text. Between them whatever else waits has its turn.
    pub async fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        Ok(self.advance_all(count).await?.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default())
    }

    /// Exactly `count` further tokens of each text, with its number: the weights are read once for all. Each text becomes what it would
    /// by itself under its seed: on the CPU bit for bit, on a GPU but for rounding. Between tokens whatever else waits has its turn.
    ///
    /// # Errors
    /// There is no text, or the device fails; then all texts are over.
    pub async fn advance_all(&mut self, count: usize) -> Result<Vec<(usize, Vec<u32>)>> {
        match self {
            Self::Cpu(decoder) => {
                let mut written = decoder.advance_all(count.min(1))?;
                let mut turn = Instant::now();
                for _ in 1..count {
                    if turn.elapsed() >= TURN {
                        platform::yield_now().await;
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

    /// The entropies of a text's tokens so far, in nats, where the decoder keeps them: on the CPU, after
    /// [`CpuDecoder::keep_entropies`].
    fn entropies(&self, text: usize) -> &[f32] {
        match self {
            Self::Cpu(decoder) => decoder.entropies(text),
            Self::Gpu(..) => &[],
        }
    }

    /// Whether someone looks on: then no submission to a GPU exceeds about 8 ms.
    pub fn set_interactive(&mut self, interactive: bool) {
        if let Self::Gpu(decoder, _) = self {
            decoder.set_interactive(interactive);
        }
    }

    /// Tokens to ask for at once while text streams.
    pub(crate) fn batch(&self) -> usize {
        match self {
            // Nothing is gained by waiting for more.
            Self::Cpu(_) => 4,
            Self::Gpu(..) => 16,
        }
    }
}

/// What a batch of tokens added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedTokens {
    /// The tokens, without the one that ends the text.
    pub tokens: Vec<u32>,
    /// Text that is certain by now and was not written before; may be empty.
    pub text: String,
}

/// A finished generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// All that was written, without the prompt.
    pub text: String,
    /// The tokens behind it; after a stop string the last ones may reach past the text.
    pub tokens: Vec<u32>,
    /// The token that ended it, where one did.
    pub end: Option<u32>,
    /// Why it ended.
    pub ending: Ending,
    /// From the start, the reading of the prompt included, to the last token.
    pub seconds: f64,
    /// Tokens written a second.
    pub tokens_per_s: f64,
    /// The entropy of what each token was drawn from, in nats, the one that ended it included; of a [`Batch`] whose decoder keeps them.
    pub entropies: Vec<f32>,
    /// What moderation found in it, by category.
    pub moderated: Moderated,
}

/// A generation under way, to be carried on batch by batch between other work.
pub struct Generation<Decode> {
    config: GenerateConfig,
    writer: Writer<Decode>,
    begun: Instant,
    /// Tokens to ask for next.
    count: usize,
}

impl<Decode: FnMut(Option<u32>) -> Option<String>> Generation<Decode> {
    /// Reads the prompt of a text, of which the decoder has no other.
    ///
    /// # Errors
    /// The prompt is refused, or the device fails.
    pub async fn start(decoder: &mut Decoder, request: Request<Decode>) -> Result<Self> {
        let (prompt, generation) = Self::new(request);
        decoder.start(&prompt, &generation.config).await?;
        Ok(generation)
    }

    /// A prompt that is to be read, and the text that goes on from it.
    fn new(Request { prompt, config, ends, judges, decode }: Request<Decode>) -> (Vec<u32>, Self) {
        let writer = Writer::new(&config, ends, judges, decode);
        // The first token comes alone, so that something is seen at once.
        (prompt, Self { config, writer, begun: Instant::now(), count: 1 })
    }

    /// Whether there is nothing left to write.
    pub fn is_over(&self) -> bool {
        self.writer.ending().is_some()
    }

    /// The next batch of tokens, from the decoder that it was started with.
    pub async fn next(&mut self, decoder: &mut Decoder) -> Result<GeneratedTokens> {
        let wanted = self.count.min(self.left());
        let tokens = decoder.advance(wanted).await?;
        self.count = (self.count * 2).min(decoder.batch());
        Ok(self.take(&tokens))
    }

    /// Tokens that it may still write.
    fn left(&self) -> usize {
        self.config.max_tokens - self.writer.tokens().len()
    }

    /// Takes tokens that the decoder wrote; those after its end are nothing to it.
    fn take(&mut self, written: &[u32]) -> GeneratedTokens {
        let before = self.writer.tokens().len();
        let text = written.iter().map(|token| self.writer.push(*token)).collect();
        GeneratedTokens { tokens: self.writer.tokens().iter().skip(before).copied().collect(), text }
    }

    /// Ends it where it stands; returns text that was held back as the possible start of a stop string.
    pub fn interrupt(&mut self) -> String {
        self.writer.finish(Ending::Interrupted)
    }

    /// What is written so far and certain, without the prompt.
    pub fn text(&self) -> &str {
        self.writer.text()
    }

    /// All of it.
    pub fn finish(self) -> Generated {
        let seconds = self.begun.elapsed().as_secs_f64();
        Generated {
            text: self.writer.text().to_owned(),
            tokens: self.writer.tokens().to_vec(),
            end: self.writer.end(),
            ending: self.writer.ending().unwrap_or(Ending::Interrupted),
            seconds,
            tokens_per_s: self.writer.tokens().len() as f64 / seconds.max(1e-9),
            entropies: Vec::new(),
            moderated: self.writer.moderated(),
        }
    }
}
