//! Settings for reading files: text fields, missing values, and limits for untrusted files.

use crate::error::{Error, Result, within};
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of the field (JSON, JSONL, CSV, Parquet) that holds a record's text. By default, conversations, instructions and
    /// preferences are recognised by their fields; otherwise the field is `text` or `content`.
    pub text_field: Option<String>,
    /// Several fields whose values are joined; excludes `text_field`.
    pub text_fields: Vec<String>,
    /// Separator between joined fields, and between the turns of a conversation.
    #[default = "\n\n"]
    pub join: String,
    /// What to do with a record whose text is missing: absent, null, empty, or a table's word for a missing value.
    pub missing: Missing,
    /// Whether a table's first row names its columns. Without a header they are named `1`, `2`, ….
    #[default = true]
    pub header: bool,
    pub delimiter: Option<char>,
    /// Whether to read source code.
    #[default = true]
    pub code: bool,
    /// Programming languages to read, for example `rust`; empty for all.
    pub code_languages: Vec<String>,
    pub limits: Limits,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Report it as a trouble.
    #[default]
    Report,
    Drop,
    /// Use this text: `missing = { fill = "TEXT" }`.
    Fill(String),
}

/// Limits that bound memory whatever a file contains.
#[derive(Clone, Debug, PartialEq, Eq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum bytes of a document. Longer text is cut at line ends, else at spaces.
    #[default(16 << 20)]
    pub document: usize,
    /// Maximum bytes of a line or record in the file, before its text is extracted.
    #[default(64 << 20)]
    pub record: usize,
    #[default(256 << 20)]
    pub pdf: usize,
    /// Maximum expansion factor of a packed file. Text compresses to a third or a tenth; gzip reaches at most 1032.
    #[default = 200]
    pub expansion: u64,
    /// Bytes that a file may always unpack to, before `expansion` applies.
    #[default(64 << 20)]
    pub expansion_free: u64,
    /// Maximum bytes that a packed file may unpack to.
    #[default(1 << 40)]
    pub unpacked: u64,
    /// Maximum records read per file; 0 for all.
    pub records: u64,
    #[default = 64]
    pub depth: usize,
}

impl Settings {
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
        // Limits on data held in memory as a whole are at most 1 GiB.
        let Limits { document, record, pdf, expansion, expansion_free, unpacked, records, depth } =
            self.limits;
        within("reading.limits.document", document, 1 << 10, 1 << 30)?;
        within("reading.limits.record", record, 1 << 10, 1 << 30)?;
        within("reading.limits.pdf", pdf, 1 << 10, 1 << 30)?;
        within("reading.limits.expansion", expansion, 1, 1 << 20)?;
        within("reading.limits.expansion_free", expansion_free, 0, 1 << 50)?;
        within("reading.limits.unpacked", unpacked, 1 << 10, 1 << 50)?;
        within("reading.limits.records", records, 0, 1 << 50)?;
        within("reading.limits.depth", depth, 1, 1 << 10)
    }

    pub(super) fn reads_code(&self, language: &str) -> bool {
        self.code
            && (self.code_languages.is_empty() || self.code_languages.iter().any(|known| known == language))
    }
}

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
