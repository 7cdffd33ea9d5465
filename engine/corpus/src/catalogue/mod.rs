//! Named public corpora: where they lie, how large they are, under which licence, and the checksum that proves them.
//!
//! Every address names one state of a file for good (a commit, a revision), so that the same name is the same bytes for
//! everyone, and every entry has a SHA-256: [`fetch`] refuses what has another. No entry says that a corpus is fit for a purpose:
//! its licence does, and some allow no commercial use.

mod entries;
#[cfg(feature = "fetch")]
pub mod fetch;

use serde::Serialize;

use crate::report::number;

pub use entries::ENTRIES;

/// A public corpus in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What it is asked for by, as in `tiny-stories`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it is, in one sentence.
    pub sentence: &'static str,
    /// Where the file lies.
    pub address: &'static str,
    /// The name that it gets here; a reader knows the format by it.
    pub file: &'static str,
    /// As in `plain text`.
    pub format: &'static str,
    /// How large it is.
    pub length: Length,
    /// Its SHA-256, in small hexadecimal digits.
    pub sha256: &'static str,
    /// Under which licence: SPDX names where there is one.
    pub licence: &'static str,
    /// What to know before training on it; empty where there is nothing.
    pub note: &'static str,
}

/// How large a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// So many bytes: another length is another file.
    Exact(u64),
    /// About so many bytes: its publisher says no exact number, and the SHA-256 alone decides.
    About(u64),
}

impl Length {
    /// Bytes, exact or not.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Exact(bytes) | Self::About(bytes) => bytes,
        }
    }

    /// Bytes that a file may have at most: no server fills the disk by sending more.
    pub fn limit(self) -> u64 {
        match self {
            Self::Exact(bytes) => bytes,
            Self::About(bytes) => bytes.saturating_add(bytes / 10),
        }
    }

    /// Whether a file of so many bytes may be it.
    pub fn admits(self, bytes: u64) -> bool {
        match self {
            Self::Exact(exact) => bytes == exact,
            Self::About(_) => bytes > 0 && bytes <= self.limit(),
        }
    }
}

/// The entry of a name.
///
/// # Errors
/// There is none; the sentence names those there are.
pub fn find(name: &str) -> crate::Result<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
        crate::Error::Invalid(format!("{name} is not in the catalogue, which has {}", names.join(", ")))
    })
}

/// An entry in a few lines for people.
pub fn paragraph(entry: &Entry) -> String {
    let size = match entry.length {
        Length::Exact(bytes) => number::bytes(bytes),
        Length::About(bytes) => format!("about {}", number::bytes(bytes)),
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
