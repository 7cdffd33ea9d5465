//! Inspecting a tokenizer: readable tokens, and the merges that build a text's tokens.

use super::Tokenizer;
use super::bytes::ByteOf;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{MergeStep, TokenSummary};
use std::collections::{BTreeMap, HashMap};
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

/// Maximum characters of a text whose merges are replayed.
const REPLAYED: usize = 400;

/// The merges of a BPE tokenizer: rank by left and right part, as spelled in `tokenizer.json`.
pub struct Merges(HashMap<(String, String), usize>);

impl Tokenizer {
    /// A readable token: its text, with bytes of incomplete characters as `\xE2`.
    pub fn describe(&self, id: u32) -> TokenSummary {
        let spelled = self.token(id).unwrap_or_default();
        let special = self.is_special(id);
        let text = match self.bytes.as_ref().and_then(|table| table.get(id as usize)) {
            Some(bytes) => escaped(bytes),
            None => spelled,
        };
        TokenSummary { id, text, special }
    }

    /// Whether a token is special, such as the end-of-text token.
    pub fn is_special(&self, id: u32) -> bool {
        self.token(id).is_some_and(|spelled| self.inner.get_added_vocabulary().is_special_token(&spelled))
    }

    /// The bytes that a token adds to a text.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        if let Some(bytes) = self.bytes.as_ref().and_then(|table| table.get(id as usize)) {
            return bytes.clone();
        }
        let spelled = self.token(id).unwrap_or_default();
        // Byte fallback spells a byte as <0xE2>, and SentencePiece a space as U+2581.
        let byte = spelled.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        match byte.filter(|byte| byte.len() == 2).and_then(|byte| u8::from_str_radix(byte, 16).ok()) {
            Some(byte) => vec![byte],
            None => spelled.replace('\u{2581}', " ").into_bytes(),
        }
    }

    /// The merges; `None` for tokenizers other than BPE and for vocabularies without merges. Fails with an internal error if its JSON is
    /// not what the `tokenizers` crate writes.
    pub fn merges(&self) -> Result<Option<Merges>> {
        let json: serde_json::Value = serde_json::from_slice(self.to_json()?.as_bytes())
            .map_err(|error| Error::Internal(format!("tokenizer from JSON: {error}")))?;
        let model = &json["model"];
        let list = model["merges"].as_array().filter(|_| model["type"] == "BPE");
        let ranks: HashMap<_, _> = list
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(rank, pair)| {
                Some(((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()), rank))
            })
            .collect();
        Ok((!ranks.is_empty()).then_some(Merges(ranks)))
    }

    /// Replays how byte-pair encoding builds a text's tokens: the initial pieces (one byte each) and the merges in rank order, each with
    /// every position where it applies. Limited to the first 400 characters.
    pub fn replay(&self, text: &str) -> Result<(Vec<String>, Vec<MergeStep>)> {
        let none = || Error::Refused("only a BPE tokenizer has merges to replay".to_owned());
        let Merges(ranks) = self.merges()?.ok_or_else(none)?;
        let text: String = text.chars().take(REPLAYED).collect();
        let mut split = PreTokenizedString::from(text.as_str());
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer
                .pre_tokenize(&mut split)
                .map_err(|error| Error::Refused(format!("the tokenizer cannot split this text: {error}")))?;
        }
        // Pieces are not merged across words; the word's number separates them.
        let mut pieces: Vec<(usize, String)> = Vec::new();
        for (word, (spelled, ..)) in
            split.get_splits(OffsetReferential::Original, OffsetType::Byte).into_iter().enumerate()
        {
            pieces.extend(spelled.chars().map(|character| (word, character.to_string())));
        }
        let alphabet = ByteOf::default();
        let shown = |spelled: &str| match alphabet.bytes(spelled) {
            Some(bytes) => escaped(&bytes),
            None => spelled.to_owned(),
        };
        let first = pieces.iter().map(|(_, piece)| shown(piece)).collect();
        let mut steps = Vec::new();
        loop {
            let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (at, pair) in pieces.windows(2).enumerate() {
                if let [(word, left), (next, right)] = pair
                    && word == next
                    && let Some(rank) = ranks.get(&(left.clone(), right.clone()))
                {
                    places.entry(*rank).or_default().push(at);
                }
            }
            let Some((rank, candidates)) = places.pop_first() else { break };
            // In a run of equal pieces the pairs overlap; the leftmost ones win.
            let mut at = Vec::new();
            for place in candidates {
                if at.last().is_none_or(|last| last + 1 < place) {
                    at.push(place);
                }
            }
            let (Some((_, left)), Some((_, right))) =
                (at.first().and_then(|at| pieces.get(*at)), at.first().and_then(|at| pieces.get(at + 1)))
            else {
                break;
            };
            let whole = shown(&format!("{left}{right}"));
            steps.push(MergeStep { rank, left: shown(left), right: shown(right), whole, at: at.clone() });
            for place in at.iter().rev() {
                let (_, right) = pieces.remove(place + 1);
                if let Some((_, left)) = pieces.get_mut(*place) {
                    left.push_str(&right);
                }
            }
        }
        Ok((first, steps))
    }
}

impl Merges {
    /// For each merged token, its two parts, as spelled by the tokenizer.
    pub fn parts(&self) -> HashMap<String, (String, String)> {
        let whole = |(left, right): &(String, String)| format!("{left}{right}");
        self.0.keys().map(|pair| (whole(pair), pair.clone())).collect()
    }
}

/// Bytes as text; those of incomplete characters as `\xE2`.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};

    fn config(kind: TokenizerKind) -> TokenizerConfig {
        TokenizerConfig::new(kind, 300)
    }

    #[test]
    fn replayed_merges_end_in_the_tokens() {
        let text = "the owl and the other owl, the aaaa owls and the café";
        let tokenizer =
            crate::tokenizer::tests::try_train(&config(TokenizerKind::Bpe), [text, text]).unwrap();
        for text in [text, "the theatre café", "aaaaa"] {
            let (mut pieces, steps) = tokenizer.replay(text).unwrap();
            assert!(!steps.is_empty());
            for step in &steps {
                for at in step.at.iter().rev() {
                    assert_eq!((&pieces[*at], &pieces[at + 1]), (&step.left, &step.right));
                    pieces.remove(at + 1);
                    pieces[*at].clone_from(&step.whole);
                }
            }
            let tokens: Vec<String> =
                tokenizer.encode(text).unwrap().iter().map(|id| tokenizer.describe(*id).text).collect();
            assert_eq!(pieces, tokens);
        }
    }

    #[test]
    fn tokens_are_shown_as_text_and_special_ones_as_such() {
        let tokenizer = crate::tokenizer::tests::try_train(&config(TokenizerKind::Byte), ["é", "b"]).unwrap();
        assert_eq!(tokenizer.describe(0xC3).text, "\\xC3");
        assert_eq!(tokenizer.token_bytes(0xC3), [0xC3]);
        assert_eq!(tokenizer.describe(u32::from(b'b')).text, "b");
        assert!(tokenizer.is_special(tokenizer.end_of_text().unwrap()) && !tokenizer.is_special(0xC3));
        assert!(tokenizer.replay("b").is_err());
    }
}
