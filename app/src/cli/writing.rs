//! One text from a decoder: prompt in, pieces out as they are certain, until the end or a stop.

use anyhow::{Result, bail};
use glasshouse_engine::generate::{Decoder, Generated, Piece, generate};
use glasshouse_engine::protocol::GenerateConfig;
use glasshouse_engine::tokenizer::Tokenizer;
use std::ops::ControlFlow;

/// Writes after `prompt`. `show` gets each piece and says whether to go on.
pub(super) async fn write(
    decoder: &mut Decoder,
    tokenizer: &Tokenizer,
    prompt: &str,
    config: &GenerateConfig,
    show: &mut dyn FnMut(&Piece) -> Result<bool>,
) -> Result<Generated> {
    let ids = tokenizer.encode_prompt(prompt)?;
    if ids.is_empty() {
        bail!("the prompt has no tokens; write one with --prompt");
    }
    let mut stream = tokenizer.decode_stream();
    let decode = |token: Option<u32>| match token {
        Some(token) => stream.push(token),
        None => stream.flush(),
    };
    let mut failure = None;
    let generated =
        generate(decoder, &ids, config, tokenizer.end_of_text(), decode, |piece| match show(piece) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })
        .await?;
    match failure {
        Some(error) => Err(error),
        None => Ok(generated),
    }
}
