//! `index.json`: contents and origin of a folder of shards.

use glasshouse_platform::{Error, Result, storage};
use glasshouse_protocol::FileProblem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The format version that this build reads and writes.
pub(super) const FORMAT: u32 = 1;

const MAX_INDEX_BYTES: u64 = 64 << 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub format: u32,
    /// Bytes per token: 2 for vocabularies up to 65,536, else 4.
    pub element_bytes: u32,
    pub vocabulary: usize,
    /// The id that ends each document, if documents are ended.
    pub end_of_text: Option<u32>,
    /// End-of-text ids within documents, whose text spells the token.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ends_within: u64,
    /// CRC-32C of the `tokenizer.json` that made the tokens.
    pub tokenizer_crc32c: u32,
    /// Everything that determines the content; equal recipes mean equal tokens.
    pub recipe: String,
    pub sources: Vec<SourceRecord>,
    pub documents: u64,
    /// Number of characters (Unicode scalar values) in all sources.
    pub characters: u64,
    /// Number of UTF-8 bytes in all sources.
    pub bytes: u64,
    /// Share of training windows that start in each source; empty if they start anywhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mixture: BTreeMap<String, f64>,
    /// The prompt of a held-out conversation or generated row, if the text is such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Files that could not be read, or only in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
    /// Unread fields of rows, each with the number of rows that have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<String, u64>,
    /// Label names; the last token of each example is an index into them. Empty if the examples are not labelled texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether all examples are raw texts, not written by a chat template.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    pub train: SplitRecord,
    pub validation: SplitRecord,
}

/// For `skip_serializing_if`.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Path, or a description of the embedded corpus.
    pub path: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRecord {
    pub tokens: u64,
    /// UTF-8 bytes of the tokens' text, without `<|endoftext|>`: bits per byte are the loss in bits × tokens ÷ this.
    pub bytes: u64,
    pub shards: Vec<ShardRecord>,
    /// Start of each source's tokens, for documents with a known source; a source whose documents are scattered has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stretches: Vec<StretchRecord>,
    /// Set if the tokens are divided into examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<ExamplesRecord>,
}

/// Files that divide a split's tokens into examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamplesRecord {
    /// Length of each example as little-endian u32; its `tokens` counts examples.
    pub lengths: ShardRecord,
    /// One byte per token: 1 if learned, else 0.
    pub learned: ShardRecord,
    /// Extra data of the examples, if any: one JSON object per line; its `tokens` counts lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<ShardRecord>,
}

/// Consecutive tokens of one source, up to the next stretch or the end of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchRecord {
    pub source: String,
    /// Index of its first token in the split.
    pub start: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    pub file: String,
    pub tokens: u64,
    pub crc32c: u32,
}

impl Index {
    pub(in crate::data) fn read(path: &Path) -> Result<Self> {
        let index: Self = storage::read_checked_json(path, MAX_INDEX_BYTES)?;
        index.check().map_err(|reason| Error::bad_file(path, reason))?;
        Ok(index)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("the index has format {}, but this version reads {FORMAT}", self.format));
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
                // A name with a path could lead out of the project.
                if Path::new(&shard.file).file_name() != Some(shard.file.as_ref()) {
                    return Err(format!("the shard name {:?} is not a plain file name", shard.file));
                }
                sum = sum.and_then(|sum| sum.checked_add(shard.tokens));
            }
            let starts = || split.stretches.iter().map(|stretch| stretch.start);
            if starts().zip(starts().skip(1)).any(|(one, next)| one >= next)
                || starts().any(|start| start >= split.tokens.max(1))
            {
                return Err("the sources' ranges are out of order".to_owned());
            }
            if sum != Some(split.tokens) {
                return Err("the shards' tokens do not add up to their split's".to_owned());
            }
        }
        Ok(())
    }

    /// Writes the index with a checksum, since the drawn windows depend on it.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        storage::write_checked_json(path, self)
    }
}
