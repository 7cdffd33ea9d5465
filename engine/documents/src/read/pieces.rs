//! Plain text in pieces: lines that hold only `<|endoftext|>` separate documents, as in GPT-2 and nanoGPT, and long documents are cut.

use super::lines::fill;
use super::work::worked;
use glasshouse_protocol::END_OF_TEXT;
use memchr::memmem;
use std::io::{self, BufRead};

/// Iterates over the pieces of a text in UTF-8, each with whether it ends its document. Documents of white space are left out. After an
/// error, the text before it follows, unless it comes from a decompression bomb.
pub struct TextPieces<R, C> {
    stream: R,
    /// Text read, of which the first `returned` bytes are in earlier pieces.
    pending: String,
    returned: usize,
    /// Numbers of further bytes without a separator, and without a place to cut.
    searched: usize,
    uncut: usize,
    /// Whether the text not yet returned starts at the beginning of a line.
    starts_line: bool,
    /// Whether the current document has earlier pieces.
    started: bool,
    state: State,
    length: usize,
    cut: C,
}

#[derive(PartialEq)]
enum State {
    Reading,
    /// At the end of the stream; `pending` may still hold documents.
    Draining,
    Done,
}

impl<R: BufRead, C: Fn(&str, usize) -> Option<usize>> TextPieces<R, C> {
    /// Of a document of `length` bytes or more, `cut` gets the start, and the number of its bytes without a place to cut; it returns the
    /// length of a piece, or `None` to read on.
    pub fn new(stream: R, length: usize, cut: C) -> Self {
        let (pending, state) = (String::new(), State::Reading);
        let (returned, searched, uncut, starts_line, started) = (0, 0, 0, true, false);
        Self { stream, pending, returned, searched, uncut, starts_line, started, state, length, cut }
    }

    fn step(&mut self) -> io::Result<Option<(String, bool)>> {
        while self.state != State::Done {
            let rest = &self.pending[self.returned..];
            let continues = self.state == State::Reading;
            let separator = Separator::find(rest.as_bytes(), &mut self.searched, self.starts_line, continues);
            let (piece, end, ends_document) = match separator {
                Separator::Found { document, end } => (document, end, true),
                _ if !continues => {
                    self.state = State::Done;
                    (rest.len(), rest.len(), true)
                }
                separator => {
                    let may_cut = matches!(separator, Separator::Absent) && rest.len() >= self.length;
                    let Some(at) = may_cut.then(|| (self.cut)(rest, self.uncut)).flatten() else {
                        if may_cut {
                            self.uncut = rest.len() - 1;
                        }
                        self.fill()?;
                        continue;
                    };
                    (at, at, false)
                }
            };
            let text = rest[..piece].to_owned();
            worked(text.len());
            self.returned += end;
            (self.searched, self.uncut) = (self.searched.saturating_sub(end), 0);
            self.starts_line = ends_document || text.ends_with('\n');
            let started = std::mem::replace(&mut self.started, !ends_document);
            if started || !ends_document || !text.trim().is_empty() {
                return Ok(Some((text, ends_document)));
            }
        }
        Ok(None)
    }

    /// Whether the last piece was returned.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Done
    }

    fn fill(&mut self) -> io::Result<()> {
        worked(if self.returned > 0 { self.pending.len() } else { 0 });
        self.pending.drain(..self.returned);
        self.returned = 0;
        let chunk = fill(&mut self.stream).inspect_err(|error| {
            self.state = State::Draining;
            if error.kind() == io::ErrorKind::QuotaExceeded {
                self.pending.clear();
            }
        })?;
        if chunk.is_empty() {
            self.state = State::Draining;
        }
        // A decoder returns whole characters.
        self.pending.push_str(&String::from_utf8_lossy(chunk));
        let used = chunk.len();
        self.stream.consume(used);
        Ok(())
    }
}

impl<R: BufRead, C: Fn(&str, usize) -> Option<usize>> Iterator for TextPieces<R, C> {
    type Item = io::Result<(String, bool)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

enum Separator {
    Found {
        /// Bytes of the document before the separator, without its last line end.
        document: usize,
        /// End of the separator's line.
        end: usize,
    },
    /// The text may end in the start of a separator.
    Unclear,
    Absent,
}

impl Separator {
    /// Searches a text for a line that holds only `<|endoftext|>`. The first `searched` bytes have none. `starts_line` tells whether the
    /// text starts at the beginning of a line, and `continues` whether more text will follow.
    fn find(text: &[u8], searched: &mut usize, starts_line: bool, continues: bool) -> Self {
        let mut from = *searched;
        while let Some(found) = text.get(from..).and_then(|rest| memmem::find(rest, END_OF_TEXT.as_bytes())) {
            let start = from + found;
            from = start + END_OF_TEXT.len();
            let before = text.get(..start).unwrap_or_default();
            let document = match before.strip_suffix(b"\n") {
                Some(line) => line.strip_suffix(b"\r").unwrap_or(line).len(),
                None if before.is_empty() && starts_line => 0,
                None => continue,
            };
            match (text.get(from), text.get(from + 1)) {
                (Some(b'\n'), _) => return Self::Found { document, end: from + 1 },
                (Some(b'\r'), Some(b'\n')) => return Self::Found { document, end: from + 2 },
                (Some(b'\r'), None) | (None, _) if continues => {
                    *searched = start;
                    return Self::Unclear;
                }
                (Some(b'\r'), None) | (None, _) => return Self::Found { document, end: text.len() },
                _ => {}
            }
        }
        *searched = text.len().saturating_sub(END_OF_TEXT.len()).max(from);
        Self::Absent
    }
}
