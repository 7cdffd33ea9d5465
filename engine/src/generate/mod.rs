//! Writing text with a model: a prompt goes in, tokens come out in batches, text streams as soon as it is certain.
//!
//! [`Decoder`] is a model on a device, which keeps caches of keys and values and samples ([`sampler`] says by which rules). [`generate`] is
//! the loop around it: it knows when to stop and times itself. [`Writer`] holds back what may become a stop string. Tokenizers stay
//! outside: the loop takes a function from tokens to text.

mod open;
pub mod sampler;
mod writer;

pub use writer::{Ending, Writer};

use crate::cpu::CpuDecoder;
use crate::error::Result;
use crate::gpu::{Gpu, GpuDecoder};
use glasshouse_protocol::GenerateConfig;
use std::ops::ControlFlow;
use web_time::Instant;

/// A model that writes.
#[derive(Debug)]
pub enum Decoder {
    /// On the processor's cores.
    Cpu(Box<CpuDecoder>),
    /// On a device: several tokens a submission.
    Gpu(Box<GpuDecoder>, Box<Gpu>),
}

impl Decoder {
    /// Begins a text after `prompt`, of which the last `context` tokens are kept. An empty prompt is refused.
    pub async fn start(&mut self, prompt: &[u32], config: &GenerateConfig) -> Result<()> {
        match self {
            Self::Cpu(decoder) => decoder.start(prompt, config),
            Self::Gpu(decoder, _) => decoder.start(prompt, config).await,
        }
    }

    /// Exactly `count` further tokens.
    pub async fn advance(&mut self, count: usize) -> Result<Vec<u32>> {
        match self {
            Self::Cpu(decoder) => decoder.advance(count),
            Self::Gpu(decoder, _) => decoder.advance(count).await,
        }
    }

    /// Tokens to ask for at once while text streams.
    fn batch(&self) -> usize {
        match self {
            // Nothing is gained by waiting for more.
            Self::Cpu(_) => 4,
            Self::Gpu(..) => 16,
        }
    }
}

/// What a batch of tokens added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
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
    /// Why it ended.
    pub ending: Ending,
    /// From the start, the reading of the prompt included, to the last token.
    pub seconds: f64,
    /// Tokens written a second.
    pub tokens_per_s: f64,
}

/// Writes on from `prompt`. `decode` and `end_of_text` are [`Writer::new`]'s; `on_piece` sees each batch as it comes and may
/// break off.
pub async fn generate(
    decoder: &mut Decoder,
    prompt: &[u32],
    config: &GenerateConfig,
    end_of_text: Option<u32>,
    decode: impl FnMut(Option<u32>) -> Option<String>,
    mut on_piece: impl FnMut(&Piece) -> ControlFlow<()>,
) -> Result<Generated> {
    let begun = Instant::now();
    decoder.start(prompt, config).await?;
    let mut writer = Writer::new(config, end_of_text, decode);
    // The first token comes alone, so that something is seen at once.
    let mut count = 1;
    while writer.ending().is_none() {
        let before = writer.tokens().len();
        let wanted = count.min(config.max_tokens - before);
        let mut text = String::new();
        for token in decoder.advance(wanted).await? {
            text.push_str(&writer.push(token));
        }
        let tokens = writer.tokens().iter().skip(before).copied().collect();
        if on_piece(&Piece { tokens, text }).is_break() {
            writer.finish(Ending::Interrupted);
        }
        count = (count * 2).min(decoder.batch());
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Generated {
        text: writer.text().to_owned(),
        tokens: writer.tokens().to_vec(),
        ending: writer.ending().unwrap_or(Ending::Interrupted),
        seconds,
        tokens_per_s: writer.tokens().len() as f64 / seconds.max(1e-9),
    })
}
