//! One text from a decoder: prompt in, pieces out as they are certain, until the end or a stop.

use anyhow::{Result, bail};
use glasshouse_engine::generate::{Decoder, Ending, Writer};
use glasshouse_engine::protocol::GenerateConfig;
use glasshouse_engine::tokenizer::Tokenizer;
use std::time::Instant;

/// Tokens that are asked of the decoder at a time.
const TOKENS_AT_ONCE: usize = 16;

/// What was written.
pub(super) struct Written {
    /// The text after the prompt.
    pub(super) text: String,
    /// Tokens behind it.
    pub(super) tokens: usize,
    /// Tokens a second, the reading of the prompt left out.
    pub(super) tokens_per_second: f64,
}

/// A piece of text, as it comes.
pub(super) struct Piece<'text> {
    /// Its tokens.
    pub(super) ids: &'text [u32],
    /// What is certain to be written now; may be empty.
    pub(super) text: &'text str,
}

/// Writes after `prompt`. `show` gets each piece and says whether to go on.
pub(super) async fn write(
    decoder: &mut Decoder,
    tokenizer: &Tokenizer,
    prompt: &str,
    config: &GenerateConfig,
    show: &mut dyn FnMut(&Piece<'_>) -> Result<bool>,
) -> Result<Written> {
    let mut ids = tokenizer.encode(prompt)?;
    if ids.is_empty() {
        // A model that separates documents knows how one begins; another needs something to go on.
        match tokenizer.end_of_text() {
            Some(id) => ids.push(id),
            None => bail!("the prompt has no tokens; write one with --prompt"),
        }
    }
    decoder.start(&ids, config).await?;
    let mut stream = tokenizer.decode_stream();
    let mut writer = Writer::new(config, tokenizer.end_of_text(), |token| match token {
        Some(token) => stream.push(token),
        None => stream.flush(),
    });
    let start = Instant::now();
    let mut advanced = 0;
    while writer.ending().is_none() {
        let wanted = TOKENS_AT_ONCE.min(config.max_tokens - writer.tokens().len());
        let tokens = decoder.advance(wanted).await?;
        advanced += tokens.len();
        let mut text = String::new();
        for token in &tokens {
            text.push_str(&writer.push(*token));
        }
        if !show(&Piece { ids: &tokens, text: &text })? {
            writer.finish(Ending::Interrupted);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Written {
        text: writer.text().to_owned(),
        tokens: writer.tokens().len(),
        tokens_per_second: if seconds > 0.0 { advanced as f64 / seconds } else { 0.0 },
    })
}
