//! Documents that passed the first pass, on disk until the second: in memory there are a few numbers of each.

use crate::document::Document;
use crate::error::{Error, Result};
use crate::files::{Files, Input};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the staging file inside the output folder; removed at the end.
const STAGING_FILE: &str = ".staging.jsonl";

/// What memory holds of a staged document: with the duplicates' keys beside it, all that grows with the corpus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    offset: u64,
    length: u32,
    /// Number of its source.
    pub source: u32,
    /// Hash of its id, which draws lots: who is held out, who falls to a cap.
    pub lot: u64,
}

/// Writes documents one after another.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<Box<dyn Write + Send>>,
    offset: u64,
    entries: Vec<Entry>,
}

impl Writer {
    pub(super) fn new(files: &dyn Files, folder: &Path) -> Result<Self> {
        let path = folder.join(STAGING_FILE);
        let file = files.create(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file), offset: 0, entries: Vec::new() })
    }

    /// Appends a document as its line of JSON.
    pub(super) fn append(&mut self, line: &[u8], source: u32, lot: u64) -> Result<()> {
        let length = u32::try_from(line.len())
            .map_err(|_| Error::Refused(format!("a document of {} bytes", line.len())))?;
        self.file.write_all(line).map_err(Error::io(&self.path))?;
        self.entries.push(Entry { offset: self.offset, length, source, lot });
        self.offset += u64::from(length);
        Ok(())
    }

    /// Documents so far.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Ends writing and opens for reading.
    pub(super) fn finish(mut self, files: &dyn Files) -> Result<Staging> {
        self.file.flush().map_err(Error::io(&self.path))?;
        drop(self.file);
        let file = files.open(&self.path).map_err(Error::io(&self.path))?;
        Ok(Staging { path: self.path, file, position: 0, entries: self.entries })
    }
}

/// Staged documents, to be read in any order.
pub(super) struct Staging {
    path: PathBuf,
    file: Box<dyn Input>,
    position: u64,
    entries: Vec<Entry>,
}

impl Staging {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A document's line of JSON.
    pub(super) fn line(&mut self, number: u32) -> Result<Vec<u8>> {
        let missing = || Error::Refused(format!("there is no document {number} in {}", self.path.display()));
        let Entry { offset, length, .. } = *self.entries.get(number as usize).ok_or_else(missing)?;
        if self.position != offset {
            self.file.seek(SeekFrom::Start(offset)).map_err(Error::io(&self.path))?;
        }
        let mut line = vec![0; length as usize];
        self.file.read_exact(&mut line).map_err(Error::io(&self.path))?;
        self.position = offset + u64::from(length);
        Ok(line)
    }

    /// A document.
    pub(super) fn document(&mut self, number: u32) -> Result<Document> {
        let line = self.line(number)?;
        parse(&self.path, &line)
    }

    /// Documents, read in turn and parsed on all cores.
    pub(super) fn documents(&mut self, numbers: &[u32]) -> Result<Vec<Document>> {
        use rayon::prelude::*;
        let lines = numbers.iter().map(|number| self.line(*number)).collect::<Result<Vec<_>>>()?;
        lines.into_par_iter().map(|line| parse(&self.path, &line)).collect()
    }

    /// Removes the file.
    pub(super) fn remove(self, files: &dyn Files) -> Result<()> {
        drop(self.file);
        files.remove(&self.path).map_err(Error::io(&self.path))
    }
}

fn parse(path: &Path, line: &[u8]) -> Result<Document> {
    serde_json::from_slice(line)
        .map_err(|error| Error::bad_file(path, format!("changed while it was in use: {error}")))
}
