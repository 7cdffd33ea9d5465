//! JSON rows: one object per line (JSON Lines), or all in one array.

use glasshouse_documents::Files as _;
use glasshouse_documents::read::JsonArray;
use glasshouse_platform::{CorpusFiles, Error, Result};
use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

/// Maximum row size in bytes; a longer row suggests a damaged file.
pub(super) const MAX_ROW_BYTES: usize = 256 << 20;

/// A row's location in its file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLocation {
    Line(u64),
    /// Position in a JSON array.
    Row(u64),
}

impl fmt::Display for RowLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(formatter, "line {number}"),
            Self::Row(number) => write!(formatter, "row {number}"),
        }
    }
}

/// Iterator over a file's rows, parsed by a function that also gets the row's location. The function returns a value,
/// `None` to skip the row, or an error that ends the iteration.
pub(super) struct Lines<R, F> {
    file: RowReader<R>,
    path: PathBuf,
    place: RowLocation,
    done: bool,
    read_row: F,
}

enum RowReader<R> {
    Lines(BufReader<R>),
    Array(JsonArray),
}

impl<R: Read, F> Lines<R, F> {
    pub(super) fn new(file: R, path: PathBuf, read_row: F) -> Self {
        let file = RowReader::Lines(BufReader::with_capacity(64 << 10, file));
        Self { file, path, place: RowLocation::Line(0), done: false, read_row }
    }

    /// Like [`Lines::new`], for a file with one JSON array.
    pub(super) fn from_array(file: R, path: PathBuf, read_row: F) -> Self
    where
        R: Send + 'static,
    {
        let file = RowReader::Array(JsonArray::new(file, MAX_ROW_BYTES, CorpusFiles.readers()));
        Self { file, path, place: RowLocation::Row(0), done: false, read_row }
    }

    /// Reads the next row into a buffer; returns false at the end.
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool> {
        row.clear();
        let more = match &mut self.file {
            RowReader::Lines(file) => {
                let mut limited = file.take(MAX_ROW_BYTES as u64 + 1);
                limited.read_until(b'\n', row).map(|count| count > 0)
            }
            RowReader::Array(array) => array.next(row),
        };
        let more = more.map_err(|error| match (&self.file, error.kind()) {
            (RowReader::Array(_), ErrorKind::InvalidData) => Error::bad_file(&self.path, error.to_string()),
            _ => Error::io(&self.path)(error),
        })?;
        let (RowLocation::Line(number) | RowLocation::Row(number)) = &mut self.place;
        *number += u64::from(more);
        Ok(more)
    }

    fn step<T>(&mut self) -> Result<Option<T>>
    where
        F: FnMut(&str, RowLocation) -> Result<Option<T>, String>,
    {
        let mut bytes = Vec::new();
        while self.next_row(&mut bytes)? {
            if bytes.len() > MAX_ROW_BYTES {
                return Err(self.bad(&format!("is longer than {MAX_ROW_BYTES} bytes")));
            }
            let row = std::str::from_utf8(&bytes).map_err(|error| {
                self.bad(&format!(
                    "is not UTF-8 at its byte {}; convert the file to UTF-8",
                    error.valid_up_to()
                ))
            })?;
            // Strip a byte order mark, which is not valid JSON.
            let row = row.trim_start_matches('\u{feff}').trim();
            if row.is_empty() {
                continue;
            }
            if let Some(piece) = (self.read_row)(row, self.place).map_err(|reason| self.bad(&reason))? {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    fn bad(&self, reason: &str) -> Error {
        Error::bad_file(&self.path, format!("{} {reason}", self.place))
    }
}

impl<R: Read, T, F: FnMut(&str, RowLocation) -> Result<Option<T>, String>> Iterator for Lines<R, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.step().transpose();
        self.done = !matches!(piece, Some(Ok(_)));
        piece
    }
}
