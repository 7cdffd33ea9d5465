//! How files are read: which fields hold the text, what a missing value means, and the limits that hostile files meet.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Settings of every reader.
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The field of a record (JSON, JSONL, CSV, Parquet) that holds its text, whatever else the record holds. Where none
    /// is named, conversations, instructions and preferences are known by their fields, and else the field is `text` or `content`.
    pub text_field: Option<String>,
    /// Several fields whose values are joined to one text; instead of `text_field`.
    pub text_fields: Vec<String>,
    /// What stands between the values of several fields, and between the turns of a conversation.
    #[default = "\n\n"]
    pub join: String,
    /// What happens to a record whose text is missing: absent, null, empty, or one of the words that tables write for it.
    pub missing: Missing,
    /// Whether a table's first row names its columns. Without it the columns are named `1`, `2`, ….
    #[default = true]
    pub header: bool,
    /// The character between a table's values; told from the file where none is named.
    pub delimiter: Option<char>,
    /// Whether source code is read.
    #[default = true]
    pub code: bool,
    /// The languages of source code that are read, as in `rust`; all where none is named.
    pub code_languages: Vec<String>,
    /// What no file may go beyond.
    pub limits: Limits,
}

/// What happens to a record whose text is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is listed as a trouble.
    #[default]
    Report,
    /// It is passed over without a word.
    Drop,
    /// It gets this text: `missing = { fill = "TEXT" }`.
    Fill(String),
}

/// What no file may go beyond, so that memory stays bounded whatever a file holds.
#[derive(Clone, Debug, PartialEq, Eq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one document's text. Longer text is cut at line ends, else at spaces.
    #[default(16 << 20)]
    pub document: usize,
    /// Bytes of one line or record as it stands in the file, before its text is taken from it.
    #[default(64 << 20)]
    pub record: usize,
    /// Bytes of a PDF file, which is read whole.
    #[default(256 << 20)]
    pub pdf: usize,
    /// How many times its packed size a file may unpack to. Text packs to a third or a tenth; gzip cannot pass 1032.
    #[default = 200]
    pub expansion: u64,
    /// Bytes that a file may unpack to whatever its packed size, before `expansion` is looked at.
    #[default(64 << 20)]
    pub expansion_free: u64,
    /// Bytes that a packed file may unpack to at most.
    #[default(1 << 40)]
    pub unpacked: u64,
    /// Records read of one file at most; 0 for all.
    pub records: u64,
    /// Folders inside folders that are followed.
    #[default = 64]
    pub depth: usize,
}

impl Settings {
    /// Whether the settings can be obeyed.
    ///
    /// # Errors
    /// Names the setting, its value and the rule it breaks.
    pub fn validate(&self) -> Result<()> {
        if self.text_field.is_some() && !self.text_fields.is_empty() {
            return Err(Error::Invalid(
                "reading.text_field and reading.text_fields are both set: name one field or several, not both"
                    .into(),
            ));
        }
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, '"' | '\n' | '\r' | '\0'))
        {
            return Err(Error::Invalid(format!(
                "reading.delimiter is {delimiter:?}; it must be one ASCII character, not a quote or a line end"
            )));
        }
        let limits = &self.limits;
        // What is held in memory whole is at most 1 GiB.
        let within = [
            ("document", limits.document as u64, 1 << 10, 1 << 30),
            ("record", limits.record as u64, 1 << 10, 1 << 30),
            ("pdf", limits.pdf as u64, 1 << 10, 1 << 30),
            ("expansion", limits.expansion, 1, 1 << 20),
            ("expansion_free", limits.expansion_free, 0, 1 << 50),
            ("unpacked", limits.unpacked, 1 << 10, 1 << 50),
            ("records", limits.records, 0, 1 << 50),
            ("depth", limits.depth as u64, 1, 1 << 10),
        ];
        for (name, value, least, most) in within {
            if !(least..=most).contains(&value) {
                return Err(Error::Invalid(format!(
                    "reading.limits.{name} is {value}; it must be from {least} to {most}"
                )));
            }
        }
        Ok(())
    }

    /// Whether source code in this language is read.
    pub(super) fn reads_code(&self, language: &str) -> bool {
        self.code
            && (self.code_languages.is_empty() || self.code_languages.iter().any(|known| known == language))
    }
}

/// A number of bytes as a person says it.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut size = count;
    let mut unit = 0;
    while size >= 1024 && size.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        size /= 1024;
        unit += 1;
    }
    format!("{size} {}", UNITS.get(unit).unwrap_or(&"bytes"))
}
