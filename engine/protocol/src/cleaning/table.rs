//! A table that anything countable fits in.

use serde::{Deserialize, Serialize};

/// Rows under named columns; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusTable {
    /// What it is to programs, as in `source`.
    pub key: String,
    /// What people read, as in `By source`.
    pub title: String,
    /// One sentence on how to read it; empty where the title says all.
    pub note: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<CorpusCell>>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// How its cells are written.
    pub unit: Unit,
}

impl Column {
    /// A column of this heading and unit.
    pub fn new(title: impl Into<String>, unit: Unit) -> Self {
        Self { title: title.into(), unit }
    }
}

/// How the cells of a column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// As it is.
    #[default]
    Text,
    /// How many: `1.23 M`.
    Count,
    /// `4.1 GB`.
    Bytes,
    /// From 0 to 1, written as per cent, with a bar beside it.
    Share,
    /// `1.88`.
    Number,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CorpusCell {
    /// A whole number.
    Whole(u64),
    /// Another number.
    Real(f64),
    /// A text.
    Text(String),
    /// Nothing to say.
    #[default]
    Nothing,
}

impl CorpusCell {
    /// Its value as a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(*value as f64),
            Self::Real(value) => Some(*value).filter(|value| value.is_finite()),
            Self::Text(_) | Self::Nothing => None,
        }
    }
}

impl From<u64> for CorpusCell {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for CorpusCell {
    fn from(value: f64) -> Self {
        if value.is_finite() { Self::Real(value) } else { Self::Nothing }
    }
}

impl From<&str> for CorpusCell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for CorpusCell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
