//! Streaming plain text: decoding, documents separated by `<|endoftext|>` lines, long documents in pieces.

use super::TextPiece;
use crate::tokenizer::cut::{Cut, CutRule};
use glasshouse_documents::read::Separator;
use glasshouse_platform::{Error, Result};
use std::io::Read;
use std::path::PathBuf;

/// Bytes read from the file at a time.
const READ_BYTES: usize = 64 << 10;

/// Longer documents are returned in pieces of about this size.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// The UTF-8 byte order mark, which some editors write.
const MARK: &str = "\u{feff}";

pub(super) struct TextPieces<R> {
    file: R,
    path: PathBuf,
    /// Text read, of which the first `returned` bytes are in earlier pieces.
    pending: String,
    returned: usize,
    /// Number of further bytes already searched for a separator.
    searched: usize,
    /// Number of further bytes in which no cut is safe.
    uncut: usize,
    /// First bytes of an incomplete character.
    carry: Vec<u8>,
    /// Bytes and line ends before `carry`, for error messages.
    position: u64,
    lines: u64,
    /// Whether the text not yet returned starts at the beginning of a line.
    at_line_start: bool,
    /// Whether pieces of the current document were returned.
    started: bool,
    state: TextState,
}

#[derive(PartialEq)]
enum TextState {
    Reading,
    /// The end of the file was reached; `pending` may still hold documents.
    Draining,
    Done,
}

impl<R: Read> TextPieces<R> {
    pub(super) fn new(file: R, path: PathBuf) -> Self {
        Self {
            file,
            path,
            pending: String::new(),
            returned: 0,
            searched: 0,
            uncut: 0,
            carry: Vec::new(),
            position: 0,
            lines: 0,
            at_line_start: true,
            started: false,
            state: TextState::Reading,
        }
    }

    fn step(&mut self) -> Result<Option<TextPiece>> {
        let cut = Cut { rule: CutRule::BeforeWhitespace, special: Vec::new() };
        while self.state != TextState::Done {
            let continues = self.state == TextState::Reading;
            let rest = &self.pending[self.returned..];
            let separator =
                Separator::find(rest.as_bytes(), &mut self.searched, self.at_line_start, continues);
            if let Separator::Found { document, end } = separator {
                let text = rest[..document].to_owned();
                self.returned += end;
                (self.searched, self.uncut, self.at_line_start) = (0, 0, true);
                if let Some(piece) = self.end_document(text) {
                    return Ok(Some(piece));
                }
                continue;
            }
            if self.state == TextState::Draining {
                self.state = TextState::Done;
                let text = rest.to_owned();
                (self.pending, self.returned) = (String::new(), 0);
                return Ok(self.end_document(text));
            }
            if rest.len() >= PIECE_BYTES && matches!(separator, Separator::Absent) {
                // The rest starts with white space, so a later separator in it is still preceded by a line end.
                let from = std::mem::replace(&mut self.uncut, rest.len() - 1);
                if let Some(position) = cut.last(rest, from) {
                    let text = rest[..position].to_owned();
                    self.returned += position;
                    (self.searched, self.uncut) = (0, 0);
                    self.at_line_start = false;
                    self.started = true;
                    return Ok(Some(TextPiece { text, ..TextPiece::default() }));
                }
            }
            self.pending.drain(..self.returned);
            self.returned = 0;
            self.fill()?;
        }
        Ok(None)
    }

    /// The document's last piece; `None` if the document is only white space.
    fn end_document(&mut self, text: String) -> Option<TextPiece> {
        let started = std::mem::take(&mut self.started);
        (started || !text.trim().is_empty()).then_some(TextPiece { text, ends_document: true, mark: None })
    }

    /// Reads and decodes the next bytes.
    fn fill(&mut self) -> Result<()> {
        let carried = self.carry.len();
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.resize(carried + READ_BYTES, 0);
        let count = loop {
            match self.file.read(bytes.get_mut(carried..).unwrap_or_default()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(Error::io(&self.path))?,
            }
        };
        bytes.truncate(carried + count);
        if self.position == 0 && (bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])) {
            return Err(self.bad("the file is UTF-16; save it as UTF-8"));
        }
        let (valid, broken) = match std::str::from_utf8(&bytes) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let unfinished = error.error_len().is_none() && count > 0;
                (std::str::from_utf8(valid).unwrap_or_default(), !unfinished)
            }
        };
        if let Some(zero) = valid.find('\0') {
            let position = self.position + zero as u64;
            return Err(self.bad(&format!("the file is binary, not text: byte {position} is zero")));
        }
        let lines = valid.bytes().filter(|byte| *byte == b'\n').count() as u64;
        if broken {
            let position = self.position + valid.len() as u64;
            let line = self.lines + lines + 1;
            return Err(
                self.bad(&format!("not UTF-8 at byte {position}, in line {line}; convert the file to UTF-8"))
            );
        }
        let mut text = valid;
        if self.position == 0 {
            text = text.strip_prefix(MARK).unwrap_or(text);
        }
        self.pending.push_str(text);
        self.position += valid.len() as u64;
        self.lines += lines;
        self.carry = bytes.get(valid.len()..).unwrap_or_default().to_vec();
        if count == 0 {
            self.state = TextState::Draining;
        }
        Ok(())
    }

    fn bad(&self, reason: &str) -> Error {
        Error::bad_file(&self.path, reason)
    }
}

impl<R: Read> Iterator for TextPieces<R> {
    type Item = Result<TextPiece>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.step().transpose();
        if matches!(piece, Some(Err(_))) {
            self.state = TextState::Done;
        }
        piece
    }
}
