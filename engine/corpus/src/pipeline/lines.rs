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
    id: &'a str,
    source: &'a str,
    /// Its own source, where that is counted among the small ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_source: Option<&'a str>,
    /// Always there: `null` where it is not known.
    licence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genre: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "crate::document::Kind::is_plain")]
    kind: &'a crate::document::Kind,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// The line of a kept document, its line feed included; `split` is `train` or `validation` where whole documents are held out, `source`
/// what it is counted under.
pub(super) fn kept(document: &Document, split: Option<&'static str>, source: &str) -> Result<Vec<u8>> {
    line(&Kept {
        id: &document.id,
        source,
        own_source: Some(document.source.as_str()).filter(|own| *own != source),
        licence: document.licence.as_deref(),
        split,
        language: document.language.as_deref(),
        genre: document.genre.as_deref(),
        date: document.date.as_deref(),
        address: document.address.as_deref(),
        title: document.title.as_deref(),
        kind: &document.kind,
        text: &document.text,
        record: document.record.as_ref(),
    })
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
