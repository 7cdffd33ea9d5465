//! Writing shards.

use super::index::{ExamplesRecord, FORMAT, Index, ShardRecord, SplitRecord, StretchRecord};
use super::{INDEX_FILE, Split};
use glasshouse_platform::files::File;
use glasshouse_platform::{Error, Result};
use serde::Serialize;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Size of a full shard in bytes.
const SHARD_BYTES: u64 = 64 << 20;

/// Writes both splits' shards to a folder.
pub struct Writer {
    folder: PathBuf,
    element_bytes: u32,
    shard_bytes: u64,
    /// For training and validation.
    splits: [SplitWriter; 2],
}

#[derive(Default)]
struct SplitWriter {
    name: &'static str,
    record: SplitRecord,
    /// Tokens appended so far, in closed and open shards.
    tokens: u64,
    open: Option<OpenShard>,
    examples: Option<OpenExamples>,
}

/// The files that divide a split into examples: lengths, learned masks and extra data.
struct OpenExamples {
    lengths: OpenShard,
    learned: OpenShard,
    rows: Option<OpenShard>,
}

struct OpenShard {
    path: PathBuf,
    file: BufWriter<File>,
    tokens: u64,
    crc32c: u32,
}

impl Writer {
    /// Creates a writer for tokens below `vocabulary`.
    pub fn new(folder: &Path, vocabulary: usize) -> Self {
        Self::with_shard_bytes(folder, vocabulary, SHARD_BYTES)
    }

    pub(super) fn with_shard_bytes(folder: &Path, vocabulary: usize, shard_bytes: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            element_bytes: if vocabulary <= 1 << 16 { 2 } else { 4 },
            shard_bytes,
            splits: ["train", "validation"].map(|name| SplitWriter { name, ..SplitWriter::default() }),
        }
    }

    /// Appends tokens to a split, with their source if known; `text_bytes` is the length of their text.
    pub fn append(
        &mut self,
        split: Split,
        source: Option<&str>,
        tokens: &[u32],
        text_bytes: u64,
    ) -> Result<()> {
        let writer = &mut self.splits[split as usize];
        writer.record.bytes += text_bytes;
        let source = source.filter(|_| !tokens.is_empty());
        let goes_on = writer.record.stretches.last().map(|stretch| stretch.source.as_str());
        if let Some(source) = source.filter(|source| goes_on != Some(*source)) {
            let stretch = StretchRecord { source: source.to_owned(), start: writer.tokens };
            writer.record.stretches.push(stretch);
        }
        writer.tokens += tokens.len() as u64;
        let capacity = (self.shard_bytes / u64::from(self.element_bytes)).max(1);
        let mut rest = tokens;
        while !rest.is_empty() {
            let shard = match &mut writer.open {
                Some(shard) => shard,
                closed => {
                    let name = format!("{}-{:05}.bin", writer.name, writer.record.shards.len());
                    closed.insert(OpenShard::create(self.folder.join(name))?)
                }
            };
            let room = (capacity - shard.tokens).min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at(room);
            let bytes: Vec<u8> = if self.element_bytes == 2 {
                now.iter().flat_map(|token| (*token as u16).to_le_bytes()).collect()
            } else {
                now.iter().flat_map(|token| token.to_le_bytes()).collect()
            };
            shard.append(&bytes, now.len() as u64)?;
            if shard.tokens == capacity {
                writer.close()?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Appends an example to a split: its tokens, and whether each is learned; `text_bytes` is the length of its text.
    pub fn append_example(
        &mut self,
        split: Split,
        tokens: &[u32],
        learned: &[bool],
        text_bytes: u64,
    ) -> Result<()> {
        self.append(split, None, tokens, text_bytes)?;
        let writer = &mut self.splits[split as usize];
        let examples = match &mut writer.examples {
            Some(examples) => examples,
            none => {
                let file = |what| OpenShard::create(self.folder.join(format!("{}-{what}.bin", writer.name)));
                let (lengths, learned) = (file("lengths")?, file("learned")?);
                none.insert(OpenExamples { lengths, learned, rows: None })
            }
        };
        examples.lengths.append(&(tokens.len() as u32).to_le_bytes(), 1)?;
        let bytes: Vec<u8> = learned.iter().map(|learned| u8::from(*learned)).collect();
        examples.learned.append(&bytes, bytes.len() as u64)
    }

    /// Appends extra data for the last example, as one line of JSON.
    pub fn append_row(&mut self, split: Split, row: &impl Serialize) -> Result<()> {
        let writer = &mut self.splits[split as usize];
        let none = || Error::Internal("a row without its example".to_owned());
        let examples = writer.examples.as_mut().ok_or_else(none)?;
        let rows = match &mut examples.rows {
            Some(rows) => rows,
            none => none.insert(OpenShard::create(self.folder.join(format!("{}-rows.jsonl", writer.name)))?),
        };
        let mut line = serde_json::to_vec(row).map_err(|error| Error::Internal(error.to_string()))?;
        line.push(b'\n');
        rows.append(&line, 1)
    }

    /// Whether a source has text in the training split so far.
    pub fn trains(&self, source: &str) -> bool {
        self.splits[0].record.stretches.iter().any(|stretch| stretch.source == source)
    }

    /// Closes the shards, completes `index` with their records, and writes it.
    pub fn finish(self, index: Index) -> Result<Index> {
        let [train, validation] = self.splits.map(SplitWriter::finish);
        let (train, validation) = (train?, validation?);
        let index = Index { format: FORMAT, element_bytes: self.element_bytes, train, validation, ..index };
        index.write(&self.folder.join(INDEX_FILE))?;
        Ok(index)
    }
}

impl SplitWriter {
    fn close(&mut self) -> Result<()> {
        let Some(shard) = self.open.take() else { return Ok(()) };
        self.record.tokens += shard.tokens;
        self.record.shards.push(shard.close()?);
        Ok(())
    }

    fn finish(mut self) -> Result<SplitRecord> {
        self.close()?;
        if let Some(OpenExamples { lengths, learned, rows }) = self.examples.take() {
            let (lengths, learned) = (lengths.close()?, learned.close()?);
            let rows = rows.map(OpenShard::close).transpose()?;
            self.record.examples = Some(ExamplesRecord { lengths, learned, rows });
        }
        Ok(self.record)
    }
}

impl OpenShard {
    fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file), tokens: 0, crc32c: 0 })
    }

    fn append(&mut self, bytes: &[u8], entries: u64) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))?;
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        self.tokens += entries;
        Ok(())
    }

    fn close(self) -> Result<ShardRecord> {
        let Self { path, file, tokens, crc32c } = self;
        let file = file.into_inner().map_err(|error| Error::io(&path)(error.into_error()))?;
        file.sync_all().map_err(Error::io(&path))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(ShardRecord { file, tokens, crc32c })
    }
}
