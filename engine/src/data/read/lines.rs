//! `.jsonl`: one JSON object a line, its field `text` a document.

use super::Piece;
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
}

impl<R: Read> Lines<R> {
    pub(super) fn new(file: R, path: PathBuf) -> Self {
        Self { file: BufReader::with_capacity(64 << 10, file), path, line: 0, done: false }
    }

    fn step(&mut self) -> Result<Option<Piece>> {
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
            let value: serde_json::Value =
                serde_json::from_str(line).map_err(|error| self.bad(&format!("is not JSON: {error}")))?;
            let text = match value {
                serde_json::Value::Object(mut fields) => fields.remove("text"),
                _ => return Err(self.bad("is not a JSON object with a field `text`")),
            };
            match text {
                Some(serde_json::Value::String(text)) if text.trim().is_empty() => {}
                Some(serde_json::Value::String(text)) => {
                    return Ok(Some(Piece { text, ends_document: true }));
                }
                Some(_) => return Err(self.bad("has a field `text` that is not a string")),
                None => return Err(self.bad("has no field `text`")),
            }
        }
    }

    fn bad(&self, reason: &str) -> Error {
        Error::bad_file(&self.path, format!("line {} {reason}", self.line))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.step().transpose();
        self.done = !matches!(piece, Some(Ok(_)));
        piece
    }
}
