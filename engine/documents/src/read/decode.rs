//! Conversion of bytes to text: byte order marks, UTF-8, UTF-16 without a mark, declared encodings of pages, and detection for
//! the rest.
//!
//! [`Utf8`] reads every file of plain text, records or tables as a stream of UTF-8, regardless of its encoding. Invalid bytes are
//! replaced individually. Detection ([`encoding`]) is extended by UTF-16 without a mark and by a check whether a few
//! invalid bytes indicate another encoding at all.

use super::encoding;
use super::lines::fill;
use super::unpack::Stream;
use crate::readers::Readers;
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes used for detection: at the start, and from the first non-ASCII byte.
const SAMPLE: usize = 64 << 10;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes searched for a page's encoding declaration, as in the HTML standard.
const DECLARATION: usize = 1024;

/// With fewer non-ASCII bytes than this, detection applies only to the bytes read so far.
const FEW: usize = 16;

/// Valid UTF-8 characters per invalid byte from which a page counts as UTF-8, regardless of its declaration.
const GOOD_FOR_BAD: usize = 10;

/// A text with more than one NUL in this many bytes is binary; fewer are accidental.
const NULS_IN: usize = 200;
/// With a NUL, the same for control characters that do not occur in text; random bytes have one in nine.
const CONTROLS_IN: usize = 20;

/// A file's bytes as a stream of UTF-8. Reading fails if they are not text at all.
pub struct Utf8 {
    stream: Stream,
    /// Bytes of the file not yet decoded, and whether they reach its end.
    raw: Vec<u8>,
    ended: bool,
    /// Decoded text, and the length already read.
    text: Vec<u8>,
    taken: usize,
    position: u64,
    replaced: Arc<AtomicU64>,
    state: DecoderState,
    readers: Option<Readers>,
    /// A read error, reported after the text before it.
    broken: Option<io::Error>,
}

enum DecoderState {
    Beginning,
    /// Only ASCII so far.
    Ascii,
    Known(&'static Encoding),
    Done,
}

/// The file is not text: offset of a zero byte.
#[derive(Debug, thiserror::Error)]
#[error("is binary, not text: byte {0} is zero")]
pub(super) struct Binary(u64);

impl Utf8 {
    pub fn new(file: impl Read + Send + 'static, readers: Option<Readers>) -> Self {
        Self::of(Box::new(io::BufReader::with_capacity(SAMPLE, file)), readers)
    }

    pub(super) fn of(stream: Stream, readers: Option<Readers>) -> Self {
        Self {
            stream,
            raw: Vec::new(),
            ended: false,
            text: Vec::new(),
            taken: 0,
            position: 0,
            replaced: Arc::default(),
            state: DecoderState::Beginning,
            readers,
            broken: None,
        }
    }

    /// The number of invalid pieces so far, shared; each is replaced by U+FFFD, and zero bytes are removed.
    pub fn replaced(&self) -> Arc<AtomicU64> {
        self.replaced.clone()
    }

    /// Reads until `count` bytes are available or the file ends.
    fn gather(&mut self, count: usize) {
        while self.raw.len() < count && !self.ended {
            match fill(&mut self.stream) {
                Ok(chunk) => {
                    self.ended = chunk.is_empty();
                    self.raw.extend_from_slice(chunk);
                    let used = chunk.len();
                    self.stream.consume(used);
                }
                Err(error) => {
                    self.ended = true;
                    self.broken = Some(error);
                }
            }
        }
    }

    fn step(&mut self) -> io::Result<()> {
        self.gather(if matches!(self.state, DecoderState::Beginning) { SAMPLE } else { 1 });
        match &mut self.state {
            DecoderState::Beginning => self.begin()?,
            DecoderState::Known(encoding) => {
                let encoding = *encoding;
                let count = match self.ended {
                    true => self.raw.len(),
                    false => encoding::complete(encoding, &self.raw),
                };
                if count == 0 && !self.ended {
                    self.gather(self.raw.len() + 1);
                } else {
                    self.decode(encoding, count)?;
                }
                if self.ended && self.raw.is_empty() {
                    self.state = DecoderState::Done;
                }
            }
            DecoderState::Ascii => {
                let ascii = self.raw.iter().position(|byte| !byte.is_ascii()).unwrap_or(self.raw.len());
                if ascii > 0 {
                    let text = self.raw.get(..ascii).unwrap_or_default().to_vec();
                    self.hand(&text);
                    self.take(ascii);
                } else if self.raw.is_empty() {
                    self.state = DecoderState::Done;
                } else {
                    self.gather(SAMPLE);
                    let other = other_than_utf8(&self.raw, self.ended, self.readers);
                    let encoding = self.fine(other)?.unwrap_or(UTF_8);
                    let beyond = self.raw.iter().filter(|byte| !byte.is_ascii()).count();
                    if encoding.is_single_byte() && beyond < FEW {
                        // Too few bytes to determine the encoding of the rest, which may be UTF-8.
                        self.decode(encoding, self.raw.len())?;
                    } else {
                        self.state = DecoderState::Known(encoding);
                    }
                }
            }
            DecoderState::Done => {}
        }
        Ok(())
    }

    fn decode(&mut self, encoding: &'static Encoding, count: usize) -> io::Result<()> {
        let decoded = encoding::decode(encoding, self.raw.get(..count).unwrap_or_default(), self.readers);
        let (text, bad) = self.fine(decoded)?;
        self.replaced.fetch_add(bad as u64, Ordering::Relaxed);
        self.take(count);
        self.hand(text.as_bytes());
        Ok(())
    }

    /// Ends reading if a decoder is not available.
    fn fine<T>(&mut self, result: Result<T, String>) -> io::Result<T> {
        result.map_err(|reason| {
            self.state = DecoderState::Done;
            io::Error::other(reason)
        })
    }

    fn begin(&mut self) -> io::Result<()> {
        if let Some((encoding, mark)) = Encoding::for_bom(&self.raw) {
            self.take(mark);
            self.state = DecoderState::Known(encoding);
            return Ok(());
        }
        self.state = DecoderState::Ascii;
        if let Some(zero) = memchr::memchr(0, &self.raw) {
            if let Some(encoding) = unmarked_utf16(&self.raw) {
                self.state = DecoderState::Known(encoding);
            } else if is_binary(&self.raw) {
                self.state = DecoderState::Done;
                return Err(io::Error::new(ErrorKind::InvalidData, Binary(self.position + zero as u64)));
            }
        }
        Ok(())
    }

    fn take(&mut self, count: usize) {
        self.raw.drain(..count.min(self.raw.len()));
        self.position += count as u64;
    }

    /// Appends decoded text, without zero bytes and without byte order marks at line starts, which come from joined files.
    fn hand(&mut self, text: &[u8]) {
        let starts_line = self.text.last().is_none_or(|byte| *byte == b'\n');
        if self.taken == self.text.len() {
            self.text.clear();
            self.taken = 0;
        }
        let marks = memchr::memmem::find_iter(text, MARK);
        let at_line_start =
            |at: &usize| at.checked_sub(1).map_or(starts_line, |at| text.get(at) == Some(&b'\n'));
        let marks: Vec<usize> = marks.filter(at_line_start).collect();
        let mut from = 0;
        for mark in marks {
            self.add(text.get(from..mark).unwrap_or_default());
            from = mark + MARK.len();
        }
        self.add(text.get(from..).unwrap_or_default());
    }

    fn add(&mut self, text: &[u8]) {
        if memchr::memchr(0, text).is_none() {
            self.text.extend_from_slice(text);
            return;
        }
        let before = self.text.len();
        self.text.extend(text.iter().filter(|byte| **byte != 0));
        let gone = text.len() - (self.text.len() - before);
        self.replaced.fetch_add(gone as u64, Ordering::Relaxed);
    }
}

impl BufRead for Utf8 {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.text.len() && !matches!(self.state, DecoderState::Done) {
            self.step()?;
        }
        if self.taken == self.text.len()
            && let Some(error) = self.broken.take()
        {
            return Err(error);
        }
        Ok(self.text.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.text.len());
    }
}

impl Read for Utf8 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Decodes bytes that should be UTF-8: a value of a binary table, or a part of a UTF-8 stream. Invalid bytes become U+FFFD;
/// zero bytes are removed.
pub(super) fn part(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}

/// The numbers of non-ASCII UTF-8 characters and of invalid bytes.
fn characters(bytes: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    (good, bad)
}

/// Detects the encoding of bytes that start with a non-ASCII one; `None` for UTF-8, even if it has errors.
fn other_than_utf8(
    sample: &[u8],
    whole: bool,
    readers: Option<Readers>,
) -> Result<Option<&'static Encoding>, String> {
    let (good, mut bad) = characters(sample);
    // A character cut off by the sample's end is not an error.
    if !whole && std::str::from_utf8(sample).is_err_and(|error| error.error_len().is_none()) {
        bad = 0;
    }
    if bad <= good {
        return Ok(None);
    }
    let encoding = encoding::guess(sample, readers)?;
    // For other encodings one or two bytes are no evidence. For western Europe one letter is enough, since hardly any two are
    // valid UTF-8.
    let told = match encoding {
        _ if encoding == UTF_8 => false,
        _ if encoding == WINDOWS_1252 => is_western(sample) && bad > 4 * good,
        _ => sample.iter().filter(|byte| !byte.is_ascii()).collect::<FxHashSet<_>>().len() > 2,
    };
    if !told {
        return Ok(None);
    }
    // An encoding with many errors is no better than UTF-8 with errors.
    let (_, faults) = encoding::decode(encoding, sample, readers)?;
    Ok((faults <= bad / 20).then_some(encoding))
}

/// Whether non-ASCII bytes can be Windows-1252: none is undefined there, and accented letters are surrounded by ASCII ones as
/// in western European languages.
fn is_western(bytes: &[u8]) -> bool {
    let mut run = 0;
    for byte in bytes {
        match byte {
            0x81 | 0x8d | 0x8f | 0x90 | 0x9d => return false,
            0x80..=0xff => run += 1,
            _ => run = 0,
        }
        if run > 3 {
            return false;
        }
    }
    true
}

/// Detects the byte order of UTF-16 without a mark by zero bytes: they have even or odd offsets in any language, since spaces
/// and line ends contain one each.
fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    let head = head.get(..pairs * 2)?;
    let controls = |byte: &u8| matches!(byte, 1..=8 | 11 | 14..=31);
    let nuls = memchr::memchr_iter(0, head).count();
    // Occasional zero bytes in otherwise valid text.
    if nuls * 100 < head.len() && !head.iter().any(controls) && std::str::from_utf8(head).is_ok() {
        return None;
    }
    // In UTF-16, ASCII text is half zero bytes; with fewer, it is ASCII with zero bytes, which is not text.
    let ascii = |byte: &u8| matches!(byte, 0 | b'\t'..=b'\r' | b' '..=b'~');
    if nuls * 5 < head.len() * 2 && head.iter().all(ascii) {
        return None;
    }
    let score = |encoding: &'static Encoding| {
        let decode = |bytes| encoding::utf16(encoding, bytes);
        // A sample may end within a surrogate pair.
        let text = decode(head).or_else(|| decode(head.get(..head.len().saturating_sub(2))?));
        let text = text.unwrap_or_default();
        let odd = |letter: char| {
            (letter.is_control() && !letter.is_whitespace())
                || matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}')
        };
        if text.chars().any(odd) {
            return 0;
        }
        let spaces = text.chars().filter(char::is_ascii_whitespace).count();
        let plain = text.chars().filter(char::is_ascii_graphic).count();
        spaces * 4 + plain
    };
    let (little, big) = (score(UTF_16LE), score(UTF_16BE));
    match little.cmp(&big) {
        std::cmp::Ordering::Greater => Some(UTF_16LE),
        std::cmp::Ordering::Less => Some(UTF_16BE),
        std::cmp::Ordering::Equal => None,
    }
}

/// Whether bytes that contain a NUL are binary.
fn is_binary(bytes: &[u8]) -> bool {
    let nuls = memchr::memchr_iter(0, bytes).count();
    // Terminal output contains backspaces and escapes.
    let controls = bytes.iter().filter(|byte| matches!(byte, 0..=7 | 14..=26 | 28..=31)).count();
    nuls * NULS_IN > bytes.len() || controls * CONTROLS_IN > bytes.len()
}

/// Decodes a web page: by its byte order mark, else as UTF-8 if valid, else by the server's or the page's declaration, else by
/// detection. Invalid characters become U+FFFD, as in a browser.
///
/// Browsers do not prefer UTF-8 to a declaration. We do, since non-ASCII bytes that are valid UTF-8 are so by design, and many
/// servers declare every page as ISO 8859-1. The exception is ISO-2022-JP, which consists of ASCII bytes.
pub(super) fn page(bytes: Vec<u8>, server: Option<&str>, readers: Option<Readers>) -> Result<String, String> {
    let decode = |encoding, bytes: &[u8]| encoding::decode(encoding, bytes, readers).map(|(text, _)| text);
    let text = match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) => decode(encoding, bytes.get(mark..).unwrap_or_default())?,
        None => {
            let head = bytes.get(..DECLARATION.min(bytes.len())).unwrap_or_default();
            let told = server.and_then(|label| Encoding::for_label(label.as_bytes()));
            let told = told.or_else(|| declared(head));
            if told == Some(ISO_2022_JP) {
                decode(ISO_2022_JP, &bytes)?
            } else {
                match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(error) => {
                        let bytes = error.into_bytes();
                        let (good, bad) = characters(&bytes);
                        let encoding = match told {
                            // A few invalid bytes do not indicate another encoding.
                            _ if good >= GOOD_FOR_BAD * bad => UTF_8,
                            Some(told) => told,
                            None => other_than_utf8(&bytes, true, readers)?.unwrap_or(UTF_8),
                        };
                        decode(encoding, &bytes)?
                    }
                }
            }
        }
    };
    let nuls = memchr::memchr_iter(0, text.as_bytes()).take(text.len() / NULS_IN + 1).count();
    if nuls == 0 {
        return Ok(text);
    }
    if nuls * NULS_IN > text.len() {
        return Err("is binary, not a page: it is full of zero bytes".to_owned());
    }
    Ok(text.replace('\0', ""))
}

/// The encoding declared by `<meta charset=…>` or its older form.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let lower = head.to_ascii_lowercase();
    let mut rest = lower.as_slice();
    while let Some(at) = memchr::memmem::find(rest, b"charset") {
        rest = rest.get(at + b"charset".len()..).unwrap_or_default();
        let value = rest.trim_ascii_start();
        let Some(value) = value.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let quoted = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
        let end = quoted.iter().position(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b';' | b'>' | b'/' | b',')
        });
        let label = quoted.get(..end.unwrap_or(quoted.len())).unwrap_or_default();
        if let Some(encoding) = Encoding::for_label(label) {
            // A page whose declaration could be read as bytes is not UTF-16.
            let wide = encoding == UTF_16LE || encoding == UTF_16BE;
            return Some(if wide { UTF_8 } else { encoding });
        }
    }
    None
}
