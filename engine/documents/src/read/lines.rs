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

    /// Reads up to `length` bytes of a WARC record; returns their number, and the bytes, or only the last ones unless they are kept.
    /// Ends before another record in a member of its own of a gzip file: each member begins a chunk.
    pub(super) fn content(&mut self, length: u64, is_kept: bool) -> io::Result<(u64, Vec<u8>)> {
        let (mut found, mut content) = (0, Vec::new());
        while found < length {
            let chunk = fill(&mut self.stream)?;
            if chunk.is_empty() || (content.ends_with(b"\r\n\r\n") && chunk.starts_with(b"WARC/")) {
                break;
            }
            let remaining = usize::try_from(length - found).unwrap_or(usize::MAX);
            let chunk = chunk.get(..remaining).unwrap_or(chunk);
            let used = chunk.len();
            found += used as u64;
            content.extend_from_slice(chunk);
            if !is_kept {
                content.drain(..content.len().saturating_sub(4));
            }
            self.stream.consume(used);
        }
        Ok((found, content))
    }

    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(fill(&mut self.stream)?.is_empty())
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
