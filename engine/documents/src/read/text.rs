//! Plain text and Markdown: documents separated by `<|endoftext|>` lines; long ones are cut.

use super::Item;
use super::format::Format;
use super::lines::fill;
use super::record::Context;
use super::separator::Separator;
use super::settings::bytes;
use super::unpack::Stream;
use super::work::worked;
use super::{markdown, open};
use crate::document::{Document, Kind};
use std::collections::VecDeque;
use std::io::{self, BufRead};

pub(super) struct Text {
    context: Context,
    stream: Stream,
    /// Bytes read, of which the first `returned` belong to earlier documents; the rest starts at a line start.
    pending: Vec<u8>,
    returned: usize,
    /// Number of further bytes without a separator.
    searched: usize,
    number: u64,
    /// Whether the file has more than one document, so that each gets a number.
    several: bool,
    cut: bool,
    ready: VecDeque<Item>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    Draining,
    Done,
}

impl Text {
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        Self {
            context,
            stream,
            pending: Vec::new(),
            returned: 0,
            searched: 0,
            number: 0,
            several: false,
            cut: false,
            ready: VecDeque::new(),
            state: State::Reading,
        }
    }

    fn step(&mut self) -> io::Result<()> {
        let continues = self.state == State::Reading;
        let rest = &self.pending[self.returned..];
        let separator = Separator::find(rest, &mut self.searched, true, continues);
        if let Separator::Found { document, end } = separator {
            let text = rest[..document].to_vec();
            self.several = true;
            self.returned += end;
            self.searched = 0;
            self.emit(text);
            return Ok(());
        }
        if self.state == State::Draining {
            let text = rest.to_vec();
            self.state = State::Done;
            self.pending = Vec::new();
            self.returned = 0;
            self.emit(text);
            return Ok(());
        }
        let limit = self.context.settings.limits.document;
        if rest.len() > limit {
            self.divide(limit);
            return Ok(());
        }
        worked(if self.returned > 0 { self.pending.len() } else { 0 });
        self.pending.drain(..self.returned);
        self.returned = 0;
        let chunk = fill(&mut self.stream)?;
        if chunk.is_empty() {
            self.state = State::Draining;
        }
        self.pending.extend_from_slice(chunk);
        let used = chunk.len();
        self.stream.consume(used);
        Ok(())
    }

    fn divide(&mut self, limit: usize) {
        let rest = &self.pending[self.returned..];
        let end = place_to_cut(rest, limit);
        let text = rest[..end].to_vec();
        self.several = true;
        if !std::mem::replace(&mut self.cut, true) {
            self.ready.push_back(Err(self.context.trouble(None, cut_up("text", limit))));
        }
        self.returned += end;
        self.searched = self.searched.saturating_sub(end);
        self.emit(text);
    }

    /// Queues a document, unless it is only white space.
    fn emit(&mut self, bytes: Vec<u8>) {
        worked(bytes.len());
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

/// Where to cut a text longer than the limit: at the last blank line in the last quarter, else at the last line end there, else
/// at the last space, else between characters.
pub(super) fn place_to_cut(text: &[u8], limit: usize) -> usize {
    let head = text.get(..limit).unwrap_or(text);
    let last_quarter = limit - limit / 4;
    let late = |at: &usize| *at >= last_quarter;
    let blank = memchr::memmem::rfind(head, b"\n\n").map(|at| at + 2).filter(late);
    let line = || memchr::memrchr(b'\n', head).map(|at| at + 1).filter(late);
    let space = || memchr::memrchr3(b' ', b'\t', b'\n', head).map(|at| at + 1);
    // Continuation bytes of UTF-8 start with the bits 10.
    let character = || (0..=head.len()).rev().find(|at| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80));
    blank.or_else(line).or_else(space).or_else(character).filter(|at| *at > 0).unwrap_or(head.len())
}

pub(super) fn cut_up(what: &str, limit: usize) -> String {
    format!(
        "has {what} of more than {}; it is split into documents of at most that size, at line ends or spaces",
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
                // The text read so far is a document, unless it comes from a decompression bomb.
                if error.kind() == io::ErrorKind::QuotaExceeded {
                    self.pending.clear();
                    self.returned = 0;
                }
                self.state = State::Draining;
                return Some(Err(self.context.trouble(None, open::broken_off(&error))));
            }
        }
    }
}
