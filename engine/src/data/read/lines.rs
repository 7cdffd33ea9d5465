//! `kept.jsonl` of a cleaned folder: one JSON object a line, a document each.

use super::TextPiece;
use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

/// Longest line; a longer one is more likely a damaged file than a document.
const LONGEST_LINE: u64 = 256 << 20;

/// The documents of one file.
pub(super) struct Lines<R> {
    file: BufReader<R>,
    path: PathBuf,
    line: u64,
    done: bool,
    read_line: ReadLine,
}

/// Reads a line: its document, `None` for one without any text, or what is wrong with the line.
pub(super) type ReadLine = fn(&str) -> Result<Option<TextPiece>, String>;

impl<R: Read> Lines<R> {
    pub(super) fn new(file: R, path: PathBuf, read_line: ReadLine) -> Self {
        Self { file: BufReader::with_capacity(64 << 10, file), path, line: 0, done: false, read_line }
    }

    fn step(&mut self) -> Result<Option<TextPiece>> {
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
            if let Some(piece) = (self.read_line)(line).map_err(|reason| self.bad(&reason))? {
                return Ok(Some(piece));
            }
        }
    }

    fn bad(&self, reason: &str) -> Error {
        Error::bad_file(&self.path, format!("line {} {reason}", self.line))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<TextPiece>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.step().transpose();
        self.done = !matches!(piece, Some(Ok(_)));
        piece
    }
}
