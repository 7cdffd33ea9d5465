//! Repairs that did not lose a record: counted by kind and reported once at the file's end.

use glasshouse_protocol::quantity::{things, whole};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Notice {
    /// An unpaired surrogate in a JSON string, as Python writes it.
    Surrogate,
    /// `NaN`, `Infinity` or an overflowing number, which JSON does not have.
    NoNumber,
    /// A duplicate column name in a table.
    Column,
    OpenQuote,
    /// Quotes inside a quoted value that are not doubled.
    InnerQuote,
    /// A symbol of a Word document whose font has no known characters.
    Symbol,
    /// An equation of a Word document in a form of older programs.
    Equation,
    /// A reference of a Word document to a note that it does not contain.
    Note,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<Mutex<Noted>>);

type Noted = BTreeMap<Notice, (u64, Option<u64>)>;

impl Notices {
    pub(super) fn add(&self, notice: Notice, number: Option<u64>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(notice).or_insert((0, number)).0 += 1;
    }

    pub(super) fn take(&self) -> Vec<String> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let told = counts.into_iter().map(|(notice, (count, first))| {
            let (thing, what) = notice.words(count);
            let first = first.map(|first| format!("; the first in record {first}")).unwrap_or_default();
            format!("{} {}{what}{first}", whole(count), things(count, thing))
        });
        told.collect()
    }
}

impl Notice {
    /// The thing counted, and what was done about it.
    fn words(self, count: u64) -> (&'static str, &'static str) {
        match self {
            Self::Surrogate => ("escape", " of half a surrogate pair (as in \\ud83d) replaced by U+FFFD"),
            Self::NoNumber => ("number", " that JSON does not have (NaN, Infinity, 1e400) read as null"),
            Self::Column => ("duplicate column name", "; renamed with a number"),
            Self::OpenQuote if count == 1 => {
                ("row", " has an unclosed quote; it was read to the end of its line or of the file")
            }
            Self::OpenQuote => {
                ("row", " have an unclosed quote; each was read to the end of its line or of the file")
            }
            Self::InnerQuote => {
                ("row", " with quotes inside of quotes that are not doubled, read as letters")
            }
            Self::Equation => ("equation", " as a field or an embedded object left out"),
            Self::Note => ("reference", " to notes that the document does not contain"),
            Self::Symbol => ("symbol", " of fonts without known characters left out"),
        }
    }
}
