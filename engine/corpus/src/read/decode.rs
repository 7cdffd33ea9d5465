//! Bytes to text: byte order marks, UTF-8, UTF-16 without a mark, what pages declare, and a guess for the rest.
//!
//! [`Utf8`] is how every file of plain text, records or tables is read: a stream of UTF-8, whatever it was written in. What is no text in
//! it costs itself alone. The guess is that of Firefox (`chardetng`); ours is what it leaves out: UTF-16 without a mark, and whether
//! a few bad bytes are another encoding at all.

use super::lines::fill;
use super::unpack::Stream;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes from which an encoding is told: at the start, and from the first byte on that is not ASCII.
const SAMPLE: usize = 64 << 10;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a page in which its declaration of an encoding is looked for, as the HTML standard has it.
const DECLARATION: usize = 1024;

/// Bytes beyond ASCII that tell an encoding for what was read and not for the rest of a file.
const FEW: usize = 16;

/// Valid characters of UTF-8 for each bad byte, from which on a page is UTF-8 whatever it declares.
const GOOD_FOR_BAD: usize = 10;

/// One NUL in so many bytes and a text counts as binary: a few of them are an accident.
const NULS_IN: usize = 200;
/// Likewise beside a NUL, of control characters that no text has: of random bytes one in nine is one.
const CONTROLS_IN: usize = 20;

/// A file's bytes as UTF-8. Reading fails with an error where they are no text at all.
pub struct Utf8 {
    stream: Stream,
    /// Bytes as they stand in the file, and whether its end is among them.
    raw: Vec<u8>,
    ended: bool,
    /// Text ready to be read, and how far it was.
    text: Vec<u8>,
    taken: usize,
    /// Bytes of the file before `raw`.
    position: u64,
    replaced: Arc<AtomicU64>,
    state: DecoderState,
    /// Why the file could not be read on, told behind what was read.
    broken: Option<io::Error>,
}

enum DecoderState {
    Beginning,
    /// Nothing but ASCII until now.
    Ascii,
    Known(Decoder),
    Done,
}

/// The file is no text: where in it a byte is zero.
#[derive(Debug, thiserror::Error)]
#[error("is binary, not text: byte {0} is zero")]
pub(super) struct Binary(u64);

impl std::fmt::Debug for Utf8 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Utf8").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Utf8 {
    /// Reads a file.
    pub fn new(file: impl Read + Send + 'static) -> Self {
        Self::of(Box::new(io::BufReader::with_capacity(SAMPLE, file)))
    }

    pub(super) fn of(stream: Stream) -> Self {
        Self {
            stream,
            raw: Vec::new(),
            ended: false,
            text: Vec::new(),
            taken: 0,
            position: 0,
            replaced: Arc::default(),
            state: DecoderState::Beginning,
            broken: None,
        }
    }

    /// How many pieces of the file were no text, so far; each stands as U+FFFD, and zero bytes as nothing.
    pub fn replaced(&self) -> Arc<AtomicU64> {
        self.replaced.clone()
    }

    /// Reads on until so many bytes are at hand, or the file ends.
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
            DecoderState::Known(decoder) => {
                let mut text = String::with_capacity(self.raw.len() * 3 + 16);
                let (result, read, bad) = decoder.decode_to_string(&self.raw, &mut text, self.ended);
                let bad = if bad { text.matches(char::REPLACEMENT_CHARACTER).count() } else { 0 };
                self.replaced.fetch_add(bad as u64, Ordering::Relaxed);
                self.take(read);
                self.hand(text.as_bytes());
                if self.ended && result == CoderResult::InputEmpty {
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
                    let encoding = other_than_utf8(&self.raw, self.ended).unwrap_or(UTF_8);
                    let beyond = self.raw.iter().filter(|byte| !byte.is_ascii()).count();
                    if encoding.is_single_byte() && beyond < FEW {
                        // So few bytes say nothing of what follows them, which may be UTF-8.
                        let text = encoding.decode_without_bom_handling(&self.raw).0.into_owned();
                        self.take(self.raw.len());
                        self.hand(text.as_bytes());
                    } else {
                        self.state = DecoderState::Known(encoding.new_decoder_without_bom_handling());
                    }
                }
            }
            DecoderState::Done => {}
        }
        Ok(())
    }

    /// Tells the encoding from the file's first bytes.
    fn begin(&mut self) -> io::Result<()> {
        if let Some((encoding, mark)) = Encoding::for_bom(&self.raw) {
            self.take(mark);
            self.state = DecoderState::Known(encoding.new_decoder_without_bom_handling());
            return Ok(());
        }
        self.state = DecoderState::Ascii;
        if let Some(zero) = memchr::memchr(0, &self.raw) {
            if let Some(encoding) = unmarked_utf16(&self.raw) {
                self.state = DecoderState::Known(encoding.new_decoder_without_bom_handling());
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

    /// Lets text be read, without its zero bytes, and without the byte order marks that begin lines where files were joined.
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

/// The text of a whole file of plain text that is in memory.
///
/// # Errors
/// It is binary: says which byte is zero.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    let mut text = String::new();
    let mut stream = Utf8::new(io::Cursor::new(bytes));
    stream.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// A part of a file that should be UTF-8: a value of a table of bytes, or a piece of a stream that is UTF-8 already. What is none
/// stands as U+FFFD, and zero bytes as nothing.
pub(super) fn part(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}

/// Characters beyond ASCII that bytes hold as UTF-8, and bytes that are none.
fn characters(bytes: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    (good, bad)
}

/// The encoding of bytes of which the first is not ASCII; none where they are UTF-8, be it with faults.
fn other_than_utf8(sample: &[u8], whole: bool) -> Option<&'static Encoding> {
    let (good, mut bad) = characters(sample);
    // A character that the sample's end cuts is no fault.
    if !whole && std::str::from_utf8(sample).is_err_and(|error| error.error_len().is_none()) {
        bad = 0;
    }
    if bad <= good {
        return None;
    }
    let encoding = guess(sample);
    // Of another encoding a byte or two say nothing; of western Europe's one letter is enough, but hardly any two are valid UTF-8.
    let told = match encoding {
        _ if encoding == UTF_8 => false,
        _ if encoding == WINDOWS_1252 => is_western(sample) && bad > 4 * good,
        _ => sample.iter().filter(|byte| !byte.is_ascii()).collect::<FxHashSet<_>>().len() > 2,
    };
    if !told {
        return None;
    }
    let text = encoding.decode_without_bom_handling(sample).0;
    // One that fits badly is no better than the faults.
    let faults = text.chars().filter(|letter| *letter == '\u{fffd}').count();
    (faults <= bad / 20).then_some(encoding)
}

/// Whether bytes beyond ASCII can be Windows-1252: no byte is undefined there, and accented letters stand among ASCII ones as in the
/// languages of western Europe.
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

/// What UTF-16 without a mark is in, told by zero bytes: they stand at even places or at odd ones, whatever the language,
/// since spaces and line ends have one each.
fn unmarked_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    let head = head.get(..pairs * 2)?;
    let controls = |byte: &u8| matches!(byte, 1..=8 | 11 | 14..=31);
    let nuls = memchr::memchr_iter(0, head).count();
    // Zero bytes here and there in what is text without them.
    if nuls * 100 < head.len() && !head.iter().any(controls) && std::str::from_utf8(head).is_ok() {
        return None;
    }
    // In UTF-16 what is all ASCII is zero bytes by half; with fewer it is ASCII with zero bytes in it, which is no text.
    let ascii = |byte: &u8| matches!(byte, 0 | b'\t'..=b'\r' | b' '..=b'~');
    if nuls * 5 < head.len() * 2 && head.iter().all(ascii) {
        return None;
    }
    let score = |encoding: &'static Encoding| {
        let decode = |bytes| encoding.decode_without_bom_handling_and_without_replacement(bytes);
        // A sample may end between two that make one character.
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

/// Whether bytes with a NUL among them are no text.
fn is_binary(bytes: &[u8]) -> bool {
    let nuls = memchr::memchr_iter(0, bytes).count();
    // Backspaces and escapes stand in what terminals printed.
    let controls = bytes.iter().filter(|byte| matches!(byte, 0..=7 | 14..=26 | 28..=31)).count();
    nuls * NULS_IN > bytes.len() || controls * CONTROLS_IN > bytes.len()
}

/// What a browser would take undeclared bytes for.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}
/// A web page's text: by its byte order mark, else UTF-8 where it is valid as that, else by what the server or the page declares,
/// else by what a browser would guess. What is no character becomes U+FFFD, as in a browser.
///
/// That UTF-8 comes before what is declared is no browser's order: bytes beyond ASCII that happen to be valid UTF-8 are so by design, and
/// servers that declare every page as ISO 8859-1 are many. ISO-2022-JP alone is plain ASCII to the eye.
///
/// # Errors
/// It is binary.
pub(super) fn page(bytes: Vec<u8>, server: Option<&str>) -> Result<String, String> {
    let text = match Encoding::for_bom(&bytes) {
        Some((encoding, _)) => encoding.decode_with_bom_removal(&bytes).0.into_owned(),
        None => {
            let head = bytes.get(..DECLARATION.min(bytes.len())).unwrap_or_default();
            let told = server.and_then(|label| Encoding::for_label(label.as_bytes()));
            let told = told.or_else(|| declared(head));
            if told == Some(ISO_2022_JP) {
                ISO_2022_JP.decode_without_bom_handling(&bytes).0.into_owned()
            } else {
                String::from_utf8(bytes).unwrap_or_else(|error| {
                    let bytes = error.into_bytes();
                    let (good, bad) = characters(&bytes);
                    let encoding = match told {
                        // A few bad bytes are no other encoding.
                        _ if good >= GOOD_FOR_BAD * bad => UTF_8,
                        Some(told) => told,
                        None => other_than_utf8(&bytes, true).unwrap_or(UTF_8),
                    };
                    encoding.decode_without_bom_handling(&bytes).0.into_owned()
                })
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

/// The encoding that `<meta charset=…>` or its older form declares.
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
            // A page whose bytes could be read this far is not UTF-16, whatever it says.
            let wide = encoding == UTF_16LE || encoding == UTF_16BE;
            return Some(if wide { UTF_8 } else { encoding });
        }
    }
    None
}
