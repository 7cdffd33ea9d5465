//! Plain text and Markdown: documents separated by `<|endoftext|>` lines; long ones are cut.

use super::Item;
use super::format::Format;
use super::pieces::TextPieces;
use super::record::Context;
use super::settings::bytes;
use super::unpack::Stream;
use super::{markdown, open};
use crate::document::{Document, Kind};

type Place = Box<dyn Fn(&str, usize) -> Option<usize> + Send>;

pub(super) struct Text {
    context: Context,
    pieces: TextPieces<Stream, Place>,
    number: u64,
    /// Whether the file has more than one document, so that each gets a number.
    several: bool,
    is_cut: bool,
    /// The first part of a document that is cut, after the report of it.
    ready: Option<Document>,
}

impl Text {
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        let limit = context.settings.limits.document;
        let cut: Place = Box::new(move |text, _| Some(place_to_cut(text.as_bytes(), limit)));
        let pieces = TextPieces::new(stream, limit + 1, cut);
        Self { context, pieces, number: 0, several: false, is_cut: false, ready: None }
    }

    fn document(&mut self, text: String) -> Document {
        self.number += 1;
        let markdown = self.context.source.format == Format::Markdown;
        let kind = if markdown { Kind::Markdown } else { Kind::Plain };
        let mut document = self.context.document(self.several.then_some(self.number), kind, text);
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
        if let Some(document) = self.ready.take() {
            return Some(Ok(document));
        }
        loop {
            let (text, is_whole) = match self.pieces.next()? {
                Ok(piece) => piece,
                Err(error) => return Some(Err(self.context.trouble(None, open::broken_off(&error)))),
            };
            self.several |= !self.pieces.is_over();
            let document = (!text.trim_ascii().is_empty()).then(|| self.document(text));
            if !is_whole && !std::mem::replace(&mut self.is_cut, true) {
                self.ready = document;
                let limit = self.context.settings.limits.document;
                return Some(Err(self.context.trouble(None, cut_up("text", limit))));
            }
            if let Some(document) = document {
                return Some(Ok(document));
            }
        }
    }
}
