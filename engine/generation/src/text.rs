//! Requests that decode their tokens with a tokenizer.

use super::Request;
use glasshouse_compiler::sampler::Watch;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::tokenizer::{DecodeStream, Tokenizer};
use std::collections::BTreeSet;
use std::ops::Deref;

pub type Decode<'text> = Box<dyn FnMut(Option<u32>) -> Option<String> + 'text>;

/// Requests a text after a prompt from [`prompt_tokens`]. It ends at the tokenizer's end tokens or at `ends`, unless
/// the settings say otherwise.
pub fn request<'text, T: Deref<Target = Tokenizer> + 'text>(
    tokenizer: T,
    prompt: &[u32],
    ends: &[u32],
    config: &GenerateConfig,
) -> Request<Decode<'text>> {
    let own = tokenizer.ends().into_iter().chain(ends.iter().copied());
    let ends = own.filter(|_| !config.ignore_end).chain(config.stop_tokens.iter().copied());
    let ends: BTreeSet<u32> = ends.collect();
    let ends = Vec::from_iter(ends);
    // The decoder masks these tokens until `min_tokens` are reached.
    let stop_tokens = if config.min_tokens > 0 { ends.clone() } else { config.stop_tokens.clone() };
    let config = GenerateConfig { stop_tokens, ..config.clone() };
    let writes_special = config.special_tokens;
    let mut stream = DecodeStream::after(tokenizer, prompt);
    let decode: Decode<'text> = Box::new(move |token| match token {
        Some(token) if !writes_special && stream.tokenizer().is_special(token) => None,
        Some(token) => stream.push(token),
        None => stream.flush(),
    });
    Request { prompt: prompt.to_vec(), config, ends, classifier: None, watch: Watch::default(), decode }
}

/// Tokenizes a prompt.
///
/// # Errors
/// The prompt is empty, or contains only unknown characters.
pub fn prompt_tokens(tokenizer: &Tokenizer, prompt: &str) -> Result<Vec<u32>> {
    let ids = tokenizer.encode_prompt(prompt)?;
    if !ids.is_empty() {
        return Ok(ids);
    }
    let lost: String = tokenizer.unknown_characters(prompt).into_iter().collect();
    Err(Error::Refused(if lost.is_empty() {
        "the prompt is empty; type at least one character".to_owned()
    } else {
        format!("the vocabulary has none of the prompt's characters ({lost}); use others")
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::{Ending, TokenizerConfig, TokenizerKind};

    /// The text written for tokens, and why it ends.
    fn written(tokenizer: &Tokenizer, tokens: &[u32], config: &GenerateConfig) -> (String, Option<Ending>) {
        let Request { config, ends, decode, .. } = request(tokenizer, &[0], &[u32::from(b'!')], config);
        let mut writer = Writer::new(&config, ends, None, decode);
        tokens.iter().for_each(|token| drop(writer.push(*token)));
        writer.finish(Ending::Interrupted);
        (writer.text().to_owned(), writer.ending())
    }

    #[test]
    fn a_request_says_what_ends_a_text_and_whether_special_tokens_are_written() {
        let config = TokenizerConfig {
            special_tokens: vec!["<|x|>".to_owned()],
            ..TokenizerConfig::new(TokenizerKind::Byte, 260)
        };
        let tokenizer = block_on(Tokenizer::train(&config, ["a", "b"], &Yielder::none())).unwrap();
        let (end, special) = (tokenizer.end_of_text().unwrap(), tokenizer.id("<|x|>").unwrap());
        let ids = |text: &str| text.bytes().map(u32::from).collect::<Vec<u32>>();
        let tokens = [ids("a"), vec![special], ids("b"), vec![end], ids("c!d")].concat();
        let plain = GenerateConfig::default();
        let of = |config: GenerateConfig| written(&tokenizer, &tokens, &config);
        let text = |text: &str, ending| (text.to_owned(), Some(ending));
        assert_eq!(of(plain.clone()), text("ab", Ending::EndOfText));
        // By default, special tokens produce no text and are invisible to stop strings.
        let stop = vec!["x".to_owned()];
        assert_eq!(of(GenerateConfig { stop: stop.clone(), ..plain.clone() }), text("ab", Ending::EndOfText));
        let special = GenerateConfig { special_tokens: true, ..plain.clone() };
        assert_eq!(of(special.clone()), text("a<|x|>b", Ending::EndOfText));
        assert_eq!(of(GenerateConfig { stop, ..special }), text("a<|", Ending::StopString));
        // Neither the tokenizer's nor the template's end token ends the text.
        let ignores = GenerateConfig { ignore_end: true, ..plain.clone() };
        assert_eq!(of(ignores.clone()), text("abc!d", Ending::Interrupted));
        let stops = GenerateConfig { stop_tokens: ids("c"), ..ignores };
        assert_eq!(of(stops), text("ab", Ending::EndOfText));
        assert_eq!(
            of(GenerateConfig { stop_tokens: ids("a"), ..plain.clone() }),
            text("", Ending::EndOfText)
        );
        // No token ends the text before `min_tokens`; the decoder gets the tokens to mask.
        let asked = GenerateConfig { min_tokens: 3, stop_tokens: vec![end, 98], ..plain.clone() };
        let Request { config, ends, .. } = request(&tokenizer, &[0], &[33], &asked);
        assert_eq!((&config.stop_tokens, &ends), (&vec![33, 98, end], &vec![33, 98, end]));
        assert_eq!(of(GenerateConfig { min_tokens: 3, ..plain.clone() }), text("ab", Ending::EndOfText));
        assert_eq!(of(GenerateConfig { min_tokens: 4, ..plain }), text("abc", Ending::EndOfText));
    }
}
