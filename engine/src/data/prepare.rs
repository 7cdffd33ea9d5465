//! From a run's settings to its tokenizer and token store, in one call.
//!
//! The text is read twice: once to count and to train the tokenizer, once to encode. Neither pass keeps it.

mod corpus;
mod division;

use super::read::{self, Piece};
use super::store::{INDEX_FILE, Index, SplitRecord, TokenStore, Writer};
use crate::error::{Error, Result};
use crate::graph::random::split_mix;
use crate::storage::{self, Staging};
use crate::tokenizer::{Tokenizer, Trainer};
use corpus::Corpus;
pub(super) use division::whole_documents;
use division::{Division, Part};
use glasshouse_protocol::{DataConfig, RunConfig, TokenizerConfig};
use std::path::{Path, PathBuf};

/// Name of the tokenizer's file beside the shards.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// The embedded corpus' seed: the one that `glasshouse corpus stories --seed 1` prints.
pub const CORPUS_SEED: u64 = 1;

/// Text that is gathered before all cores encode it.
const ENCODE_BYTES: usize = 1 << 20;

/// A run's text, ready for training.
#[derive(Debug)]
pub struct Prepared {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The tokens.
    pub store: TokenStore,
    /// The folder that holds `tokenizer.json`, the shards and their index.
    pub folder: PathBuf,
}

impl Prepared {
    /// Notes in a run's settings what the text decides: the size of the vocabulary, and the mixture that a cleaned folder
    /// asks for.
    pub fn complete(&self, config: &mut RunConfig) {
        config.model.vocabulary = self.tokenizer.vocabulary_size();
        config.data.mixture = self.store.index().map(|index| index.mixture.clone()).unwrap_or_default();
    }
}

/// How far the preparation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An earlier preparation of the same text and settings is used again.
    Reused,
    /// First pass: bytes read so far, of about so many.
    Reading {
        /// So far.
        bytes: u64,
        /// In all.
        total: u64,
    },
    /// The vocabulary is being trained; told many times.
    Training,
    /// Second pass: bytes encoded so far, of so many.
    Encoding {
        /// So far.
        bytes: u64,
        /// In all.
        total: u64,
    },
}

/// Prepares a run's text under `<project>/data/`, or finds it there.
///
/// `progress` is told what happens. A `tokenizer.json` and its tokens belong together in one folder; another text or
/// other settings give another folder, so that earlier runs keep theirs.
///
/// # Errors
/// What reading, training or writing meets; nothing is left behind then.
pub fn prepare(config: &RunConfig, project: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Prepared> {
    let corpus = Corpus::new(&config.data)?;
    let recipe = corpus.recipe(&config.data, &config.tokenizer);
    let data = project.join("data");
    let folder = data.join(folder_name(&recipe));
    if let Some(prepared) = reuse(&folder, &recipe) {
        progress(Progress::Reused);
        return Ok(prepared);
    }
    storage::create_folder(&data)?;
    let staging = Staging::inside(&data)?;
    let (count, trainer) = scan(&corpus, &config.tokenizer, progress)?;
    progress(Progress::Training);
    // Told again and again: it may take minutes, and whoever waits wants to know that it goes on.
    let tokenizer = trainer.finish_with(count.documents > 1, &mut || progress(Progress::Training))?;
    tokenizer.save(&staging.path().join(TOKENIZER_FILE))?;
    encode(&corpus, &config.data, &count, &tokenizer, recipe.clone(), staging.path(), progress)?;
    if let Some(prepared) = reuse(&folder, &recipe) {
        // Another program was quicker, and may use it by now.
        return Ok(prepared);
    }
    staging.put(&folder)?;
    let store = TokenStore::open(&folder)?;
    Ok(Prepared { tokenizer, store, folder })
}

/// What makes a damaged folder whole: the same settings name the same folder, and what is not whole is made anew.
const REMEDY: &str = "`glasshouse train --config <the run's run.toml> --stop-after 1` prepares the text anew in this \
                      place, if the text is unchanged; then name the run by --run as before";

/// Adds to an error of a prepared folder what to do about it.
fn with_remedy(error: Error) -> Error {
    match error {
        Error::BadFile { path, reason } => Error::bad_file(path, format!("{reason}; {REMEDY}")),
        Error::Io { path, cause } if cause.kind() == std::io::ErrorKind::NotFound => {
            Error::bad_file(path, format!("missing from the prepared text; {REMEDY}"))
        }
        other => other,
    }
}

/// Opens what an earlier preparation left in a folder.
///
/// # Errors
/// A file that is missing or damaged, or a tokenizer that is not the one the tokens were made by, and what to do then.
pub fn open(folder: &Path) -> Result<Prepared> {
    open_whole(folder).map_err(with_remedy)
}

fn open_whole(folder: &Path) -> Result<Prepared> {
    let tokenizer = Tokenizer::load(&folder.join(TOKENIZER_FILE))?;
    let store = TokenStore::open(folder)?;
    // As fast as the shards can be read, and training is slower than that.
    store.verify(folder)?;
    let made_by = store.index().map(|index| index.tokenizer_crc32c);
    if made_by != Some(checksum(&tokenizer)?) {
        return Err(Error::bad_file(
            folder.join(TOKENIZER_FILE),
            "the tokens beside it were made by another tokenizer",
        ));
    }
    Ok(Prepared { tokenizer, store, folder: folder.to_owned() })
}

/// The tokenizer in a prepared folder, for work that needs no tokens: they may be missing or damaged.
///
/// # Errors
/// `tokenizer.json` is missing or damaged.
pub fn open_tokenizer(folder: &Path) -> Result<Tokenizer> {
    let path = folder.join(TOKENIZER_FILE);
    let tokenizer = Tokenizer::load(&path).map_err(with_remedy)?;
    // Without an index nothing is known of it.
    match Index::read(&folder.join(INDEX_FILE)) {
        Ok(index) if index.tokenizer_crc32c != checksum(&tokenizer)? => {
            let reason = "it is not the tokenizer that the run was trained with (checksum)";
            Err(with_remedy(Error::bad_file(path, reason)))
        }
        _ => Ok(tokenizer),
    }
}

/// What a prepared folder's index says, for work that needs no tokens: no shard is looked at.
///
/// # Errors
/// `index.json` is missing or damaged.
pub fn index(folder: &Path) -> Result<Index> {
    Index::read(&folder.join(INDEX_FILE)).map_err(with_remedy)
}

/// An earlier preparation by the same recipe, if it is whole.
fn reuse(folder: &Path, recipe: &str) -> Option<Prepared> {
    let prepared = open(folder).ok()?;
    (prepared.store.index()?.recipe == recipe).then_some(prepared)
}

fn checksum(tokenizer: &Tokenizer) -> Result<u32> {
    tokenizer.to_json().map(|json| crc32c::crc32c(json.as_bytes()))
}

/// Sixteen hexadecimal digits that stand for a recipe.
fn folder_name(recipe: &str) -> String {
    let hash = recipe.bytes().fold(0, |hash, byte| split_mix(hash ^ u64::from(byte)));
    format!("{hash:016x}")
}

/// What the first pass counted.
struct Count {
    documents: u64,
    characters: u64,
    bytes: u64,
    /// Characters of each document.
    lengths: Vec<u64>,
}

fn scan(
    corpus: &Corpus,
    config: &TokenizerConfig,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Count, Trainer)> {
    let mut trainer = Trainer::new(config)?;
    let mut count = Count { documents: 0, characters: 0, bytes: 0, lengths: Vec::new() };
    let mut length = 0;
    let total = corpus.bytes();
    let mut told = 0;
    for piece in corpus.pieces() {
        let piece = piece?;
        trainer.feed(&piece.text);
        let characters = piece.text.chars().count() as u64;
        length += characters;
        if piece.ends_document {
            count.documents += 1;
            count.lengths.push(std::mem::take(&mut length));
        }
        count.characters += characters;
        count.bytes += piece.text.len() as u64;
        if count.bytes - told >= ENCODE_BYTES as u64 {
            told = count.bytes;
            progress(Progress::Reading { bytes: count.bytes, total });
        }
    }
    if count.documents == 0 {
        return Err(Error::Refused("the given data holds no text to learn from".to_owned()));
    }
    Ok((count, trainer))
}

fn encode(
    corpus: &Corpus,
    config: &DataConfig,
    count: &Count,
    tokenizer: &Tokenizer,
    recipe: String,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let end_of_text = tokenizer.end_of_text().filter(|_| count.documents > 1);
    let pieces: Box<dyn Iterator<Item = Result<Piece>> + Send> = if tokenizer.needs_whole_documents() {
        Box::new(read::documents(corpus.pieces()))
    } else {
        corpus.pieces()
    };
    let mut division = Division::new(config.validation, count);
    let mut queue = Queue {
        tokenizer,
        end_of_text,
        writer: Writer::new(folder, tokenizer.vocabulary_size()),
        parts: Vec::new(),
    };
    let (mut waiting, mut done) = (0, 0);
    for piece in pieces {
        let piece = piece?;
        waiting += piece.text.len();
        queue.parts.extend(division.divide(piece));
        if waiting >= ENCODE_BYTES {
            queue.flush()?;
            done += std::mem::take(&mut waiting) as u64;
            progress(Progress::Encoding { bytes: done, total: count.bytes });
        }
    }
    queue.flush()?;
    if division.documents != count.documents || division.characters != count.characters {
        return Err(Error::Refused("the text changed while it was being read; run again".to_owned()));
    }
    queue.writer.finish(Index {
        format: 0,
        element_bytes: 0,
        vocabulary: tokenizer.vocabulary_size(),
        end_of_text,
        tokenizer_crc32c: checksum(tokenizer)?,
        recipe,
        sources: corpus.records(),
        mixture: corpus.mixture().clone(),
        documents: count.documents,
        characters: count.characters,
        bytes: count.bytes,
        train: SplitRecord::default(),
        validation: SplitRecord::default(),
    })?;
    Ok(())
}

/// Parts that wait for being encoded together.
struct Queue<'a> {
    tokenizer: &'a Tokenizer,
    end_of_text: Option<u32>,
    writer: Writer,
    parts: Vec<Part>,
}

impl Queue<'_> {
    fn flush(&mut self) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        let texts: Vec<&str> = parts.iter().map(|part| part.piece.text.as_str()).collect();
        for (part, mut tokens) in parts.iter().zip(self.tokenizer.encode_many(&texts)?) {
            tokens.extend(self.end_of_text.filter(|_| part.piece.ends_document));
            let source = part.piece.mark.as_ref().map(|mark| mark.source.as_ref());
            self.writer.append(part.split, source, &tokens, part.piece.text.len() as u64)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
