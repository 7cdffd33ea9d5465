//! From a prompt's text to a generation that decodes its own tokens.

use super::{Generation, Request};
use crate::error::{Error, Result};
use crate::tokenizer::{DecodeStream, Tokenizer};
use glasshouse_protocol::GenerateConfig;
use std::ops::Deref;

/// Decodes a text's tokens.
pub type Decode<'text> = Box<dyn FnMut(Option<u32>) -> Option<String> + 'text>;

/// A generation with its tokenizer.
pub type TextGeneration<'text> = Generation<Decode<'text>>;

/// A text after a prompt, of [`prompt_tokens`], that one of the tokenizer's own ends or of `ends` ends.
pub fn request<'text, T: Deref<Target = Tokenizer> + 'text>(
    tokenizer: T,
    prompt: &[u32],
    ends: &[u32],
    config: &GenerateConfig,
) -> Request<Decode<'text>> {
    let ends = [tokenizer.ends(), ends.to_vec()].concat();
    let mut stream = DecodeStream::after(tokenizer, prompt);
    let decode: Decode<'text> = Box::new(move |token| match token {
        Some(token) => stream.push(token),
        None => stream.flush(),
    });
    Request { prompt: prompt.to_vec(), config: config.clone(), ends, judges: None, decode }
}

/// The prompt's tokens, or why there are none.
///
/// # Errors
/// Nothing was written, or the vocabulary has none of its characters.
pub fn prompt_tokens(tokenizer: &Tokenizer, prompt: &str) -> Result<Vec<u32>> {
    let ids = tokenizer.encode_prompt(prompt)?;
    if !ids.is_empty() {
        return Ok(ids);
    }
    let lost: String = tokenizer.unknown_characters(prompt).into_iter().collect();
    Err(Error::Refused(if lost.is_empty() {
        "the prompt is empty; write a few letters for the model to go on from".to_owned()
    } else {
        format!("the vocabulary has none of the prompt's characters ({lost}); write others")
    }))
}
