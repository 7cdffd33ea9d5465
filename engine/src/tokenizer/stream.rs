//! Decoding token by token: text comes out as soon as its characters are whole, so a terminal never sees half of one.

use super::Tokenizer;

/// Turns tokens into text as they are generated. All that `push` and `flush` return, joined, is what
/// [`Tokenizer::decode`] makes of the same tokens.
pub struct DecodeStream<T> {
    /// The tokenizer, borrowed or shared.
    tokenizer: T,
    /// Bytes of a character that is not complete yet.
    pending: Vec<u8>,
    /// For tokenizers whose tokens are not plain bytes: the tokens of which text may still be owed.
    tokens: Vec<u32>,
    prefix: String,
    prefix_index: usize,
}

impl<T: std::ops::Deref<Target = Tokenizer>> DecodeStream<T> {
    /// A stream at its beginning.
    pub fn new(tokenizer: T) -> Self {
        Self { tokenizer, pending: Vec::new(), tokens: Vec::new(), prefix: String::new(), prefix_index: 0 }
    }

    /// The tokenizer that decodes.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Takes one token; returns the text that is certain by now, if there is any.
    pub fn push(&mut self, token: u32) -> Option<String> {
        let Some(bytes) = &self.tokenizer.bytes else {
            return tokenizers::step_decode_stream(
                &self.tokenizer.inner,
                vec![token],
                false,
                &mut self.tokens,
                &mut self.prefix,
                &mut self.prefix_index,
            )
            .ok()
            .flatten();
        };
        self.pending.extend_from_slice(bytes.get(token as usize).map_or(&[][..], |bytes| bytes));
        let text = self.take_complete();
        (!text.is_empty()).then_some(text)
    }

    /// Ends the stream: what is left of an unfinished character becomes U+FFFD.
    pub fn flush(&mut self) -> Option<String> {
        let text = if self.tokenizer.bytes.is_some() {
            String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
        } else {
            let tokens = std::mem::take(&mut self.tokens);
            let whole = self.tokenizer.decode(&tokens);
            let prefix = std::mem::take(&mut self.prefix);
            self.prefix_index = 0;
            whole.strip_prefix(&prefix).unwrap_or_default().to_owned()
        };
        (!text.is_empty()).then_some(text)
    }

    /// Everything in `pending` but the start of a character that later bytes may complete.
    fn take_complete(&mut self) -> String {
        let mut text = String::new();
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let kept = match std::str::from_utf8(&self.pending) {
            Ok(_) => 0,
            Err(_) => unfinished(&self.pending),
        };
        if kept > 0 {
            text.pop();
        }
        self.pending.drain(..self.pending.len() - kept);
        text
    }
}

/// Bytes at the end that begin a character and lack its rest.
fn unfinished(bytes: &[u8]) -> usize {
    // Only the last three bytes can belong to one.
    (1..=bytes.len().min(3))
        .find(|count| {
            let tail = bytes.get(bytes.len() - count..).unwrap_or_default();
            tail.first().is_some_and(|first| *first >= 0xc0)
                && std::str::from_utf8(tail)
                    .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::tokenizer::tests::train;
    use glasshouse_protocol::TokenizerKind;
    use proptest::prelude::*;

    #[test]
    fn half_a_character_waits_for_its_rest() {
        let tokenizer = train(TokenizerKind::Byte, 0, &["x"]);
        let mut stream = tokenizer.decode_stream();
        let out: Vec<Option<String>> = "a😀".bytes().map(|byte| stream.push(u32::from(byte))).collect();
        assert_eq!(out, [Some("a".into()), None, None, None, Some("😀".into())]);
        assert_eq!(stream.flush(), None);
        assert_eq!(stream.push(0xf0), None);
        assert_eq!(stream.flush(), Some("\u{fffd}".into()));
    }

    proptest! {
        #[test]
        fn streaming_any_bytes_equals_decoding_them(bytes: Vec<u8>) {
            let tokenizer = train(TokenizerKind::Byte, 0, &["x"]);
            let tokens: Vec<u32> = bytes.iter().copied().map(u32::from).collect();
            let mut stream = tokenizer.decode_stream();
            let mut text: String = tokens.iter().filter_map(|token| stream.push(*token)).collect();
            text.extend(stream.flush());
            prop_assert_eq!(&text, &tokenizer.decode(&tokens));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
