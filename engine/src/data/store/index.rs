//! `index.json`: what a folder of shards holds and what it was made from.

use crate::error::{Error, Result};
use crate::platform::files;
use crate::storage;
use glasshouse_protocol::FileProblem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The layout that this version reads and writes.
pub(super) const FORMAT: u32 = 1;

/// Largest index that is read.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The layout's version.
    pub format: u32,
    /// Bytes of a token: 2 for vocabularies up to 65,536, else 4.
    pub element_bytes: u32,
    /// Size of the tokenizer's vocabulary.
    pub vocabulary: usize,
    /// The id that ends each document, where documents are ended.
    pub end_of_text: Option<u32>,
    /// Such ids that stand in documents themselves, whose text has the token's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ends_within: u64,
    /// Checksum of the tokenizer.json that made the tokens.
    pub tokenizer_crc32c: u32,
    /// Everything that decides the content, as text; equal text means equal tokens.
    pub recipe: String,
    /// What was read.
    pub sources: Vec<SourceRecord>,
    /// Documents in all sources.
    pub documents: u64,
    /// Characters (Unicode scalar values) in all of them.
    pub characters: u64,
    /// UTF-8 bytes in all of them.
    pub bytes: u64,
    /// Share of training windows that begin in each source; empty where they begin anywhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mixture: BTreeMap<String, f64>,
    /// What a held-out conversation asks, where the text is conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Files that gave no text, or not all of theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
    /// Fields of rows that were not read, each with the rows that have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<String, u64>,
    /// What the last token of each example stands for, where examples are texts with labels: the numbers of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Its examples are texts as they stand in the data, which no chat template wrote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// The part that trains.
    pub train: SplitRecord,
    /// The part held out.
    pub validation: SplitRecord,
}

/// For what is written only where there is some.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its path, or the embedded corpus' description.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// A split's shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRecord {
    /// Tokens in all shards.
    pub tokens: u64,
    /// UTF-8 bytes of the text they stand for, `<|endoftext|>` aside: bits per byte are the loss in bits × tokens ÷ this.
    pub bytes: u64,
    /// In their order.
    pub shards: Vec<ShardRecord>,
    /// Where each source's tokens begin, for documents that know their source; a source whose documents are not all together
    /// has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stretches: Vec<StretchRecord>,
    /// Where its tokens are examples of an objective that are each taken whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<ExamplesRecord>,
}

/// Files beside the shards that divide a split's tokens into examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamplesRecord {
    /// The tokens of each, little-endian u32; its `tokens` are examples.
    pub lengths: ShardRecord,
    /// A byte per token: 1 where it is learned, 0 where it is given.
    pub learned: ShardRecord,
    /// What is known of each beside its tokens, a JSON object a line, where something is; its `tokens` are lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<ShardRecord>,
}

/// Tokens of one source, up to the next stretch or the end of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchRecord {
    /// The source.
    pub source: String,
    /// Number of its first token within the split.
    pub start: u64,
}

/// One file of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Its name within the folder.
    pub file: String,
    /// Its tokens.
    pub tokens: u64,
    /// CRC-32C of its bytes.
    pub crc32c: u32,
}

impl Index {
    /// Reads and checks an index.
    pub(in crate::data) fn read(path: &Path) -> Result<Self> {
        let length = files::metadata(path).map_err(Error::io(path))?.len();
        if length > MAX_INDEX_BYTES {
            return Err(Error::bad_file(path, format!("{length} bytes is too long for an index")));
        }
        let text = files::read_to_string(path).map_err(Error::io(path))?;
        let damaged = |error: String| Error::bad_file(path, format!("the index is damaged: {error}"));
        // Those of older versions have no checksum.
        let covered = storage::json_from_checked(&text).map_err(|reason| damaged(reason.to_owned()))?;
        let index: Self = serde_json::from_str(covered.as_deref().unwrap_or(&text))
            .map_err(|error| damaged(error.to_string()))?;
        index.check().map_err(|reason| Error::bad_file(path, reason))?;
        Ok(index)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("the index has format {}, and this version reads {FORMAT}", self.format));
        }
        if !matches!(self.element_bytes, 2 | 4) {
            return Err(format!("element_bytes is {}, and must be 2 or 4", self.element_bytes));
        }
        for split in [&self.train, &self.validation] {
            let mut sum = Some(0_u64);
            let beside = split.examples.iter().flat_map(|examples| [&examples.lengths, &examples.learned]);
            if beside.clone().any(|file| Path::new(&file.file).file_name() != Some(file.file.as_ref())) {
                return Err("the files of its examples are not in its folder".to_owned());
            }
            for shard in &split.shards {
                // A name with a folder in it could lead out of the project.
                if Path::new(&shard.file).file_name() != Some(shard.file.as_ref()) {
                    return Err(format!("the shard name {:?} is not a plain file name", shard.file));
                }
                sum = sum.and_then(|sum| sum.checked_add(shard.tokens));
            }
            let starts = || split.stretches.iter().map(|stretch| stretch.start);
            if starts().zip(starts().skip(1)).any(|(one, next)| one >= next)
                || starts().any(|start| start >= split.tokens.max(1))
            {
                return Err("the sources' stretches are out of order".to_owned());
            }
            if sum != Some(split.tokens) {
                return Err("the shards' tokens do not add up to their split's".to_owned());
            }
        }
        Ok(())
    }

    /// Writes the index, with a checksum: which windows are drawn follows from it.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        storage::write_atomically(path, storage::checked_json_from(self)?.as_bytes())
    }
}
