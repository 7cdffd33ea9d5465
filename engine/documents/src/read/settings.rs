//! Settings for reading files: text fields, and limits for untrusted files.

use crate::error::Result;
use crate::{settings, threshold::Thresholds as _};
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of the field (JSON, JSONL, CSV, Parquet) that holds a record's text. By default, conversations, instructions and
    /// preferences are recognised by their fields; otherwise the field is `text` or `content`.
    pub text_field: Option<String>,
    /// Separator between the strings of a list, and between the turns of a conversation.
    #[default = "\n\n"]
    pub join: String,
    pub limits: Limits,
}

// Limits on data held in memory as a whole are at most 1 GiB.
settings! {
    /// Limits that bound memory whatever a file contains.
    Limits {
        document: usize = 16 << 20, 1_024 to 1_073_741_824, "Maximum bytes of a document. Longer text is cut at line ends, else at spaces.";
        record: usize = 64 << 20, 1_024 to 1_073_741_824, "Maximum bytes of a line or record in the file, before its text is extracted.";
        pdf: usize = 256 << 20, 1_024 to 1_073_741_824, "Maximum bytes of a PDF.";
        page: u64 = 512 << 20, 1_024 to 1_073_741_824,
            "Maximum bytes of a page of a Parquet file, which is unpacked as a whole. A thousand books in a row group can be one page.";
        expansion: u64 = 200, 1 to 1_048_576,
            "Maximum expansion factor of a packed file. Text compresses to a third or a tenth; gzip reaches at most 1032.";
        expansion_free: u64 = 64 << 20, 0 to 1.0e15, "Bytes that a file may always unpack to, before `expansion` applies.";
        depth: usize = 64, 1 to 1_024, "Maximum depth of nested folders.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.limits.check("reading.limits.")
    }
}

impl Limits {
    /// Maximum bytes that a file of this size may unpack to.
    pub(super) fn most(&self, packed: u64) -> u64 {
        self.expansion_free.max(packed.saturating_mul(self.expansion))
    }

    /// Checks what a file of this size, or its part so far, unpacks to.
    pub(super) fn check_expansion(&self, packed: u64, unpacked: u64) -> Result<(), String> {
        if unpacked <= self.most(packed) {
            return Ok(());
        }
        Err(format!(
            "unpacks to more than {} times its size, like a decompression bomb; if this is intended, unpack it or raise \
             reading.limits.expansion",
            self.expansion
        ))
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
