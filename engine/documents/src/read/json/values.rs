//! Splits a JSON file into values by counting brackets outside of strings, so that only the current one is in memory.

use crate::read::lines::fill;
use crate::read::unpack::Stream;
use std::io::{self, BufRead};

pub(super) enum ValueCut {
    /// It is in the buffer.
    Whole,
    /// It exceeds the limit; its rest is skipped on the next call.
    TooLong,
    /// The file ends inside a value.
    Unfinished,
    /// There is more after the array.
    Behind,
    End,
}

pub(super) struct Values {
    stream: Stream,
    limit: usize,
    /// Whether they are in an array; `None` before the first byte.
    pub(super) array: Option<bool>,
    /// State inside the current value: open brackets, whether in a string, and whether after a backslash.
    depth: u64,
    string: bool,
    escaped: bool,
    within: bool,
    begun: bool,
    ended: bool,
    /// Whether the array's closing bracket was read.
    pub(super) closed: bool,
}

impl Values {
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self {
            stream,
            limit,
            array: None,
            depth: 0,
            string: false,
            escaped: false,
            within: false,
            begun: false,
            ended: false,
            closed: false,
        }
    }

    pub(super) fn next(&mut self, value: &mut Vec<u8>) -> io::Result<ValueCut> {
        value.clear();
        if self.within {
            while self.part(&mut |_| true)?.is_none() {}
        }
        if self.ended {
            return Ok(ValueCut::End);
        }
        if !self.begin()? {
            self.ended = true;
            return Ok(ValueCut::End);
        }
        if self.ended {
            return Ok(ValueCut::Behind);
        }
        let limit = self.limit;
        let mut fits = true;
        loop {
            let end = self.part(&mut |part| {
                fits = value.len() + part.len() <= limit;
                if fits {
                    value.extend_from_slice(part);
                }
                fits
            })?;
            if !fits {
                value.clear();
                return Ok(ValueCut::TooLong);
            }
            match end {
                None => {}
                Some(true) => return Ok(ValueCut::Whole),
                Some(false) => {
                    self.ended = true;
                    return Ok(ValueCut::Unfinished);
                }
            }
        }
    }

    /// Advances to the first byte of the next value; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        let mut next = self.byte(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        if next == Some(b'[') && self.array.is_none() {
            self.stream.consume(1);
            self.array = Some(true);
            next = self.byte(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        }
        if next == Some(b']') && self.array == Some(true) {
            self.stream.consume(1);
            (self.ended, self.closed) = (true, true);
            return Ok(self.byte(|byte| byte.is_ascii_whitespace())?.is_some());
        }
        self.array.get_or_insert(false);
        (self.depth, self.string, self.escaped) = (0, false, false);
        (self.within, self.begun) = (next.is_some(), false);
        Ok(next.is_some())
    }

    /// Skips blanks and returns the next byte without consuming it; `None` at the end.
    pub(super) fn byte(&mut self, blank: fn(u8) -> bool) -> io::Result<Option<u8>> {
        loop {
            let chunk = fill(&mut self.stream)?;
            let skipped = chunk.iter().take_while(|byte| blank(**byte)).count();
            let next = chunk.get(skipped).copied();
            let ended = chunk.is_empty();
            self.stream.consume(skipped);
            if next.is_some() || ended {
                return Ok(next);
            }
        }
    }

    /// Processes the available bytes of the value. Returns whether it ended, and if so whether with its own end rather than the
    /// file's. If `take` returns false, the call ends and the rest of the value remains.
    fn part(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<Option<bool>> {
        let chunk = fill(&mut self.stream)?;
        if chunk.is_empty() {
            self.within = false;
            // A number or word may end with the file; anything else is truncated.
            return Ok(Some(self.depth == 0 && !self.string));
        }
        let mut at = 0;
        let mut ended = false;
        while let Some(byte) = chunk.get(at).copied() {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.string {
                let rest = chunk.get(at..).unwrap_or_default();
                let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                    at = chunk.len();
                    break;
                };
                at += found + 1;
                if rest.get(found) == Some(&b'"') {
                    self.string = false;
                    ended = self.depth == 0;
                } else {
                    self.escaped = true;
                }
            } else {
                match byte {
                    b'"' => self.string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth > 0 => {
                        self.depth -= 1;
                        ended = self.depth == 0;
                    }
                    b',' | b']' | b'}' if self.depth == 0 => {
                        // The end of a number or word, or an unmatched closing bracket.
                        ended = true;
                        at += usize::from(!self.begun);
                        break;
                    }
                    byte if self.depth == 0 && byte.is_ascii_whitespace() => ended = true,
                    _ => {}
                }
                self.begun = true;
                at += 1;
            }
            if ended {
                break;
            }
        }
        take(chunk.get(..at).unwrap_or_default());
        self.stream.consume(at);
        self.within = !ended;
        Ok(ended.then_some(true))
    }
}
