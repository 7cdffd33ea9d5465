//! Tokenizers: byte, character, byte-level BPE, WordPiece and Unigram.
//!
//! Encoding uses the `tokenizers` crate, so a saved `tokenizer.json` gives identical tokens in Hugging Face's Python library.
//! This module adds training with the same result on every machine ([`train`]), safe boundaries for splitting long texts
//! ([`cut`]), a cache of the words that all texts share ([`words`]), and streaming decoding that never emits part of a character ([`stream`]).
//!
//! | kind | model | splits on | lost in a round trip |
//! |---|---|---|---|
//! | byte | BPE of the 256 bytes without merges; id = byte | nothing | nothing |
//! | char | BPE of the text's characters without merges, sorted by code point as in nanoGPT | nothing | characters that the training text lacks (dropped; [`Tokenizer::unknown_characters`] names them) |
//! | BPE | byte-level BPE | `pre_tokenizer` | nothing |
//! | WordPiece | byte-level WordPiece; `…` marks what continues a word | `pre_tokenizer`, 32 characters at most | nothing |
//! | Unigram | byte-level Unigram | `pre_tokenizer`, 32 characters at most | nothing |
//!
//! Special tokens follow the vocabulary, `<|endoftext|>` first. Byte and character vocabularies include it only if the text has
//! several documents, so that a single text gets nanoGPT's ids (65 for tinyshakespeare).

pub mod bytes;
pub mod cut;
mod files;
mod frame;
mod inspect;
mod lattice;
mod merges;
mod pattern;
pub mod shape;
pub mod stream;
pub mod train;
mod unigram;
pub mod words;

use cut::{Cut, CutRule};
pub use files::{CHAT_TEMPLATE_FILE, GENERATION_FILE, SETTINGS_FILE, TokenizerFiles, template_fails};
pub use frame::Frame;
use glasshouse_platform::{Error, Result, Yielder, storage};
pub use glasshouse_protocol::END_OF_TEXT;
use glasshouse_protocol::order;
use regex::Regex;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
pub use stream::DecodeStream;
use tokenizers::AddedToken;
use tokenizers::models::bpe::BPE;
use tokenizers::parallelism::MaybeParallelIterator;
pub use train::TokenizerTrainer;
use words::Words;

/// Bytes of text that one thread encodes at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Maximum number of words whose tokens are kept, and of bytes of such a word.
const KEPT_WORDS: usize = 1 << 16;
const KEPT_WORD_BYTES: usize = 64;

/// Maximum size of a `tokenizer.json`; the largest published ones have about 40 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;

type TokensOfWords = HashMap<Box<str>, Box<[u32]>>;

#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Bytes of every token by id, if decoding is their concatenation; `None` for other decoders.
    bytes: Option<Vec<Vec<u8>>>,
    cut: Cut,
    /// If texts are split into words, each word's tokens do not depend on the others.
    words: Option<Words>,
    /// The tokens of words met before, shared by clones.
    kept: Arc<RwLock<TokensOfWords>>,
    /// If characters are tokenised separately, the tokens of those met before, shared by clones.
    characters: Arc<RwLock<FxHashMap<char, Vec<u32>>>>,
    end_of_text: Option<u32>,
    /// Other tokens that end generation (`generation_config.json`).
    other_ends: Vec<u32>,
    /// Tokens that the post-processor prepends to every text.
    begins: Vec<u32>,
    vocabulary_size: usize,
    /// Whether characters outside the vocabulary are dropped.
    drops_unknown: bool,
    unknown: Option<u32>,
}

/// A text's tokens with the byte range of the text that each covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedText {
    pub tokens: Vec<u32>,
    /// One range per token.
    pub spans: Vec<Range<usize>>,
}

impl EncodedText {
    /// For each token, whether it overlaps one of the byte ranges `bytes`, which are to be trained on.
    pub fn learned(&self, bytes: &[Range<usize>]) -> impl Iterator<Item = bool> {
        self.spans.iter().map(|span| {
            // Some tokenizers trim white space to an empty span at its end.
            let from = if span.is_empty() { span.start.saturating_sub(1) } else { span.start };
            bytes.iter().any(|range| from < range.end && span.end > range.start)
        })
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Tokenizer of {} tokens, cut {:?}", self.vocabulary_size, self.cut.rule)
    }
}

impl Tokenizer {
    /// Trains on whole documents. For longer texts, feed a [`TokenizerTrainer`] in pieces.
    pub async fn train<T: AsRef<str>>(
        config: &glasshouse_protocol::TokenizerConfig,
        documents: impl IntoIterator<Item = T>,
        yielder: &Yielder,
    ) -> Result<Self> {
        let mut trainer = TokenizerTrainer::new(config)?;
        let mut count = 0_u64;
        for document in documents {
            trainer.feed(document.as_ref());
            yielder.maybe_yield().await;
            count += 1;
        }
        trainer.finish_in_turns(count > 1, yielder).await
    }

    /// Loads a `tokenizer.json`, ours or any that Hugging Face's library supports. The end-of-text tokens come from
    /// `tokenizer_config.json` and `generation_config.json` in the same folder.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = glasshouse_platform::storage::read_within(path, MAX_FILE_BYTES)?;
        let tokenizer = Self::read(&bytes).map_err(|reason| Error::bad_file(path, reason))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(tokenizer.ending_as(&files::settings_in(folder)?, &files::generation_in(folder)?))
    }

    /// Sets the end-of-text tokens: `eos_token` in `tokenizer_config.json` and `eos_token_id` in `generation_config.json`.
    fn ending_as(
        mut self,
        settings: &serde_json::Map<String, Value>,
        generation: &serde_json::Map<String, Value>,
    ) -> Self {
        let mut ends = files::ids_of(generation, "eos_token_id");
        ends.retain(|id| self.token(*id).is_some());
        let end = files::token_of(settings, "eos_token").and_then(|token| self.id(token));
        self.end_of_text = end.or_else(|| ends.first().copied()).or(self.end_of_text);
        ends.retain(|id| Some(*id) != self.end_of_text);
        self.other_ends = ends;
        self
    }

    /// Like [`Self::load`], from the bytes of a `tokenizer.json`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|reason| Error::bad_file("tokenizer.json", reason))
    }

    /// Adds special tokens after the vocabulary. Existing ones keep their ids. Fails if the vocabulary becomes too large.
    pub fn with_special_tokens(&self, tokens: &[String]) -> Result<Self> {
        let mut inner = self.inner.clone();
        let tokens = tokens.iter().map(|token| AddedToken::from(token.as_str(), true));
        let added = inner.add_special_tokens(tokens).and_then(|_| inner.to_string(false));
        let json = added.map_err(|error| Error::Internal(format!("special tokens: {error}")))?;
        let with = Self::read(json.as_bytes()).map_err(Error::Refused)?;
        Ok(Self { end_of_text: self.end_of_text, other_ends: self.other_ends.clone(), ..with })
    }

    /// Removes added tokens whose ids have no row in the model's embedding; returns their texts too. `None` if there are none, if
    /// one of them begins or ends texts, or if other tokens also lack rows.
    pub fn without_added_beyond(&self, rows: usize) -> Option<(Self, Vec<String>)> {
        let mut json: Value = serde_json::from_slice(self.to_json().ok()?.as_bytes()).ok()?;
        let is_beyond = |id: &Value| id.as_u64().is_some_and(|id| id >= rows as u64);
        let (beyond, kept): (Vec<Value>, _) =
            json["added_tokens"].as_array()?.iter().cloned().partition(|token| is_beyond(&token["id"]));
        if beyond.is_empty() || self.ends().iter().chain(&self.begins).any(|id| *id as usize >= rows) {
            return None;
        }
        json["added_tokens"] = Value::Array(kept);
        let fitting = Self::read(json.to_string().as_bytes()).ok()?;
        let removed =
            beyond.iter().filter_map(|token| token["content"].as_str().map(str::to_owned)).collect();
        let fitting = Self { end_of_text: self.end_of_text, other_ends: self.other_ends.clone(), ..fitting };
        (fitting.vocabulary_size <= rows).then_some((fitting, removed))
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut json: Value = serde_json::from_slice(bytes).map_err(|error| {
            format!("not a tokenizer.json, because it is not JSON: {error}; is the file truncated?")
        })?;
        shape::check(&json)?;
        let mut translated = false;
        for part in ["normalizer", "pre_tokenizer", "decoder"] {
            translated |= json.get_mut(part).map_or(Ok(false), pattern::translate_all)?;
        }
        let shape = shape::recognise(&json);
        let mut inner = from_json(json, Some(bytes).filter(|_| !translated))
            .map_err(|error| format!("not a usable tokenizer.json: {error}"))?;
        // Padding and truncation are the caller's choice, not part of the tokens.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        let vocabulary = inner.get_vocab(true);
        let vocabulary_size = vocabulary.values().max().map_or(0, |last| *last as usize + 1);
        if vocabulary_size > shape::MAX_VOCABULARY {
            return Err(format!("its largest token id is {}, too large for any model", vocabulary_size - 1));
        }
        let begins = begins(&inner).map_err(|error| format!("its post-processor fails: {error}"))?;
        let bytes = shape.spelling.map(|spelling| {
            let mut table = vec![Vec::new(); vocabulary_size];
            for (token, id) in &vocabulary {
                if let Some(entry) = table.get_mut(*id as usize) {
                    *entry = spelling.bytes(token);
                }
            }
            // Added tokens are matched before the byte alphabet is applied.
            for (id, token) in inner.get_added_tokens_decoder() {
                if let Some(entry) = table.get_mut(id as usize) {
                    *entry = token.content.into_bytes();
                }
            }
            table
        });
        Ok(Self {
            bytes,
            cut: shape.cut,
            words: shape.words.map(Words::new).transpose().map_err(|error| error.to_string())?,
            kept: Arc::default(),
            characters: Arc::default(),
            end_of_text: inner.token_to_id(END_OF_TEXT),
            other_ends: Vec::new(),
            begins,
            vocabulary_size,
            drops_unknown: shape.drops_unknown,
            unknown: shape.unknown.and_then(|token| inner.token_to_id(&token)),
            inner,
        })
    }

    /// Writes `tokenizer.json` atomically.
    pub fn save(&self, path: &Path) -> Result<()> {
        storage::write_atomically(path, self.to_json()?.as_bytes())
    }

    /// The contents of `tokenizer.json`; byte-identical for identical tokenizers.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(|error| Error::Internal(format!("tokenizer to JSON: {error}")))
    }

    /// Encodes a text. Like Hugging Face's library, it recognises the text of special tokens.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.encode_many(&[text])?.pop().unwrap_or_default())
    }

    /// Encodes a prompt. The tokens that the model's tokenizer prepends to every text (`<s>` for Llama) come first.
    ///
    /// An empty prompt becomes the end-of-text token, like the start of a document. The result is empty if the vocabulary has no
    /// such token, or none of the prompt's characters.
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>> {
        let mut ids = self.begins.clone();
        ids.append(&mut self.encode(prompt)?);
        if ids.is_empty() {
            ids.extend(self.end_of_text);
        }
        Ok(ids)
    }

    /// Encodes texts on all cores.
    pub fn encode_many(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        let pieces: Vec<(usize, &str)> = texts
            .iter()
            .enumerate()
            .flat_map(|(index, text)| {
                self.cut.pieces(text, PIECE_BYTES).into_iter().map(move |piece| (index, piece))
            })
            .collect();
        let owners: Vec<usize> = pieces.iter().map(|(index, _)| *index).collect();
        let encoded: Vec<Result<Vec<u32>>> =
            pieces.into_maybe_par_iter().map(|(_, piece)| self.encode_piece(piece)).collect();
        let mut tokens = vec![Vec::new(); texts.len()];
        for (owner, piece) in owners.into_iter().zip(encoded) {
            let piece = piece?;
            match tokens.get_mut(owner) {
                Some(text) if text.is_empty() => *text = piece,
                Some(text) => text.extend_from_slice(&piece),
                None => {}
            }
        }
        Ok(tokens)
    }

    fn encode_piece(&self, piece: &str) -> Result<Vec<u32>> {
        if self.cut.special.iter().any(|special| piece.contains(special.as_str())) {
            return self.encode_alone(piece);
        }
        let Some(words) = &self.words else {
            return match self.cut.rule {
                CutRule::Anywhere => self.encode_characters(piece),
                _ => self.encode_alone(piece),
            };
        };
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mut tokens = Vec::with_capacity(piece.len() / 3);
        let mut new: HashMap<&str, Vec<u32>> = HashMap::new();
        for word in words.split(piece) {
            if let Some(own) = kept.get(word) {
                tokens.extend_from_slice(own);
            } else if let Some(own) = new.get(word) {
                tokens.extend_from_slice(own);
            } else {
                let own = self.encode_alone(word)?;
                tokens.extend_from_slice(&own);
                new.insert(word, own);
            }
        }
        let room = KEPT_WORDS.saturating_sub(kept.len());
        drop(kept);
        if room > 0 && !new.is_empty() {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            let new = new.into_iter().filter(|(word, _)| word.len() <= KEPT_WORD_BYTES).take(room);
            kept.extend(new.map(|(word, own)| (word.into(), own.into())));
        }
        Ok(tokens)
    }

    /// Encodes a text each of whose characters is tokenised separately.
    fn encode_characters(&self, piece: &str) -> Result<Vec<u32>> {
        let kept = || self.characters.read().unwrap_or_else(PoisonError::into_inner);
        let (mut known, mut tokens) = (kept(), Vec::with_capacity(piece.len()));
        for character in piece.chars() {
            if !known.contains_key(&character) {
                drop(known);
                let own = self.encode_alone(character.encode_utf8(&mut [0; 4]))?;
                self.characters.write().unwrap_or_else(PoisonError::into_inner).insert(character, own);
                known = kept();
            }
            tokens.extend_from_slice(known.get(&character).map_or(&[], Vec::as_slice));
        }
        Ok(tokens)
    }

    fn encode_alone(&self, piece: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(piece, false).map_err(|error| cannot_encode(&error))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Encodes texts on all cores, with the byte range of each token. Texts are not split.
    pub fn encode_spans(&self, texts: &[&str]) -> Result<Vec<EncodedText>> {
        let encode = |text: &&str| {
            let encoding = self.inner.encode(*text, false).map_err(|error| cannot_encode(&error))?;
            let spans = encoding.get_offsets().iter().map(|(from, to)| *from..*to).collect();
            Ok(EncodedText { tokens: encoding.get_ids().to_vec(), spans })
        };
        texts.into_maybe_par_iter().map(encode).collect::<Vec<_>>().into_iter().collect()
    }

    /// Ids and token strings of a text, as printed by `tokenizer encode`.
    pub fn encode_tokens(&self, text: &str) -> Result<(Vec<u32>, Vec<String>)> {
        let ids = self.encode(text)?;
        let tokens = ids.iter().map(|id| self.token(*id).unwrap_or_default()).collect();
        Ok((ids, tokens))
    }

    /// Decodes tokens, including special tokens. Ids outside the vocabulary are skipped; invalid UTF-8 becomes U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        match &self.bytes {
            Some(table) => {
                let bytes: Vec<u8> =
                    tokens.iter().filter_map(|token| table.get(*token as usize)).flatten().copied().collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            None => self.inner.decode(tokens, false).unwrap_or_default(),
        }
    }

    /// Whether the token is a byte fallback (SentencePiece's `<0x0A>`).
    fn is_byte(&self, id: u32) -> bool {
        self.token(id)
            .is_some_and(|token| token.len() == 6 && token.starts_with("<0x") && token.ends_with('>'))
    }

    /// Decodes tokens, without special tokens.
    pub fn decode_plain(&self, tokens: &[u32]) -> String {
        let plain: Vec<u32> = tokens.iter().copied().filter(|id| !self.is_special(*id)).collect();
        self.decode(&plain)
    }

    /// A decoder that takes one token at a time.
    pub fn decode_stream(&self) -> DecodeStream<&Self> {
        DecodeStream::new(self)
    }

    /// Number of ids, including special tokens: the model's `vocabulary`.
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    /// Id of the token that separates texts (`<|endoftext|>`), if the vocabulary has one.
    pub fn end_of_text(&self) -> Option<u32> {
        self.end_of_text
    }

    /// All tokens that end generation, [`Self::end_of_text`] first.
    pub fn ends(&self) -> Vec<u32> {
        self.end_of_text.into_iter().chain(self.other_ends.iter().copied()).collect()
    }

    /// The tokens prepended to every text, as the model expects.
    pub fn begins(&self) -> &[u32] {
        &self.begins
    }

    /// A token's string as spelled in `tokenizer.json` (`Ġthe` for " the" in byte-level vocabularies).
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The distinct characters of a text that encoding would drop; always empty except for character vocabularies.
    pub fn unknown_characters(&self, text: &str) -> Vec<char> {
        let mut unknown: Vec<char> = Vec::new();
        for character in self.dropped(text) {
            if !unknown.contains(&character) {
                unknown.push(character);
            }
        }
        unknown
    }

    /// All occurrences of characters that encoding would drop; always empty except for character vocabularies.
    pub fn dropped(&self, text: &str) -> Vec<char> {
        if !self.drops_unknown {
            return Vec::new();
        }
        let mut rest = Cow::from(text);
        for special in self.cut.special.iter().filter(|special| text.contains(special.as_str())) {
            rest = rest.replace(special.as_str(), "").into();
        }
        let mut known = FxHashMap::default();
        let mut is_known = |character: &char| {
            let find = || self.id(character.encode_utf8(&mut [0; 4])).is_some();
            *known.entry(*character).or_insert_with(find)
        };
        rest.chars().filter(|character| !is_known(character)).collect()
    }

    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// The visible characters of a text, with their byte offsets, that are covered by no token or only by the unknown token.
    pub fn lost<'own>(
        &'own self,
        text: &'own str,
        encoded: &'own EncodedText,
    ) -> impl Iterator<Item = (usize, char)> + 'own {
        let mut known: Vec<Range<usize>> = encoded
            .tokens
            .iter()
            .zip(&encoded.spans)
            .filter(|(token, _)| match self.drops_unknown {
                // Spans after a dropped character are shifted, so only those of special tokens count.
                true => self.is_special(**token),
                false => Some(**token) != self.unknown,
            })
            .map(|(_, span)| span.clone())
            .collect();
        known.sort_by_key(|span| (span.start, span.end));
        let (mut at, mut reached) = (0, 0);
        text.char_indices().filter(move |(place, character)| {
            while let Some(span) = known.get(at).filter(|span| span.start <= *place) {
                reached = reached.max(span.end);
                at += 1;
            }
            let is_known = || self.drops_unknown && self.id(character.encode_utf8(&mut [0; 4])).is_some();
            reached <= *place && !character.is_whitespace() && !character.is_control() && !is_known()
        })
    }

    /// The special tokens whose text occurs in `text`, in order; encoding recognises them.
    pub fn special_within(&self, text: &str) -> Vec<String> {
        let tokens = self.encode(text).unwrap_or_default();
        let added = self.inner.get_added_vocabulary();
        let special = |id: u32| self.token(id).filter(|token| added.is_special_token(token));
        tokens.into_iter().filter_map(special).collect()
    }

    /// A pattern that matches the text of any special token; `None` if there are none.
    pub fn special_pattern(&self) -> Option<Regex> {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder().values();
        let special = added.filter(|token| token.special && !token.content.is_empty());
        let pattern = order::distinct(special.map(|token| regex::escape(&token.content))).join("|");
        Regex::new(&pattern).ok().filter(|_| !pattern.is_empty())
    }

    /// The boundaries at which texts can be split without changing their tokens.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }
}

/// Builds the crate's tokenizer from a file's JSON (`bytes` are the same file, if available). For BPE, the crate would parse the
/// vocabulary again and copy it twice to detect its kind.
fn from_json(mut json: Value, bytes: Option<&[u8]>) -> tokenizers::Result<tokenizers::Tokenizer> {
    if json["model"]["type"] != "BPE" {
        return match bytes {
            Some(bytes) => tokenizers::Tokenizer::from_bytes(bytes),
            None => tokenizers::Tokenizer::from_bytes(json.to_string()),
        };
    }
    let empty = json!({ "type": "BPE", "vocab": {}, "merges": [] });
    let mut model = std::mem::replace(&mut json["model"], empty);
    // The crate reads the rest as a model of known kind.
    model.as_object_mut().and_then(|model| model.remove("type"));
    let added = std::mem::replace(&mut json["added_tokens"], json!([]));
    let mut inner = tokenizers::Tokenizer::from_bytes(json.to_string())?;
    inner.with_model(serde_json::from_value::<BPE>(model)?);
    inner.add_tokens(serde_json::from_value::<Option<Vec<AddedToken>>>(added)?.unwrap_or_default())?;
    Ok(inner)
}

fn cannot_encode(error: &tokenizers::Error) -> Error {
    Error::Refused(format!("the tokenizer cannot encode this text: {error}"))
}

/// The special tokens that the post-processor prepends to a text.
fn begins(inner: &tokenizers::Tokenizer) -> tokenizers::Result<Vec<u32>> {
    let [bare, framed] = [false, true].map(|special| inner.encode_fast("a", special));
    let (bare, framed) = (bare?, framed?);
    let (bare, framed) = (bare.get_ids(), framed.get_ids());
    let at = framed.windows(bare.len().max(1)).position(|window| window == bare);
    Ok(at.map_or_else(Vec::new, |at| framed[..at].to_vec()))
}

#[cfg(test)]
pub(crate) mod tests;
