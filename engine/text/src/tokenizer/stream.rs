//! Streaming decoding: text is returned as soon as its characters are complete, so a terminal never sees part of one.

use super::Tokenizer;

/// Decodes tokens as they are generated. The concatenated results of `push` and `flush` equal [`Tokenizer::decode`] of the same tokens.
pub struct DecodeStream<T> {
    /// Borrowed or shared.
    tokenizer: T,
    /// Bytes of an incomplete character.
    pending: Vec<u8>,
    /// For tokenizers whose tokens are not plain bytes: the last tokens; the first `returned` bytes of their text were returned.
    tokens: Vec<u32>,
    returned: usize,
}

impl<T: std::ops::Deref<Target = Tokenizer>> DecodeStream<T> {
    /// A stream at the start of a text.
    pub fn new(tokenizer: T) -> Self {
        Self { tokenizer, pending: Vec::new(), tokens: Vec::new(), returned: 0 }
    }

    /// A stream that continues a prompt without returning the prompt's text. The first token keeps the leading space that
    /// decoders strip at the start of a text. A special token in the prompt starts a new text, as in encoding.
    pub fn after(tokenizer: T, prompt: &[u32]) -> Self {
        let mut stream = Self::new(tokenizer);
        if stream.tokenizer.bytes.is_none() {
            let own = prompt.rsplit(|id| stream.tokenizer.describe(*id).special).next().unwrap_or_default();
            let has_text =
                |id: &u32| !stream.tokenizer.is_byte(*id) && !stream.tokenizer.decode(&[*id]).is_empty();
            let known = own.iter().rposition(has_text).map_or(own, |at| &own[at..=at]);
            (stream.tokens, stream.returned) = (known.to_vec(), stream.tokenizer.decode(known).len());
        }
        stream
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Takes a token; returns text that has become final, if any.
    pub fn push(&mut self, token: u32) -> Option<String> {
        if let Some(bytes) = &self.tokenizer.bytes {
            self.pending.extend_from_slice(bytes.get(token as usize).map_or(&[][..], |bytes| bytes));
            let text = self.take_complete();
            return (!text.is_empty()).then_some(text);
        }
        self.tokenizer.token(token)?;
        self.tokens.push(token);
        // A run of byte tokens is decoded as a whole, because a single invalid byte makes all of it unreadable.
        if self.tokenizer.is_byte(token) { None } else { self.certain_text(false) }
    }

    /// Ends the stream; the rest of an incomplete character becomes U+FFFD.
    pub fn flush(&mut self) -> Option<String> {
        if self.tokenizer.bytes.is_none() {
            let text = self.certain_text(true);
            (self.tokens, self.returned) = (Vec::new(), 0);
            return text;
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The unreturned text of `tokens`; unless at the `end`, without a last character that later tokens may complete.
    fn certain_text(&mut self, end: bool) -> Option<String> {
        let whole = self.tokenizer.decode(&self.tokens);
        let certain = whole.strip_suffix(char::REPLACEMENT_CHARACTER).filter(|_| !end).unwrap_or(&whole);
        let text = certain.get(self.returned..).unwrap_or_default().to_owned();
        self.returned += text.len();
        // Decoders only need to know whether there are preceding tokens, so the last one is enough.
        if self.returned == whole.len()
            && let Some(last) = self.tokens.last().copied()
        {
            let own = self.tokenizer.decode(&[last]).len();
            if own > 0 {
                (self.tokens, self.returned) = (vec![last], own);
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// Takes everything from `pending` except an incomplete character at the end.
    fn take_complete(&mut self) -> String {
        let (mut text, mut at) = (String::new(), 0);
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            at += chunk.valid().len();
            let may_continue = at + invalid.len() == self.pending.len()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if may_continue {
                break;
            }
            at += invalid.len();
            text.extend((!invalid.is_empty()).then_some(char::REPLACEMENT_CHARACTER));
        }
        self.pending.drain(..at);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::DecodeStream;
    use crate::tokenizer::Tokenizer;
    use crate::tokenizer::tests::{streamed, train};
    use glasshouse_protocol::TokenizerKind;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::sync::LazyLock;

    /// A vocabulary of a few words, and all bytes in SentencePiece's spelling from id 12 on.
    fn decoded_by(decoder: &Value) -> Tokenizer {
        let words = ["<unk>", "<s>", "</s>", "▁", "▁▁", "▁the", "sea", "▁sea", "##s", "é", "low</w>", "."];
        let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
        let all = words.into_iter().map(str::to_owned).chain(bytes).enumerate();
        let vocabulary: serde_json::Map<_, _> = all.map(|(id, token)| (token, json!(id))).collect();
        let added: Vec<Value> = (0..3)
            .map(|id| {
                json!({ "id": id, "content": words[id], "single_word": false, "lstrip": false, "rstrip": false,
                        "normalized": false, "special": true })
            })
            .collect();
        let json = json!({
            "version": "1.0", "added_tokens": added, "normalizer": null, "pre_tokenizer": null, "post_processor": null,
            "decoder": decoder,
            "model": { "type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": "<unk>", "byte_fallback": true },
        });
        Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap()
    }

    /// Llama 2's and Gemma's decoders, and others that treat a first or last token differently.
    static DECODERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
        let spaces = json!({ "type": "Replace", "pattern": { "String": "▁" }, "content": " " });
        let (bytes, fuse) = (json!({ "type": "ByteFallback" }), json!({ "type": "Fuse" }));
        let strip = json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 });
        let decoders = [
            json!({ "type": "Sequence", "decoders": [spaces, bytes, fuse, strip] }),
            json!({ "type": "Sequence", "decoders": [spaces, bytes, fuse] }),
            json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }),
            json!({ "type": "WordPiece", "prefix": "##", "cleanup": true }),
            json!({ "type": "BPEDecoder", "suffix": "</w>" }),
            Value::Null,
        ];
        decoders.iter().map(decoded_by).collect()
    });

    #[test]
    fn a_byte_that_is_no_character_ends_nothing_and_a_prompt_keeps_its_space() {
        let llama = &DECODERS[0];
        let byte = |byte: u32| 12 + byte;
        // "é" in bytes, then an invalid byte, then text.
        let ids = [7, byte(0xc3), byte(0xa9), 5, byte(0xff), 6, byte(0xc3), 7];
        assert_eq!(streamed(llama.decode_stream(), &ids), "seaé the\u{fffd}sea\u{fffd} sea");
        let mut stream = DecodeStream::after(llama, &[1, 5]);
        assert_eq!((stream.push(7), stream.push(6)), (Some(" sea".into()), Some("sea".into())));
        assert_eq!(streamed(DecodeStream::after(llama, &[1, 5, 3]), &[7]), " sea");
        assert_eq!(streamed(DecodeStream::after(llama, &[1, 5, byte(0xc3), byte(0xa9)]), &[7]), " sea");
        // A special token starts a new text.
        assert_eq!(streamed(DecodeStream::after(llama, &[5, 1]), &[7]), "sea");
        assert_eq!(streamed(DecodeStream::after(llama, &[]), &[7]), "sea");
    }

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
        fn streaming_equals_decoding_at_once_whatever_the_decoder(
            ids in proptest::collection::vec(prop_oneof![3 => 0_u32..12, 1 => 12_u32..268, 1 => 207_u32..300], 0..24),
        ) {
            for tokenizer in DECODERS.iter() {
                let theirs = tokenizer.inner.decode(&ids, false).unwrap();
                prop_assert_eq!(streamed(tokenizer.decode_stream(), &ids), theirs.as_str(), "{:?}", ids);
                prop_assert_eq!(tokenizer.decode(&ids), theirs);
            }
        }

        #[test]
        fn streaming_any_bytes_equals_decoding_them(bytes: Vec<u8>) {
            let tokenizer = train(TokenizerKind::Byte, 0, &["x"]);
            let tokens: Vec<u32> = bytes.iter().copied().map(u32::from).collect();
            let text = streamed(tokenizer.decode_stream(), &tokens);
            prop_assert_eq!(&text, &tokenizer.decode(&tokens));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
