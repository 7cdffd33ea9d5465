//! Trains a tokenizer on a stream of text, keeping only word counts or the set of characters.

use super::bytes::alphabet;
use super::cut::{Cut, CutRule};
use super::words::{WordRule, Words};
use super::{Tokenizer, merges, shape, unigram};
use glasshouse_platform::{Error, Result, Yielder, block_on, refuse};
use glasshouse_protocol::{Invalid, TokenizerConfig, TokenizerKind, order};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokenizers::parallelism::MaybeParallelIterator;

/// Bytes of text buffered before its words are counted on all cores.
const BUFFER_BYTES: usize = 1 << 20;

/// Maximum bytes of a counted word. Longer ones do not help the vocabulary and would take the trainers quadratic time.
const MAX_WORD_BYTES: usize = 128;

/// Collects the statistics for training a tokenizer from text in pieces.
///
/// Pieces of a document should be split where [`TokenizerTrainer::cut`] allows it; a word that is split counts as two.
pub struct TokenizerTrainer {
    config: TokenizerConfig,
    characters: BTreeSet<char>,
    words: HashMap<String, u64>,
    split: Option<Words>,
    buffer: Vec<String>,
    buffered: usize,
}

impl TokenizerTrainer {
    pub fn new(config: &TokenizerConfig) -> Result<Self> {
        config.validate()?;
        if config.kind == TokenizerKind::Imported {
            return Err(not_made());
        }
        let split = config.kind.is_trained().then(|| Words::new(word_rule(config))).transpose()?;
        Ok(Self {
            config: config.clone(),
            characters: BTreeSet::new(),
            words: HashMap::new(),
            split,
            buffer: Vec::new(),
            buffered: 0,
        })
    }

    /// Where documents may be split before [`Self::feed`].
    pub fn cut(&self) -> Cut {
        let rule = self.split.as_ref().map_or(CutRule::BeforeWhitespace, Words::cut);
        Cut { rule, special: Vec::new() }
    }

    /// Takes a document, or a piece of one.
    pub fn feed(&mut self, text: &str) {
        match self.config.kind {
            TokenizerKind::Byte | TokenizerKind::Imported => {}
            TokenizerKind::Char => {
                // Characters often repeat; look up only those that differ from the last.
                let mut last = None;
                for character in text.chars() {
                    if last != Some(character) {
                        self.characters.insert(character);
                        last = Some(character);
                    }
                }
            }
            TokenizerKind::Bpe | TokenizerKind::WordPiece | TokenizerKind::Unigram => {
                self.buffered += text.len();
                self.buffer.push(text.to_owned());
                if self.buffered >= BUFFER_BYTES {
                    self.count();
                }
            }
        }
    }

    /// Counts the words of the buffered text.
    fn count(&mut self) {
        self.buffered = 0;
        let texts = std::mem::take(&mut self.buffer);
        let Some(split) = &self.split else { return };
        let cut = self.cut();
        let pieces: Vec<&str> = texts.iter().flat_map(|text| cut.pieces(text, super::PIECE_BYTES)).collect();
        let counts: Vec<HashMap<&str, u64>> = pieces
            .into_maybe_par_iter()
            .map(|piece| {
                let mut counts = HashMap::new();
                for word in split.split(piece).filter(|word| word.len() <= MAX_WORD_BYTES) {
                    *counts.entry(word).or_default() += 1;
                }
                counts
            })
            .collect();
        for (word, count) in counts.into_iter().flatten() {
            match self.words.get_mut(word) {
                Some(total) => *total += count,
                None => {
                    self.words.insert(word.to_owned(), count);
                }
            }
        }
    }

    /// Trains the tokenizer. Byte and character vocabularies include `<|endoftext|>` only if there are several documents.
    pub fn finish(self, several_documents: bool) -> Result<Tokenizer> {
        block_on(self.finish_in_turns(several_documents, &Yielder::none()))
    }

    /// Like [`Self::finish`], yielding regularly; training can take minutes.
    pub async fn finish_in_turns(mut self, several_documents: bool, yielder: &Yielder) -> Result<Tokenizer> {
        self.count();
        yielder.maybe_yield().await;
        let special = self.config.special(several_documents);
        let json = match self.config.kind {
            TokenizerKind::Byte => self.byte(&special),
            TokenizerKind::Char => self.characters(&special)?,
            TokenizerKind::Bpe => self.byte_pairs(&special, yielder).await,
            TokenizerKind::WordPiece => self.word_pieces(&special, yielder).await,
            TokenizerKind::Unigram => self.unigram(&special, yielder).await,
            TokenizerKind::Imported => return Err(not_made()),
        };
        let json = serde_json::to_vec(&json)
            .map_err(|error| Error::Internal(format!("tokenizer to JSON: {error}")))?;
        Tokenizer::from_bytes(&json)
    }

    fn byte(&self, special: &[String]) -> Value {
        let vocabulary = vocabulary(alphabet().iter().map(char::to_string));
        let level = shape::byte_level(false);
        shape::assemble(
            &shape::bpe_model(&vocabulary, &json!([])),
            &level,
            &shape::byte_level(true),
            special,
            256,
        )
    }

    fn characters(&self, special: &[String]) -> Result<Value> {
        let count = self.characters.len();
        if count == 0 {
            refuse!("there is no text to build a character vocabulary from");
        }
        let vocabulary = vocabulary(self.characters.iter().map(char::to_string));
        let model = shape::bpe_model(&vocabulary, &json!([]));
        Ok(shape::assemble(&model, &Value::Null, &shape::fuse(), special, count))
    }

    /// Words in byte-alphabet spelling, sorted, with their counts.
    fn spelt_words(&mut self) -> Vec<(String, u64)> {
        let alphabet = alphabet();
        let words: BTreeMap<String, u64> = std::mem::take(&mut self.words)
            .into_iter()
            .map(|(word, count)| {
                let spelt = word.bytes().filter_map(|byte| alphabet.get(usize::from(byte))).collect();
                (spelt, count)
            })
            .collect();
        words.into_iter().collect()
    }

    async fn byte_pairs(&mut self, special: &[String], yielder: &Yielder) -> Value {
        let words = self.spelt_words();
        let limit = self.config.vocabulary - special.len();
        let merges =
            merges::train(&words, sorted_alphabet(), "", limit, self.config.min_frequency, yielder).await;
        let pairs: Vec<Value> = merges.pairs.into_iter().map(|(left, right)| json!([left, right])).collect();
        let count = merges.tokens.len();
        let model = shape::bpe_model(&vocabulary(merges.tokens), &Value::Array(pairs));
        let words = word_rule(&self.config).json();
        shape::assemble(&model, &words, &shape::byte_level(true), special, count)
    }

    async fn word_pieces(&mut self, special: &[String], yielder: &Yielder) -> Value {
        let words = self.spelt_words();
        let first = sorted_alphabet();
        let inside: Vec<String> = first.iter().map(|byte| format!("{}{byte}", shape::CONTINUES)).collect();
        let letters = first.into_iter().chain(inside).collect();
        let limit = self.config.vocabulary - special.len();
        let merges =
            merges::train(&words, letters, shape::CONTINUES, limit, self.config.min_frequency, yielder).await;
        let count = merges.tokens.len();
        let model = shape::word_piece_model(&vocabulary(merges.tokens));
        let words = word_rule(&self.config).json();
        shape::assemble(&model, &words, &shape::word_piece_decoder(), special, count)
    }

    async fn unigram(&mut self, special: &[String], yielder: &Yielder) -> Value {
        let words: BTreeMap<Vec<u8>, u64> = std::mem::take(&mut self.words)
            .into_iter()
            .filter(|(_, count)| *count >= self.config.min_frequency)
            .map(|(word, count)| (word.into_bytes(), count))
            .collect();
        let words: Vec<(Vec<u8>, u64)> = words.into_iter().collect();
        let alphabet = alphabet();
        let trained = unigram::train(&words, self.config.vocabulary - special.len(), yielder).await;
        let pieces: Vec<(String, f64)> = trained
            .into_iter()
            .map(|(piece, score)| (piece.iter().map(|byte| alphabet[usize::from(*byte)]).collect(), score))
            .collect();
        let count = pieces.len();
        let model = shape::unigram_model(&json!(pieces));
        let words = word_rule(&self.config).json();
        shape::assemble(&model, &words, &shape::byte_level(true), special, count)
    }
}

fn word_rule(config: &TokenizerConfig) -> WordRule {
    WordRule { kind: config.pre_tokenizer, bounded: config.kind != TokenizerKind::Bpe }
}

/// The byte alphabet by code point, in GPT-2's order.
fn sorted_alphabet() -> Vec<String> {
    order::distinct(alphabet()).iter().map(char::to_string).collect()
}

/// Numbers tokens in order.
fn vocabulary(tokens: impl IntoIterator<Item = String>) -> Value {
    Value::Object(tokens.into_iter().enumerate().map(|(id, token)| (token, json!(id))).collect())
}

/// The error for an imported tokenizer, which cannot be trained.
fn not_made() -> Error {
    let rule = "be a kind that is trained on the text; an imported one belongs to its model";
    Invalid::new("tokenizer.kind", TokenizerKind::Imported.name(), rule).into()
}
