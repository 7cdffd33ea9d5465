//! The token stream on disk: shards of little-endian u16 or u32, and an index that describes them.
//!
//! Only the tokens of a batch are read, so training on text far larger than memory works as with a small one. The index is written
//! last, and every size is checked against it before a token is read.

mod examples;
mod index;
mod writer;

pub use examples::Examples;
use glasshouse_platform::{Error, Result, SharedFile, Yielder};
pub use index::{ExamplesRecord, Index, ShardRecord, SourceRecord, SplitRecord, StretchRecord};
use std::ops::Range;
use std::path::Path;
pub use writer::Writer;

/// Bytes of a shard verified, and tokens searched, between two yields; either takes a few milliseconds.
const PIECE: usize = 1 << 20;

pub const INDEX_FILE: &str = "index.json";

/// A part of the text: training or validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Seen by the optimizer.
    Train,
    Validation,
}

impl std::fmt::Display for Split {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
        })
    }
}

#[derive(Debug)]
enum Tokens {
    Memory(Vec<u32>),
    /// A file, and the bytes of a token in it.
    File(SharedFile, usize),
}

#[derive(Debug)]
struct TokenShard {
    /// Index of its first token in the split.
    first: u64,
    tokens: Tokens,
}

impl TokenShard {
    fn len(&self) -> usize {
        match &self.tokens {
            Tokens::Memory(tokens) => tokens.len(),
            Tokens::File(file, size) => file.length() as usize / size,
        }
    }

    fn append(&self, start: usize, end: usize, out: &mut Vec<u32>) -> Result<()> {
        match &self.tokens {
            Tokens::Memory(tokens) => out.extend_from_slice(tokens.get(start..end).unwrap_or_default()),
            Tokens::File(file, size) => {
                let mut bytes = vec![0; size * end.saturating_sub(start)];
                file.read((size * start) as u64, &mut bytes)?;
                if *size == 2 {
                    out.extend(bytes.as_chunks().0.iter().map(|token| u32::from(u16::from_le_bytes(*token))));
                } else {
                    out.extend(bytes.as_chunks().0.iter().map(|token| u32::from_le_bytes(*token)));
                }
            }
        }
        Ok(())
    }
}

/// The tokens of both splits.
#[derive(Debug)]
pub struct TokenStore {
    /// For training and validation, like the examples.
    shards: [Vec<TokenShard>; 2],
    examples: [Option<Examples>; 2],
    index: Option<Index>,
}

impl TokenStore {
    /// Opens the store in a folder. Fails if the index is missing or damaged, or a shard is missing or differs in length from the index.
    pub fn open(folder: &Path) -> Result<Self> {
        let index = Index::read(&folder.join(INDEX_FILE))?;
        let open = |split: &SplitRecord| -> Result<Vec<TokenShard>> {
            let mut first = 0;
            let mut shards = Vec::with_capacity(split.shards.len());
            for record in &split.shards {
                let path = folder.join(&record.file);
                let file = SharedFile::open(&path)?;
                let expected = record.tokens.saturating_mul(u64::from(index.element_bytes));
                if file.length() != expected {
                    return Err(Error::bad_file(
                        path,
                        format!("the shard has {} bytes, but {INDEX_FILE} says {expected}", file.length()),
                    ));
                }
                shards.push(TokenShard { first, tokens: Tokens::File(file, index.element_bytes as usize) });
                first += record.tokens;
            }
            Ok(shards)
        };
        let examples = |split: &SplitRecord| {
            let record = split.examples.as_ref();
            record.map(|record| Examples::open(folder, record, split.tokens)).transpose()
        };
        Ok(Self {
            shards: [open(&index.train)?, open(&index.validation)?],
            examples: [examples(&index.train)?, examples(&index.validation)?],
            index: Some(index),
        })
    }

    /// A store in memory, for tests and platforms without files.
    pub fn in_memory(train: Vec<u32>, validation: Vec<u32>) -> Self {
        let shards = |tokens| vec![TokenShard { first: 0, tokens: Tokens::Memory(tokens) }];
        Self { shards: [train, validation].map(shards), examples: [None, None], index: None }
    }

    /// The index; `None` for a store in memory.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    pub fn examples(&self, split: Split) -> Option<&Examples> {
        self.examples[split as usize].as_ref()
    }

    /// Number of tokens in a split.
    #[allow(
        clippy::len_without_is_empty,
        reason = "a store has two lengths, and neither is asked for emptiness"
    )]
    pub fn len(&self, split: Split) -> u64 {
        self.shards[split as usize].last().map_or(0, |last| last.first + last.len() as u64)
    }

    /// Reads tokens `start..start + count` of a split, across shards.
    pub fn read(&self, split: Split, start: u64, count: usize) -> Result<Vec<u32>> {
        let end = start.saturating_add(count as u64);
        if end > self.len(split) {
            return Err(Error::Internal(format!(
                "tokens {start}..{end} were asked of a {split} split of {}",
                self.len(split)
            )));
        }
        let shards = &self.shards[split as usize];
        let holding = shards.partition_point(|shard| shard.first <= start).saturating_sub(1);
        let mut tokens = Vec::with_capacity(count);
        for shard in shards.get(holding..).unwrap_or_default() {
            if shard.first >= end {
                break;
            }
            let from = start.saturating_sub(shard.first) as usize;
            let to = ((end - shard.first) as usize).min(shard.len());
            shard.append(from, to, &mut tokens)?;
        }
        Ok(tokens)
    }

    /// Token ranges of the documents in a split, which the token `end` separates, without empty ones. Each with whether the token follows it.
    pub async fn documents(
        &self,
        split: Split,
        end: Option<u32>,
        yielder: &Yielder,
    ) -> Result<Vec<(Range<u64>, bool)>> {
        let length = self.len(split);
        let (mut documents, mut from, mut at) = (Vec::new(), 0, 0);
        while let (true, Some(end)) = (at < length, end) {
            let tokens = self.read(split, at, (PIECE as u64).min(length - at) as usize)?;
            for (place, token) in (at..).zip(&tokens) {
                if *token == end {
                    documents.push((from..place, true));
                    from = place + 1;
                }
            }
            at += tokens.len() as u64;
            yielder.maybe_yield().await;
        }
        documents.push((from..length, false));
        documents.retain(|(document, _)| !document.is_empty());
        Ok(documents)
    }

    /// Verifies the checksums of all shards.
    pub async fn verify(&self, folder: &Path, yielder: &Yielder) -> Result<()> {
        let Some(index) = &self.index else { return Ok(()) };
        let beside = |split: &SplitRecord| {
            split.examples.clone().map_or_else(Vec::new, |examples| {
                let own = [Some(examples.lengths), Some(examples.learned), examples.rows];
                own.into_iter().flatten().collect()
            })
        };
        let beside = [beside(&index.train), beside(&index.validation)].concat();
        for record in index.train.shards.iter().chain(&index.validation.shards).chain(&beside) {
            let path = folder.join(&record.file);
            let (shard, mut checksum, mut at) = (SharedFile::open(&path)?, 0, 0);
            let mut piece = vec![0; PIECE];
            while at < shard.length() {
                piece.truncate((shard.length() - at) as usize);
                shard.read(at, &mut piece)?;
                checksum = crc32c::crc32c_append(checksum, &piece);
                at += piece.len() as u64;
                yielder.maybe_yield().await;
            }
            if checksum != record.crc32c {
                return Err(Error::bad_file(
                    path,
                    "the shard's checksum differs from the index's: the file was changed",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
