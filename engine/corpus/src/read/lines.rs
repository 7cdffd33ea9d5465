//! Lines of a stream, none of them held beyond a limit.

use super::unpack::Stream;
use std::io::{self, BufRead, Read};

/// What came of the next line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its end.
    Whole,
    /// It is longer than the limit; its rest is passed over when the next line is asked for.
    TooLong,
    /// The stream is at its end.
    End,
}

/// A stream read by lines.
pub(super) struct Lines {
    stream: Stream,
    limit: usize,
    /// Whether the stream stands within a line that was too long.
    within: bool,
    /// Lines that were begun.
    pub(super) number: u64,
}

impl Lines {
    /// Reads a stream by lines of at most so many bytes.
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self { stream, limit, within: false, number: 0 }
    }

    /// Puts the next line into the buffer.
    ///
    /// A line beyond the limit is reported at once, before its end is looked for: it may not have any.
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

    /// Passes over so many bytes; how many there were.
    pub(super) fn skip(&mut self, length: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.stream).take(length), &mut io::sink())
    }

    /// Reads so many bytes, or as many as there are. Memory grows with what is read, not with what was asked for.
    pub(super) fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.stream).take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The bytes at hand, read on where there are none; a read that was interrupted is made again.
pub(super) fn fill<R: BufRead + ?Sized>(stream: &mut R) -> io::Result<&[u8]> {
    loop {
        match stream.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // What is at hand is handed out again without reading; asked twice, since a borrow cannot leave the loop.
    stream.fill_buf()
}

/// Reads a stream to its end; none where it holds more than the limit.
pub(super) fn whole(stream: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    stream.take(limit as u64 + 1).read_to_end(&mut content)?;
    Ok((content.len() <= limit).then_some(content))
}
