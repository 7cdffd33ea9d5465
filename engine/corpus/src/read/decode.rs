//! Bytes to text: byte order marks, UTF-8, what pages declare, and a guess only where it is unambiguous.

use super::lines::fill;
use super::unpack::Stream;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes of a page in which its declaration of an encoding is looked for, as the HTML standard has it.
const DECLARATION: usize = 1024;

/// One NUL in so many bytes and a page counts as binary: a few of them are a server's accident.
const NULS_IN: usize = 200;

/// Takes a byte order mark off a stream, and turns UTF-16 with one to UTF-8.
pub(super) fn marked(mut stream: Stream) -> io::Result<Stream> {
    let head = fill(&mut stream)?;
    let encoding = match head {
        [0xef, 0xbb, 0xbf, ..] => {
            stream.consume(3);
            return Ok(stream);
        }
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ => return Ok(stream),
    };
    stream.consume(2);
    let decoder = encoding.new_decoder_without_bom_handling();
    Ok(Box::new(BufReader::with_capacity(64 << 10, Utf16 { stream, decoder, ended: false })))
}

/// UTF-16 as UTF-8; what is no character becomes U+FFFD.
struct Utf16 {
    stream: Stream,
    decoder: Decoder,
    ended: bool,
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let source = fill(&mut self.stream)?;
            let last = source.is_empty();
            let (result, read, written, _) = self.decoder.decode_to_utf8(source, buffer, last);
            self.ended = last && result == CoderResult::InputEmpty;
            if !last {
                self.stream.consume(read);
            }
            // A buffer too small for one character takes none: `BufReader` never asks with less than its capacity.
            if written > 0 || buffer.len() < 4 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// Text from bytes behind any byte order mark: UTF-8, or Windows-1252 where nothing else can be meant.
///
/// # Errors
/// Says at which byte it is no text, and what to do.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, String> {
    match String::from_utf8(bytes) {
        Ok(text) if memchr::memchr(0, text.as_bytes()).is_none() => Ok(text),
        Ok(text) => part(text.as_bytes()).map(Cow::into_owned),
        Err(error) => part(error.as_bytes()).map(Cow::into_owned),
    }
}

/// As [`text`], for a part of a file that is not copied where it is UTF-8.
pub(super) fn part(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(format!("is binary, not text: byte {at} is zero"));
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(Cow::Borrowed(text)),
        Err(error) => error,
    };
    if unambiguous(bytes) {
        return Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0);
    }
    Err(format!("is not UTF-8 at byte {}; convert it to UTF-8", error.valid_up_to()))
}

/// Whether bytes that are not UTF-8 can only be Windows-1252: nothing in them is UTF-8 beyond ASCII, every accented letter stands among
/// ASCII letters (as in the languages of western Europe), no byte is undefined there, and the detector of Firefox says so as well.
fn unambiguous(bytes: &[u8]) -> bool {
    let mut high = 0_usize;
    let mut letters = 0_usize;
    let mut run = 0_usize;
    for byte in bytes {
        match byte {
            0x80..=0xff => {
                if matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d) {
                    return false;
                }
                run += 1;
                high += 1;
                if run > 2 {
                    return false;
                }
            }
            _ => {
                run = 0;
                letters += usize::from(byte.is_ascii_alphabetic());
                if matches!(byte, 0..=8 | 11 | 14..=31 | 127) {
                    return false;
                }
            }
        }
    }
    // French, the richest in accents, has one in about twelve letters; a short line may have three times that.
    if high * 3 > letters {
        return false;
    }
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, tail) = rest.split_at(error.valid_up_to().min(rest.len()));
        if !valid.is_ascii() {
            return false;
        }
        rest = tail.get(error.error_len().unwrap_or(tail.len())..).unwrap_or_default();
    }
    rest.is_ascii() && guess(bytes) == WINDOWS_1252
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
                    let encoding = told.unwrap_or_else(|| guess(&bytes));
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
