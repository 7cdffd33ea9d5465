//! Public corpora, documents and a run's text.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Progress of downloading a public corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum FetchProgress {
    Receiving {
        /// Bytes received, including earlier attempts.
        done: u64,
        /// Total bytes; approximate if the publisher states no exact size.
        total: u64,
    },
    /// The download failed and will be retried.
    Retrying {
        reason: String,
        /// Delay before the retry.
        seconds: f64,
    },
    /// The download is complete and its checksum is being verified.
    Verifying,
    /// The file is verified.
    Done { path: PathBuf },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusSummary {
    /// Identifier, as in `tiny-stories`.
    pub name: String,
    pub title: String,
    pub sentence: String,
    pub address: String,
    /// Format, as in `plain text`.
    pub format: String,
    pub bytes: u64,
    /// Whether `bytes` is exact rather than approximate.
    pub exact: bool,
    /// SPDX name if there is one.
    pub licence: String,
    /// What to know before training on it, or empty.
    pub note: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentsOverview {
    /// Whether the built-in stories are used because the project has no documents.
    pub embedded: bool,
    /// Whether the documents listed and trained on are those kept by a cleaning.
    pub cleaned: bool,
    /// Name and size in bytes of the project's files, as added.
    pub files: Vec<(String, u64)>,
    /// Those of `files` that hold rows for fine-tuning. Rows are no part of the text: they are listed after its documents, and count in
    /// none of the numbers below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowFile>,
    /// Files that could not be read in full, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
    pub documents: u64,
    /// Bytes of their text in UTF-8.
    pub bytes: u64,
    pub characters: u64,
    pub train: (u64, u64),
    pub validation: (u64, u64),
    /// Histogram of document lengths in characters: upper bound (doubling) and count of each bin.
    pub lengths: Vec<(u64, u64)>,
    pub distinct_characters: usize,
}

impl DocumentsOverview {
    /// Whether a file holds rows for fine-tuning.
    pub fn holds_rows(&self, name: &str) -> bool {
        self.rows.iter().any(|file| file.name == name)
    }
}

/// A file of rows for fine-tuning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFile {
    pub name: String,
    pub rows: u64,
    pub characters: u64,
    /// The beginning of the first row.
    pub preview: String,
}

/// A file that gives no text, or only part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    pub name: String,
    /// The problem, as in `is empty`.
    pub reason: String,
    /// Whether the rest of the file was read.
    pub partly: bool,
    /// Number of affected rows or other parts of the file.
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentSummary {
    /// Index in the unfiltered list, from 0.
    pub number: u64,
    /// Id of the raw document, if a cleaning kept it; `CompareDocument` takes it.
    pub id: Option<String>,
    /// The file it comes from, or its source if a cleaning kept it.
    pub file: String,
    pub characters: u64,
    /// Its beginning, or the context of the search match; at most 160 characters, on one line.
    pub preview: String,
    /// Whether it is held out for validation.
    pub validation: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSummary {
    pub documents: u64,
    pub bytes: u64,
    pub train_tokens: u64,
    pub validation_tokens: u64,
}
