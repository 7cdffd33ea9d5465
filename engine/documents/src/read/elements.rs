//! Splits an XML file into elements of one name before parsing, so that an oversized or broken element affects no other, and
//! entities declared by the file are never expanded.

use super::lines::fill;
use super::unpack::Stream;
use memchr::memmem::Finder;
use std::io::{self, BufRead};

pub(super) enum Element {
    /// It is in the buffer, including its tags.
    Whole,
    TooLong,
    Unfinished,
    End,
}

pub(super) struct Elements {
    stream: Stream,
    limit: usize,
    start: Finder<'static>,
    end: Finder<'static>,
    pending: Vec<u8>,
    /// Bytes of `pending` that contain no start of a mark.
    searched: usize,
    state: ElementState,
}

#[derive(Clone, Copy, PartialEq)]
enum ElementState {
    Outside,
    Inside,
    /// Inside an element that is skipped.
    Passing,
}

impl Elements {
    pub(super) fn new(stream: Stream, start: &'static [u8], end: &'static [u8], limit: usize) -> Self {
        Self {
            stream,
            limit,
            start: Finder::new(start),
            end: Finder::new(end),
            pending: Vec::new(),
            searched: 0,
            state: ElementState::Outside,
        }
    }

    pub(super) fn next(&mut self, element: &mut Vec<u8>) -> io::Result<Element> {
        element.clear();
        loop {
            let mark = if self.state == ElementState::Outside { &self.start } else { &self.end };
            let length = mark.needle().len();
            let found = self.pending.get(self.searched..).and_then(|rest| mark.find(rest));
            match (found.map(|at| at + self.searched), self.state) {
                (Some(at), ElementState::Outside) => {
                    self.pending.drain(..at);
                    self.searched = length;
                    self.state = ElementState::Inside;
                    continue;
                }
                (Some(at), ElementState::Inside) if at <= self.limit => {
                    element.extend(self.pending.drain(..at + length));
                    self.searched = 0;
                    self.state = ElementState::Outside;
                    return Ok(Element::Whole);
                }
                (Some(at), state) => {
                    self.pending.drain(..at + length);
                    self.searched = 0;
                    self.state = ElementState::Outside;
                    if state == ElementState::Inside {
                        return Ok(Element::TooLong);
                    }
                    continue;
                }
                (None, ElementState::Inside) if self.pending.len() <= self.limit => {
                    self.searched = self.pending.len().saturating_sub(length - 1);
                }
                (None, state) => {
                    // Keeps only a possible start of a mark.
                    let keep = self.pending.len().min(length - 1);
                    self.pending.drain(..self.pending.len() - keep);
                    self.searched = 0;
                    if state == ElementState::Inside {
                        self.state = ElementState::Passing;
                        return Ok(Element::TooLong);
                    }
                }
            }
            let chunk = fill(&mut self.stream)?;
            if chunk.is_empty() {
                let within =
                    std::mem::replace(&mut self.state, ElementState::Outside) == ElementState::Inside;
                self.pending.clear();
                self.searched = 0;
                return Ok(if within { Element::Unfinished } else { Element::End });
            }
            self.pending.extend_from_slice(chunk);
            let used = chunk.len();
            self.stream.consume(used);
        }
    }
}
