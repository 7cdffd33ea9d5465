//! Documents that passed the first pass, on disk until the second: in memory there are a few numbers of each.

use super::lines::{self, Dropped};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::files::{Files, Input};
use crate::report::Amount;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Staged documents, inside the output folder until the end.
pub(super) const STAGING_FILE: &str = ".staging.jsonl";
/// Exact copies, likewise, until the ids of their first ones can be told.
const COPIES_FILE: &str = ".copies.jsonl";
/// What the first pass leaves for the second.
pub(super) const FILES: [&str; 3] = [STAGING_FILE, COPIES_FILE, super::journal::JOURNAL_FILE];

/// Bytes of memory that stay for each staged document beside the duplicates' keys.
pub(super) const BYTES_A_DOCUMENT: usize = size_of::<Entry>();

/// A number drawn from an id, the same on every machine: who is held out, who falls to a cap.
pub(super) fn lot(id: &str) -> u64 {
    // FNV-1a, then the finaliser of MurmurHash3, whose output has no pattern left in it.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// What memory holds of a staged document: with the duplicates' keys beside it, all that grows with the corpus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    offset: u64,
    length: u32,
    /// Number of its source.
    pub source: u32,
    /// Bytes of its text.
    pub bytes: u32,
    /// Its [`lot`].
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
    pub(super) fn write(&mut self, line: &[u8]) -> Result<u32> {
        self.file.write_all(line).map_err(Error::io(&self.path))?;
        u32::try_from(line.len()).map_err(|_| Error::Refused(format!("a document of {} bytes", line.len())))
    }

    /// Notes the next document's line.
    pub(super) fn note(&mut self, length: u32, source: u32, lot: u64, amount: Amount) {
        let bytes = amount.bytes as u32;
        self.entries.push(Entry { offset: self.offset, length, source, bytes, lot });
        self.offset += u64::from(length);
    }

    /// What was written reaches the file; how many bytes that is.
    pub(super) fn flush(&mut self) -> Result<u64> {
        self.file.flush().map_err(Error::io(&self.path))?;
        Ok(self.offset)
    }

    /// Goes on in a file that an earlier pass left, behind the documents that were noted.
    pub(super) fn resume(&mut self, files: &dyn Files) -> Result<()> {
        let file = files.append(&self.path, self.offset).map_err(Error::io(&self.path))?;
        self.file = BufWriter::with_capacity(1 << 20, file);
        Ok(())
    }

    /// One that notes what an earlier pass left, and writes nothing before it [resumes](Self::resume).
    pub(super) fn left(folder: &Path) -> Self {
        let file: Box<dyn Write + Send> = Box::new(std::io::sink());
        Self { path: folder.join(STAGING_FILE), file: BufWriter::new(file), offset: 0, entries: Vec::new() }
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

    /// Gives every source its final number.
    pub(super) fn renumber(&mut self, places: &[u32]) {
        for entry in &mut self.entries {
            entry.source = places.get(entry.source as usize).copied().unwrap_or_default();
        }
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

    /// A document's id alone.
    pub(super) fn id(&mut self, number: u32) -> Result<String> {
        #[derive(serde::Deserialize)]
        struct Named {
            id: String,
        }
        let line = self.line(number)?;
        parse(&self.path, &line).map(|Named { id }| id)
    }

    /// Documents, read in turn and parsed on all cores.
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

/// Exact copies on their way to `dropped.jsonl`, each with the number of its first one.
pub(super) struct Copies {
    path: PathBuf,
    file: BufWriter<Box<dyn Write + Send>>,
}

impl Copies {
    pub(super) fn new(files: &dyn Files, folder: &Path) -> Result<Self> {
        let path = folder.join(COPIES_FILE);
        let file = files.create(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file) })
    }

    pub(super) fn append(&mut self, first: u32, dropped: &Dropped) -> Result<()> {
        let line = lines::line(&(first, dropped))?;
        self.file.write_all(&line).map_err(Error::io(&self.path))
    }

    /// The copies in their order, to be read.
    pub(super) fn finish(mut self, files: &dyn Files) -> Result<ReadCopies> {
        self.file.flush().map_err(Error::io(&self.path))?;
        drop(self.file);
        let file = files.open(&self.path).map_err(Error::io(&self.path))?;
        Ok(ReadCopies { path: self.path, lines: BufReader::new(file) })
    }
}

/// Copies that are read again.
pub(super) struct ReadCopies {
    path: PathBuf,
    lines: BufReader<Box<dyn Input>>,
}

impl ReadCopies {
    /// The next copy with the number of its first one.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Dropped)>> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).map_err(Error::io(&self.path))? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line)
            .map(Some)
            .map_err(|error| Error::bad_file(&self.path, format!("changed while it was in use: {error}")))
    }

    /// Begins from the first copy again.
    pub(super) fn again(&mut self) -> Result<()> {
        self.lines.rewind().map_err(Error::io(&self.path))
    }
}
