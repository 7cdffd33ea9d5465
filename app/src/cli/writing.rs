//! One text from a decoder: prompt in, pieces out as they are certain, until the end or a stop.

use anyhow::Result;
use glasshouse_engine::generate::{Decoder, Generated, Piece, begin, prompt_tokens};
use glasshouse_engine::protocol::GenerateConfig;
use glasshouse_engine::tokenizer::Tokenizer;

/// Writes after `prompt`. `show` gets each piece and says whether to go on.
pub(super) async fn write(
    decoder: &mut Decoder,
    tokenizer: &Tokenizer,
    prompt: &str,
    config: &GenerateConfig,
    show: &mut dyn FnMut(&Piece) -> Result<bool>,
) -> Result<Generated> {
    let prompt = prompt_tokens(tokenizer, prompt)?;
    let mut generation = begin(decoder, tokenizer, &prompt, config).await?;
    while !generation.is_over() {
        if !show(&generation.next(decoder).await?)? {
            generation.interrupt();
        }
    }
    Ok(generation.finish())
}
