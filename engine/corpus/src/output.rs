//! The output folder of a cleaning: file names, and the index.
//!
//! `kept.jsonl` holds the documents in the order of their sources, so that each source becomes one run of tokens. `corpus.json`
//! is written last: a folder without it is not a finished corpus.

use glasshouse_documents::files::{FileType, Files};
use glasshouse_documents::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

/// Kept documents, one JSON object per line.
pub const KEPT_FILE: &str = "kept.jsonl";
/// Dropped documents with the reason, one JSON object per line.
pub const DROPPED_FILE: &str = "dropped.jsonl";
pub const REPORT_FILE: &str = "report.json";
pub const REPORT_PAGE: &str = "report.html";
pub const RECIPE_FILE: &str = "recipe.toml";
pub const CORPUS_FILE: &str = "corpus.json";

/// Layout version written by this program.
const FORMAT: u32 = 1;
/// Maximum bytes of an index: a hundred bytes per source.
const MAX_INDEX_BYTES: u64 = 16 << 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusIndex {
    pub format: u32,
    pub recipe: String,
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    /// Fraction of each source's documents marked as held out.
    pub validation: f64,
    pub sources: Vec<SourceIndex>,
    /// The fraction of training windows that begin in each source, if a mixture changes it from the sources' lengths; otherwise
    /// empty.
    pub mixture: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceIndex {
    pub name: String,
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    pub licences: Vec<String>,
}

/// The fields of a line of `kept.jsonl` that training reads.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptLine {
    /// The document's id, as in `dropped.jsonl`.
    pub id: String,
    pub text: String,
    pub source: String,
    /// `train` or `validation`; absent if documents are too few or too unequal in size to hold out whole ones.
    #[serde(default)]
    pub split: Option<String>,
}

impl CorpusIndex {
    pub fn new(recipe: &str, validation: f64) -> Self {
        Self { format: FORMAT, recipe: recipe.to_owned(), validation, ..Self::default() }
    }

    /// Reads the index of a folder; `None` if it is not the output of a cleaning.
    pub fn find(files: &dyn Files, folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(CORPUS_FILE);
        match files.file_type(&path) {
            Ok(FileType::File(bytes)) if bytes <= MAX_INDEX_BYTES => {}
            Ok(FileType::File(bytes)) => {
                return Err(Error::bad_file(path, format!("{bytes} bytes is too long for an index")));
            }
            _ => return Ok(None),
        }
        let mut text = String::new();
        let input = files.open(&path).map_err(Error::io(&path))?;
        input.take(MAX_INDEX_BYTES).read_to_string(&mut text).map_err(Error::io(&path))?;
        let index: Self = serde_json::from_slice(text.as_bytes())
            .map_err(|error| Error::bad_file(&path, format!("the index is damaged: {error}; clean again")))?;
        if index.format != FORMAT {
            let reason = format!("has format {}, and this version reads {FORMAT}; clean again", index.format);
            return Err(Error::bad_file(path, reason));
        }
        Ok(Some(index))
    }
}

/// The lines of a folder's `kept.jsonl`, as written and parsed.
pub(crate) fn kept_lines<T: serde::de::DeserializeOwned>(
    files: &dyn Files,
    folder: &Path,
) -> Result<impl Iterator<Item = Result<(String, T)>> + use<T>> {
    let path = folder.join(KEPT_FILE);
    let input = BufReader::new(files.open(&path).map_err(Error::io(&path))?);
    Ok(input.lines().map(move |line| {
        let line = line.map_err(Error::io(&path))?;
        let parsed = serde_json::from_slice(line.as_bytes()).map_err(damaged(&path))?;
        Ok((line, parsed))
    }))
}

pub(crate) fn damaged(path: &Path) -> impl Fn(serde_json::Error) -> Error {
    move |error| Error::bad_file(path, format!("is damaged: {error}; clean again"))
}
