//! Text: public corpora, documents, what a run has of them.

use serde::{Deserialize, Serialize};

/// How far the download of a public corpus is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum FetchProgress {
    /// Bytes come in.
    Receiving {
        /// Bytes that are here, those of earlier attempts included.
        done: u64,
        /// Bytes in all; about, where its publisher says no exact number.
        total: u64,
    },
    /// Something went wrong, and it will be tried again.
    Retrying {
        /// What went wrong.
        reason: String,
        /// After so many seconds.
        seconds: f64,
    },
    /// All bytes are here and are compared with the checksum.
    Verifying,
}

/// A public corpus that can be added to a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusSummary {
    /// What it is asked for by, as in `tiny-stories`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is, in one sentence.
    pub sentence: String,
    /// Where it lies.
    pub address: String,
    /// As in `plain text`.
    pub format: String,
    /// Bytes.
    pub bytes: u64,
    /// They are exactly so many; else about.
    pub exact: bool,
    /// Under which licence: SPDX names where there is one.
    pub licence: String,
    /// What to know before training on it; empty where there is nothing.
    pub note: String,
}

/// About all documents of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentsOverview {
    /// The embedded stories are used: the project has no documents of its own.
    pub embedded: bool,
    /// What was kept of them by a cleaning is what is listed and trained on.
    #[serde(default)]
    pub cleaned: bool,
    /// The project's files as they were added: name and bytes.
    pub files: Vec<(String, u64)>,
    /// Files among them that cannot be read, or not wholly, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
    /// Documents in all.
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    /// Characters.
    pub characters: u64,
    /// Documents and bytes of the training part.
    pub train: (u64, u64),
    /// Documents and bytes of the validation part.
    pub validation: (u64, u64),
    /// Documents by length in characters: the upper end of each class (doubling) and how many are in it.
    pub lengths: Vec<(u64, u64)>,
    /// Most frequent characters and how often each occurs, at most 96.
    pub characters_by_count: Vec<(char, u64)>,
    /// Distinct characters.
    pub distinct_characters: usize,
}

/// A file that gives no text, or of which a part gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    /// The file's name.
    pub name: String,
    /// What is wrong with it, as in `is empty`.
    pub reason: String,
    /// It gives text but for a part.
    #[serde(default)]
    pub partly: bool,
    /// How many rows, or other parts of the file, this is about.
    #[serde(default = "one")]
    pub count: u64,
}

fn one() -> u64 {
    1
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentSummary {
    /// Its number in the whole list, from 0.
    pub number: u64,
    /// Its id among the raw documents, where a cleaning kept it: by it `CompareDocument` shows it before and after.
    #[serde(default)]
    pub id: Option<String>,
    /// The file that it comes from, or its source, where a cleaning kept it.
    pub file: String,
    /// Characters.
    pub characters: u64,
    /// Its beginning, or the surroundings of what was searched for; at most 160 characters, in one line.
    pub preview: String,
    /// It is held out for validation.
    pub validation: bool,
}

/// A run's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSummary {
    /// Documents.
    pub documents: u64,
    /// Bytes.
    pub bytes: u64,
    /// Tokens to train on.
    pub train_tokens: u64,
    /// Tokens that are held out.
    pub validation_tokens: u64,
}
