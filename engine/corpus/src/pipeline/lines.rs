//! The lines of `kept.jsonl` and `dropped.jsonl`, and their output.

use glasshouse_documents::document::Document;
use glasshouse_documents::files::{Files, Input};
use glasshouse_documents::{Error, Result};
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    document: &'a Document,
    /// The document's source, if the report counts it among the small ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'static str>,
}

/// The line of a kept document, including its line feed. `split` is `train` or `validation` if whole documents are held out;
/// `source` is the name it is counted under.
pub(super) fn kept(document: &mut Document, split: Option<&'static str>, source: &str) -> Result<Vec<u8>> {
    let own = std::mem::replace(&mut document.source, source.to_owned());
    line(&Kept { own_source: Some(own).filter(|own| own != source), split, document })
}

#[derive(Clone, Debug, Serialize, serde::Deserialize)]
pub struct Dropped {
    pub id: String,
    pub source: String,
    pub rule: String,
    pub reason: String,
    pub words: u64,
    pub bytes: u64,
    /// Beginning of the text, with personal data masked.
    pub excerpt: String,
}

pub(super) fn line(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| Error::Refused(format!("cannot write a document as JSON: {error}")))?;
    line.push(b'\n');
    Ok(line)
}

pub(crate) struct Output {
    path: PathBuf,
    file: BufWriter<Box<dyn Write + Send>>,
}

impl Output {
    pub(crate) fn new(files: &dyn Files, path: PathBuf) -> Result<Self> {
        let file = files.create(&path).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    pub(super) fn behind(files: &dyn Files, path: PathBuf, length: u64) -> Result<Self> {
        let file = files.append(&path, length).map_err(Error::io(&path))?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        self.write(&line(value)?)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(Error::io(&self.path))
    }

    pub(super) fn reopen(mut self, files: &dyn Files) -> Result<(PathBuf, Box<dyn Input>)> {
        self.flush()?;
        drop(self.file);
        let file = files.open(&self.path).map_err(Error::io(&self.path))?;
        Ok((self.path, file))
    }
}
