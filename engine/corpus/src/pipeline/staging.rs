//! Documents of the first pass, stored on disk until the second; memory holds a few numbers of each.

use super::lines::{Dropped, Output};
use crate::report::Amount;
use glasshouse_documents::document::Document;
use glasshouse_documents::files::{Files, Input};
use glasshouse_documents::{Error, Result};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Staged documents, in the output folder; removed at the end.
pub(super) const STAGING_FILE: &str = ".staging.jsonl";
/// Exact copies, stored until the ids of their originals can be read.
const COPIES_FILE: &str = ".copies.jsonl";
/// Temporary files of the first pass.
pub(super) const FILES: [&str; 3] = [STAGING_FILE, COPIES_FILE, super::journal::JOURNAL_FILE];

/// Memory per staged document in bytes, without the keys for duplicates.
pub(super) const BYTES_PER_DOCUMENT: usize = size_of::<StagedDocument>();

/// In-memory data of a staged document: with the keys for duplicates, all that grows with the corpus.
#[derive(Clone, Copy, Debug)]
pub(super) struct StagedDocument {
    offset: u64,
    /// Bytes of its line.
    pub length: u32,
    pub source: u32,
    /// Bytes of its text.
    pub bytes: u32,
    /// See [`content_key`](crate::report::content_key).
    pub content_key: u64,
}

pub(super) struct StagingWriter {
    path: PathBuf,
    /// `None` while it replays an earlier pass.
    output: Option<Output>,
    offset: u64,
    entries: Vec<StagedDocument>,
}

impl StagingWriter {
    pub(super) fn new(files: &dyn Files, folder: &Path) -> Result<Self> {
        let mut writer = Self::left(folder);
        writer.output = Some(Output::new(files, writer.path.clone())?);
        Ok(writer)
    }

    /// A writer that replays an earlier pass, and writes nothing before it [resumes](Self::resume).
    pub(super) fn left(folder: &Path) -> Self {
        Self { path: folder.join(STAGING_FILE), output: None, offset: 0, entries: Vec::new() }
    }

    /// Continues the file of an earlier pass after the replayed documents.
    pub(super) fn resume(&mut self, files: &dyn Files) -> Result<()> {
        self.output = Some(Output::behind(files, self.path.clone(), self.offset)?);
        Ok(())
    }

    /// Appends a document as a line of JSON; returns its length.
    pub(super) fn write(&mut self, line: &[u8]) -> Result<u32> {
        self.output.as_mut().map_or(Ok(()), |output| output.write(line))?;
        u32::try_from(line.len()).map_err(|_| Error::Refused(format!("a document of {} bytes", line.len())))
    }

    pub(super) fn note(&mut self, length: u32, source: u32, content_key: u64, amount: Amount) {
        let bytes = amount.bytes as u32;
        self.entries.push(StagedDocument { offset: self.offset, length, source, bytes, content_key });
        self.offset += u64::from(length);
    }

    pub(super) fn flush(&mut self) -> Result<u64> {
        self.output.as_mut().map_or(Ok(()), Output::flush)?;
        Ok(self.offset)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn finish(mut self, files: &dyn Files) -> Result<Staging> {
        self.flush()?;
        drop(self.output);
        let file = files.open(&self.path).map_err(Error::io(&self.path))?;
        Ok(Staging { path: self.path, file, position: 0, entries: self.entries })
    }
}

pub(super) struct Staging {
    path: PathBuf,
    file: Box<dyn Input>,
    position: u64,
    entries: Vec<StagedDocument>,
}

impl Staging {
    pub(super) fn entries(&self) -> &[StagedDocument] {
        &self.entries
    }

    /// Maps source numbers to their final ones.
    pub(super) fn renumber(&mut self, places: &[u32]) {
        for entry in &mut self.entries {
            entry.source = places.get(entry.source as usize).copied().unwrap_or_default();
        }
    }

    pub(super) fn line(&mut self, number: u32) -> Result<Vec<u8>> {
        let missing = || Error::Refused(format!("there is no document {number} in {}", self.path.display()));
        let StagedDocument { offset, length, .. } = *self.entries.get(number as usize).ok_or_else(missing)?;
        if self.position != offset {
            self.file.seek(SeekFrom::Start(offset)).map_err(Error::io(&self.path))?;
        }
        let mut line = vec![0; length as usize];
        self.file.read_exact(&mut line).map_err(Error::io(&self.path))?;
        self.position = offset + u64::from(length);
        Ok(line)
    }

    pub(super) fn document(&mut self, number: u32) -> Result<Document> {
        let line = self.line(number)?;
        parse(&self.path, &line)
    }

    pub(super) fn id(&mut self, number: u32) -> Result<String> {
        #[derive(serde::Deserialize)]
        struct Named {
            id: String,
        }
        let line = self.line(number)?;
        parse(&self.path, &line).map(|Named { id }| id)
    }

    /// Documents, read sequentially and parsed on all cores.
    pub(super) fn documents(&mut self, numbers: &[u32]) -> Result<Vec<Document>> {
        use rayon::prelude::*;
        let lines = numbers.iter().map(|number| self.line(*number)).collect::<Result<Vec<_>>>()?;
        lines.into_par_iter().map(|line| parse(&self.path, &line)).collect()
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, line: &[u8]) -> Result<T> {
    serde_json::from_slice(line)
        .map_err(|error| Error::bad_file(path, format!("changed while it was in use: {error}")))
}

/// Creates the file of exact copies for `dropped.jsonl`, one line each: the number of its original, and the copy.
pub(super) fn copies(files: &dyn Files, folder: &Path) -> Result<Output> {
    Output::new(files, folder.join(COPIES_FILE))
}

pub(super) struct ReadCopies {
    path: PathBuf,
    lines: BufReader<Box<dyn Input>>,
}

impl ReadCopies {
    pub(super) fn new(copies: Output, files: &dyn Files) -> Result<Self> {
        let (path, file) = copies.reopen(files)?;
        Ok(Self { path, lines: BufReader::new(file) })
    }

    pub(super) fn next(&mut self) -> Result<Option<(u32, Dropped)>> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).map_err(Error::io(&self.path))? == 0 {
            return Ok(None);
        }
        parse(&self.path, line.as_bytes()).map(Some)
    }

    pub(super) fn again(&mut self) -> Result<()> {
        self.lines.rewind().map_err(Error::io(&self.path))
    }
}
