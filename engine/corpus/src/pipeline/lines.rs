//! The lines of `kept.jsonl` and `dropped.jsonl`, and how they are written.

use crate::document::Document;
use crate::error::{Error, Result};
use crate::files::{Files, Input};
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// A line of `kept.jsonl`.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    document: &'a Document,
    /// Its own source, where that is counted among the small ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'static str>,
}

/// The line of a kept document, its line feed included; `split` is `train` or `validation` where whole documents are held out, `source`
/// what it is counted under.
pub(super) fn kept(document: &mut Document, split: Option<&'static str>, source: &str) -> Result<Vec<u8>> {
    let own = std::mem::replace(&mut document.source, source.to_owned());
    line(&Kept { own_source: Some(own).filter(|own| own != source), split, document })
}

/// A line of `dropped.jsonl`.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
pub struct Dropped {
    /// The document's id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// The stage that dropped it.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Words that it had then.
    pub words: u64,
    /// Bytes of text that it had then.
    pub bytes: u64,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}

/// A line of JSON.
pub(super) fn line(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| Error::Refused(format!("a document that JSON cannot hold: {error}")))?;
    line.push(b'\n');
    Ok(line)
}

/// A file being written.
pub(crate) struct Output {
    path: PathBuf,
    file: BufWriter<Box<dyn Write + Send>>,
}

impl Output {
    /// A new file, or an emptied one.
    pub(crate) fn new(files: &dyn Files, path: PathBuf) -> Result<Self> {
        let file = files.create(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// One that goes on behind so many bytes.
    pub(super) fn behind(files: &dyn Files, path: PathBuf, length: u64) -> Result<Self> {
        let file = files.append(&path, length).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    /// Writes a value as a line of JSON.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        self.write(&line(value)?)
    }

    /// What was written reaches the file.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(Error::io(&self.path))
    }

    /// Ends writing and opens for reading.
    pub(super) fn reopen(mut self, files: &dyn Files) -> Result<(PathBuf, Box<dyn Input>)> {
        self.flush()?;
        drop(self.file);
        let file = files.open(&self.path).map_err(Error::io(&self.path))?;
        Ok((self.path, file))
    }
}
