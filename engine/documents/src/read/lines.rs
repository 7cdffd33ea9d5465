//! Reads a stream by lines, with bounded memory.

use super::unpack::Stream;
use std::io::{self, BufRead, Read};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its line end.
    Whole,
    /// It exceeds the limit; its rest is skipped on the next call.
    TooLong,
    End,
}

pub(super) struct Lines {
    stream: Stream,
    limit: usize,
    /// Whether the stream is inside an oversized line.
    within: bool,
    pub(super) number: u64,
}

impl Lines {
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self { stream, limit, within: false, number: 0 }
    }

    /// Reads the next line into the buffer.
    ///
    /// An oversized line is reported before its end is found, since it may not have one.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Line> {
        line.clear();
        while self.within {
            let chunk = fill(&mut self.stream)?;
            let end = memchr::memchr(b'\n', chunk);
            self.within = end.is_none() && !chunk.is_empty();
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.stream.consume(used);
        }
        let mut begun = false;
        loop {
            let chunk = fill(&mut self.stream)?;
            if chunk.is_empty() {
                return Ok(if begun { Line::Whole } else { Line::End });
            }
            if !begun {
                begun = true;
                self.number += 1;
            }
            let end = memchr::memchr(b'\n', chunk);
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            if line.len() + part.len() > self.limit {
                line.clear();
                let used = end.map_or(chunk.len(), |end| end + 1);
                self.within = end.is_none();
                self.stream.consume(used);
                return Ok(Line::TooLong);
            }
            line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.stream.consume(used);
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Line::Whole);
            }
        }
    }

    /// Skips up to `length` bytes; returns how many there were.
    pub(super) fn skip(&mut self, length: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.stream).take(length), &mut io::sink())
    }

    /// Reads up to `length` bytes. Memory grows with the bytes read, not with `length`.
    pub(super) fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.stream).take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Returns the buffered bytes, reading if there are none; retries interrupted reads.
pub(super) fn fill<R: BufRead + ?Sized>(stream: &mut R) -> io::Result<&[u8]> {
    loop {
        match stream.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // Returns the buffer without reading; called twice since a borrow cannot leave the loop.
    stream.fill_buf()
}

/// Reads a stream to its end; `None` if it exceeds the limit.
pub(super) fn whole(stream: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    stream.take(limit as u64 + 1).read_to_end(&mut content)?;
    Ok((content.len() <= limit).then_some(content))
}
