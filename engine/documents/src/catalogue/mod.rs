//! Named public corpora: address, size, licence and checksum.
//!
//! Every address identifies a fixed version of a file (a commit, a revision), so that a name means the same bytes for everyone,
//! and every entry has a SHA-256: [`fetch`] rejects anything else. An entry does not imply that a corpus is suitable for a
//! purpose: its licence decides, and some exclude commercial use.

mod entries;
#[cfg(feature = "fetch")]
pub mod fetch;

use serde::Serialize;

use glasshouse_protocol::quantity;

pub use entries::ENTRIES;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Identifier, for example `tiny-stories`.
    pub name: &'static str,
    pub title: &'static str,
    pub sentence: &'static str,
    pub address: &'static str,
    /// Local file name; its extension determines the format.
    pub file: &'static str,
    pub format: &'static str,
    pub length: Length,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Licence, as an SPDX name if there is one.
    pub licence: &'static str,
    /// What to know before training on it; may be empty.
    pub note: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    Exact(u64),
    /// Approximate number of bytes: the publisher states no exact one, and only the SHA-256 decides.
    About(u64),
}

impl Length {
    pub fn bytes(self) -> u64 {
        match self {
            Self::Exact(bytes) | Self::About(bytes) => bytes,
        }
    }

    /// Maximum number of bytes to accept, so that a server cannot fill the disk.
    pub fn limit(self) -> u64 {
        match self {
            Self::Exact(bytes) => bytes,
            Self::About(bytes) => bytes.saturating_add(bytes / 10),
        }
    }

    pub fn admits(self, bytes: u64) -> bool {
        match self {
            Self::Exact(exact) => bytes == exact,
            Self::About(_) => bytes > 0 && bytes <= self.limit(),
        }
    }
}

pub fn find(name: &str) -> crate::Result<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
        crate::Error::Invalid(format!("{name} is not in the catalogue, which has {}", names.join(", ")))
    })
}

pub fn paragraph(entry: &Entry) -> String {
    let size = match entry.length {
        Length::Exact(bytes) => quantity::bytes(bytes),
        Length::About(bytes) => format!("about {}", quantity::bytes(bytes)),
    };
    let mut text =
        format!("{}  {}, {}, {}\n    {}\n", entry.name, size, entry.format, entry.licence, entry.sentence);
    if !entry.note.is_empty() {
        text.push_str(&format!("    {}\n", entry.note));
    }
    text
}

#[cfg(test)]
mod tests;
