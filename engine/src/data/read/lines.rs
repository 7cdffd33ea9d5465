//! JSON Lines: one JSON object a line.

use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

/// Longest line; a longer one is more likely a damaged file than a document.
const LONGEST_LINE: u64 = 256 << 20;

/// What the lines of one file are, by a function that reads a line, whose number it is told: what it is, `None` where it is to be passed
/// over, or what is wrong with it, which ends the reading.
pub(super) struct Lines<R, F> {
    file: BufReader<R>,
    path: PathBuf,
    line: u64,
    done: bool,
    read_line: F,
}

impl<R: Read, F> Lines<R, F> {
    pub(super) fn new(file: R, path: PathBuf, read_line: F) -> Self {
        Self { file: BufReader::with_capacity(64 << 10, file), path, line: 0, done: false, read_line }
    }

    fn step<T>(&mut self) -> Result<Option<T>>
    where
        F: FnMut(&str, u64) -> Result<Option<T>, String>,
    {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let mut limited = (&mut self.file).take(LONGEST_LINE + 1);
            let count = limited.read_until(b'\n', &mut bytes).map_err(Error::io(&self.path))?;
            if count == 0 {
                return Ok(None);
            }
            self.line += 1;
            if count as u64 > LONGEST_LINE {
                return Err(self.bad(&format!("is longer than {LONGEST_LINE} bytes")));
            }
            let line = std::str::from_utf8(&bytes).map_err(|error| {
                self.bad(&format!(
                    "is not UTF-8 at its byte {}; convert the file to UTF-8",
                    error.valid_up_to()
                ))
            })?;
            // A byte order mark is no JSON.
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() {
                continue;
            }
            if let Some(piece) = (self.read_line)(line, self.line).map_err(|reason| self.bad(&reason))? {
                return Ok(Some(piece));
            }
        }
    }

    fn bad(&self, reason: &str) -> Error {
        Error::bad_file(&self.path, format!("line {} {reason}", self.line))
    }
}

impl<R: Read, T, F: FnMut(&str, u64) -> Result<Option<T>, String>> Iterator for Lines<R, F> {
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
