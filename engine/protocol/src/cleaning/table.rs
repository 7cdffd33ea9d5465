//! A generic table for counts.

use crate::conversions;
use crate::quantity::{NOTHING, bytes, count, percent, quantity, scientific, whole};
use serde::{Deserialize, Serialize};

/// Rows under named columns; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusTable {
    /// Key for programs, as in `source`.
    pub key: String,
    /// Display title, as in `By source`.
    pub title: String,
    /// One sentence on how to read it; empty if the title is enough.
    pub note: String,
    pub columns: Vec<Column>,
    /// Each row has one cell per column.
    pub rows: Vec<Vec<CorpusCell>>,
}

impl CorpusTable {
    pub fn new<const N: usize>(
        [key, title, note]: [&str; 3],
        columns: [(&str, Unit); N],
        rows: impl IntoIterator<Item = [CorpusCell; N]>,
    ) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.map(|(title, unit)| Column::new(title, unit)).to_vec(),
            rows: rows.into_iter().map(Vec::from).collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub title: String,
    pub unit: Unit,
}

impl Column {
    pub fn new(title: impl Into<String>, unit: Unit) -> Self {
        Self { title: title.into(), unit }
    }
}

/// Format of a column's cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Shown unchanged.
    #[default]
    Text,
    /// Abbreviated count: `1.23 M`.
    Count,
    /// `4.1 GB`.
    Bytes,
    /// A fraction from 0 to 1, shown as a percentage with a bar.
    Share,
    /// `1.88`.
    Number,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CorpusCell {
    Whole(u64),
    Real(f64),
    Text(String),
    #[default]
    Nothing,
}

impl CorpusCell {
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(*value as f64),
            Self::Real(value) => Some(*value).filter(|value| value.is_finite()),
            Self::Text(_) | Self::Nothing => None,
        }
    }

    /// The cell as text, in its column's unit.
    pub fn text(&self, unit: Unit) -> String {
        match (self, unit) {
            (Self::Nothing, _) => NOTHING.to_owned(),
            (Self::Text(text), _) => text.clone(),
            (Self::Whole(value), Unit::Count) => count(*value),
            (Self::Whole(value), Unit::Bytes) => bytes(*value),
            (Self::Whole(value), Unit::Text) => whole(*value),
            (Self::Whole(value), Unit::Share) => percent(*value as f64),
            (Self::Whole(value), Unit::Number) => real(*value as f64),
            (Self::Real(value), Unit::Share) => percent(*value),
            (Self::Real(value), _) => real(*value),
        }
    }
}

/// `1.88`, `3.2e-5`.
fn real(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { scientific(value) } else { quantity(value) }
}

conversions! { CorpusCell:
    u64: |value| Self::Whole(value);
    f64: |value| if value.is_finite() { Self::Real(value) } else { Self::Nothing };
    &str: |value| Self::Text(value.to_owned());
    String: |value| Self::Text(value);
}
