//! The folder that a cleaning leaves behind: what its files are called, and the index that says what it is.
//!
//! `kept.jsonl` holds the documents in the order of their sources, so that each source is one run of tokens later;
//! `corpus.json` is written last: a folder without it is no finished corpus.

use crate::error::{Error, Result};
use crate::files::{FileType, Files};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// What is left, a JSON object a line.
pub const KEPT_FILE: &str = "kept.jsonl";
/// What was dropped and why, a JSON object a line.
pub const DROPPED_FILE: &str = "dropped.jsonl";
/// The account of the cleaning.
pub const REPORT_FILE: &str = "report.json";
/// The account as a page.
pub const REPORT_PAGE: &str = "report.html";
/// The recipe as it was run.
pub const RECIPE_FILE: &str = "recipe.toml";
/// What the folder holds.
pub const CORPUS_FILE: &str = "corpus.json";

/// The layout that this version writes.
const FORMAT: u32 = 1;
/// Largest index that is read: a hundred bytes a source.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// `corpus.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusIndex {
    /// The layout's version.
    pub format: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Documents kept.
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    /// Share of each source's documents that is marked as held out.
    pub validation: f64,
    /// The sources, in the order in which they follow one another.
    pub sources: Vec<SourceIndex>,
    /// The share of training windows that begin in each source, where a mixture asks for other shares than the sources'
    /// lengths give; empty otherwise.
    pub mixture: BTreeMap<String, f64>,
}

/// A source's part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceIndex {
    /// Its name.
    pub name: String,
    /// Documents kept.
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    /// Its documents' licences.
    pub licences: Vec<String>,
}

/// A line of `kept.jsonl`, as far as training reads it.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptLine {
    /// The document's id, as `dropped.jsonl` has those of the others.
    pub id: String,
    /// The document's text.
    pub text: String,
    /// Its source.
    pub source: String,
    /// `train` or `validation`; absent where documents are too few or too unequal to hold whole ones out.
    #[serde(default)]
    pub split: Option<String>,
}

impl CorpusIndex {
    /// An index of this version's layout.
    pub fn new(recipe: &str, validation: f64) -> Self {
        Self {
            format: FORMAT,
            recipe: recipe.to_owned(),
            documents: 0,
            bytes: 0,
            validation,
            sources: Vec::new(),
            mixture: BTreeMap::new(),
        }
    }

    /// The index of a folder; `None` where the folder is none that the bench wrote.
    ///
    /// # Errors
    /// It is damaged or of another version.
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
        let index: Self = serde_json::from_str(&text)
            .map_err(|error| Error::bad_file(&path, format!("the index is damaged: {error}; clean again")))?;
        if index.format != FORMAT {
            let reason = format!("has format {}, and this version reads {FORMAT}; clean again", index.format);
            return Err(Error::bad_file(path, reason));
        }
        Ok(Some(index))
    }
}
