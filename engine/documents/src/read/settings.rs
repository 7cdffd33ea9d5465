//! Settings for reading files: text fields, missing values, and limits for untrusted files.

use crate::error::{Error, Result};
use crate::{settings, threshold::Thresholds as _};
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

// Limits on data held in memory as a whole are at most 1 GiB.
settings! {
    /// Limits that bound memory whatever a file contains.
    Limits {
        document: usize = 16 << 20, 1_024 to 1_073_741_824, "Most bytes of a document. Longer text is cut at line ends, else at spaces.";
        record: usize = 64 << 20, 1_024 to 1_073_741_824, "Most bytes of a line or record in the file, before its text is extracted.";
        pdf: usize = 256 << 20, 1_024 to 1_073_741_824, "Most bytes of a PDF.";
        expansion: u64 = 200, 1 to 1_048_576,
            "Greatest expansion factor of a packed file. Text compresses to a third or a tenth; gzip reaches at most 1032.";
        expansion_free: u64 = 64 << 20, 0 to 1.0e15, "Bytes that a file may always unpack to, before `expansion` applies.";
        unpacked: u64 = 1 << 40, 1_024 to 1.0e15, "Most bytes that a packed file may unpack to.";
        records: u64 = 0, 0 to 1.0e15, "Most records read per file; 0 for all.";
        depth: usize = 64, 1 to 1_024, "Most folders in each other.";
    }
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
        self.limits.check("reading.limits.")
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
