//! Plain text and Markdown: documents between lines of `<|endoftext|>`, and long ones cut up.

use super::Item;
use super::format::Format;
use super::lines::fill;
use super::markdown;
use super::open;
use super::record::Context;
use super::settings::bytes;
use super::unpack::Stream;
use crate::document::{Document, Kind};
use memchr::memmem::Finder;
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// The line between documents, as GPT-2 and nanoGPT write it.
const SEPARATOR: &[u8] = b"<|endoftext|>";

/// The documents of a text file.
pub(super) struct Text {
    context: Context,
    stream: Stream,
    finder: Finder<'static>,
    /// What was read and not yet handed out; it starts a line.
    pending: Vec<u8>,
    /// Bytes of `pending` that hold no separator.
    searched: usize,
    /// Documents begun.
    number: u64,
    /// Whether the file holds more than one document, so that each gets a number.
    several: bool,
    /// Whether it was said that a document is cut.
    cut: bool,
    ready: VecDeque<Item>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    /// The stream is at its end.
    Draining,
    Done,
}

impl Text {
    /// Reads a stream.
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        Self {
            context,
            stream,
            finder: Finder::new(SEPARATOR),
            pending: Vec::new(),
            searched: 0,
            number: 0,
            several: false,
            cut: false,
            ready: VecDeque::new(),
            state: State::Reading,
        }
    }

    fn step(&mut self) -> io::Result<()> {
        if let Some((start, end)) = self.separator() {
            self.several = true;
            let rest = self.pending.split_off(end);
            let mut text = std::mem::replace(&mut self.pending, rest);
            text.truncate(start);
            if text.last() == Some(&b'\n') {
                text.pop();
                if text.last() == Some(&b'\r') {
                    text.pop();
                }
            }
            self.searched = 0;
            self.emit(text);
            return Ok(());
        }
        if self.state == State::Draining {
            self.state = State::Done;
            let text = std::mem::take(&mut self.pending);
            self.emit(text);
            return Ok(());
        }
        let limit = self.context.settings.limits.document;
        if self.pending.len() > limit {
            self.divide(limit);
            return Ok(());
        }
        let chunk = fill(&mut self.stream)?;
        if chunk.is_empty() {
            self.state = State::Draining;
        }
        self.pending.extend_from_slice(chunk);
        let used = chunk.len();
        self.stream.consume(used);
        Ok(())
    }

    /// The bytes of the first line that holds the separator and nothing else. A line that may yet go on is not looked at.
    fn separator(&mut self) -> Option<(usize, usize)> {
        let bytes = self.pending.as_slice();
        let mut from = self.searched;
        while let Some(found) = bytes.get(from..).and_then(|rest| self.finder.find(rest)) {
            let start = from + found;
            let after = start + SEPARATOR.len();
            let starts_line = start == 0 || bytes.get(start - 1) == Some(&b'\n');
            let end = match (bytes.get(after), bytes.get(after + 1)) {
                (Some(b'\n'), _) => Some(after + 1),
                (Some(b'\r'), Some(b'\n')) => Some(after + 2),
                (None, _) | (Some(b'\r'), None) if starts_line && self.state == State::Reading => {
                    self.searched = start;
                    return None;
                }
                (None, _) | (Some(b'\r'), None) => Some(bytes.len()),
                _ => None,
            };
            if let (true, Some(end)) = (starts_line, end) {
                return Some((start, end));
            }
            from = after;
        }
        self.searched = bytes.len().saturating_sub(SEPARATOR.len()).max(from);
        None
    }

    /// Cuts a document that is too long.
    fn divide(&mut self, limit: usize) {
        let end = place_to_cut(&self.pending, limit);
        self.several = true;
        if !std::mem::replace(&mut self.cut, true) {
            self.ready.push_back(Err(self.context.trouble(None, cut_up("text", limit))));
        }
        let rest = self.pending.split_off(end);
        let text = std::mem::replace(&mut self.pending, rest);
        self.searched = self.searched.saturating_sub(end);
        self.emit(text);
    }

    /// Hands a document out; one of white space only is none.
    fn emit(&mut self, bytes: Vec<u8>) {
        if bytes.trim_ascii().is_empty() {
            return;
        }
        self.number += 1;
        let number = self.several.then_some(self.number);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        self.ready.push_back(Ok(self.document(number, text)));
    }

    fn document(&self, number: Option<u64>, text: String) -> Document {
        let markdown = self.context.source.format == Format::Markdown;
        let kind = if markdown { Kind::Markdown } else { Kind::Plain };
        let mut document = self.context.document(number, kind, text);
        if markdown {
            markdown::take_front_matter(&mut document);
        }
        document
    }
}

/// Where a text is cut that is longer than the limit: at the last blank line in the last quarter, else at the last line end there, else at
/// the last space, else between characters.
pub(super) fn place_to_cut(text: &[u8], limit: usize) -> usize {
    let head = text.get(..limit).unwrap_or(text);
    let last_quarter = limit - limit / 4;
    let late = |at: &usize| *at >= last_quarter;
    let blank = memchr::memmem::rfind(head, b"\n\n").map(|at| at + 2).filter(late);
    let line = || memchr::memrchr(b'\n', head).map(|at| at + 1).filter(late);
    let space = || memchr::memrchr3(b' ', b'\t', b'\n', head).map(|at| at + 1);
    // A byte that continues a character starts with the bits 10.
    let character = || (0..=head.len()).rev().find(|at| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80));
    blank.or_else(line).or_else(space).or_else(character).filter(|at| *at > 0).unwrap_or(head.len())
}

/// What is said where a text is cut up.
pub(super) fn cut_up(what: &str, limit: usize) -> String {
    format!(
        "holds {what} of more than {} in one piece; it is cut into documents of that size at most, at line ends or spaces",
        bytes(limit as u64)
    )
}

impl Iterator for Text {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.state == State::Done {
                return None;
            }
            if let Err(error) = self.step() {
                // What was read of the document at hand is one all the same, but for a bomb's filling.
                if error.kind() == io::ErrorKind::QuotaExceeded {
                    self.pending.clear();
                }
                self.state = State::Draining;
                return Some(Err(self.context.trouble(None, open::broken_off(&error))));
            }
        }
    }
}
