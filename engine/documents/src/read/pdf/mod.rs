//! PDF files: their text is extracted on reading.
//!
//! `hayro-syntax` parses objects, streams and encryption, `hayro-cmap` font tables. This module does the rest: the letters a
//! page draws and their positions (`content`, `font`), lines in reading order (`layout`), and prose (`prose`).

mod content;
mod font;
mod layout;
mod prose;

use super::lines::whole;
use super::open::{self, Items};
use super::record::Context;
use super::settings::Limits;
use super::unpack::{CHUNK, Counter, counted};
use crate::document::{Document, Kind};
use crate::fields;
use crate::files::Input;
use content::{Budget, Fault, Fonts};
use encoding_rs::{UTF_16BE, WINDOWS_1252};
use flate2::read::{DeflateDecoder, ZlibDecoder};
use glasshouse_protocol::quantity;
use hayro_syntax::object::{Dict, Name, Object, Stream, String as PdfString};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use std::borrow::Cow;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes searched for the PDF mark.
const HEAD: usize = 1024;

const PAGES: usize = 100_000;

pub(super) fn items(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    let limit = context.settings.limits.pdf;
    match document(&context, file, counter) {
        Ok(Some((document, troubles))) => {
            let troubles = troubles.into_iter().map(move |reason| Err(context.trouble(None, reason)));
            Box::new(std::iter::once(Ok(document)).chain(troubles))
        }
        Ok(None) => open::one(Err(context.too_long(None, "the file", "pdf", limit))),
        Err(reason) => open::one(Err(context.trouble(None, reason))),
    }
}

/// The document, with the parts of the file that could not be read; `None` if the file is too long.
fn document(
    context: &Context,
    file: Box<dyn Input>,
    counter: &Arc<Counter>,
) -> Result<Option<(Document, Vec<String>)>, String> {
    let mut stream = BufReader::with_capacity(CHUNK, counted(file, counter));
    let limit = context.settings.limits.pdf;
    let Some(bytes) = whole(&mut stream, limit).map_err(|error| open::broken(&error))? else {
        return Ok(None);
    };
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if memchr::memmem::find(head, b"%PDF-").is_none() {
        return Err("is not a PDF (no %PDF- header); rename it".to_owned());
    }
    let again = check_expansion(&bytes, &context.settings.limits)?;
    // A panic of the library in spite of its checks becomes an error. In a browser it ends the module.
    catch_unwind(AssertUnwindSafe(|| read(context, bytes, again)))
        .unwrap_or_else(|_| Err(broken("it contradicts itself")))
        .map(Some)
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("is a broken PDF: {error}; save it again with the program that made it")
}

/// DEFLATE expands up to 1032 times, LZW somewhat more.
const MOST_PER_FILTER: u64 = 2048;

/// Bytes that the object streams of an encrypted file may unpack to; they cannot be measured before the library unpacks them.
const UNMEASURED: u64 = 512 << 20;

fn too_much(size: usize, limits: &Limits) -> String {
    limits.check_expansion(size as u64, u64::MAX).err().unwrap_or_default()
}

/// Checks that the streams of a file unpack within the limits. The library unpacks a stream as a whole, so this comes first.
/// Returns whether they must be measured again with the library: they are encrypted, or their filters are indirect.
fn check_expansion(bytes: &[u8], limits: &Limits) -> Result<bool, String> {
    let is_encrypted = memchr::memmem::find(bytes, b"/Encrypt").is_some();
    let mut again = is_encrypted;
    let (mut left, mut hidden) = (limits.most(bytes.len() as u64), 0_u64);
    let mut objects = memchr::memmem::find_iter(bytes, b"obj").peekable();
    let mut object = 0;
    for at in memchr::memmem::find_iter(bytes, b"stream") {
        while let Some(next) = objects.next_if(|next| *next < at) {
            object = next;
        }
        if bytes.get(..at).is_some_and(|before| before.ends_with(b"end")) {
            continue;
        }
        let dict = bytes.get(object..at).unwrap_or_default();
        let data = bytes.get(at + 6..).unwrap_or_default().trim_ascii_start();
        // An object with many streams is processed as often.
        let cost = dict.len() as u64;
        let dict = without_escapes(dict);
        if is_image(&dict) {
            left = left.checked_sub(cost).ok_or_else(|| too_much(bytes.len(), limits))?;
            continue;
        }
        let filters: Vec<Packed> = names(&dict).filter_map(Packed::of_name).collect();
        let unknown = is_elsewhere(&dict);
        again |= unknown;
        let length = || memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
        if is_encrypted && memchr::memmem::find(&dict, b"/ObjStm").is_some() {
            hidden = hidden.saturating_add(MOST_PER_FILTER / 2 * length() as u64);
        }
        let early = memchr::memmem::find(&dict, b"/EarlyChange 0").is_none();
        let cost = cost.saturating_add(match unknown && !is_encrypted {
            true => {
                let data = data.get(..length()).unwrap_or_default();
                let any = [Packed::Flate, Packed::Lzw, Packed::RunLength];
                let sizes = any.map(|filter| size(data, &[filter], early, is_encrypted, left));
                sizes.into_iter().max().unwrap_or_default()
            }
            false => size(data, &filters, early, is_encrypted, left),
        });
        left = left.checked_sub(cost).ok_or_else(|| too_much(bytes.len(), limits))?;
    }
    if hidden > UNMEASURED.max(limits.most(bytes.len() as u64)) {
        return Err(too_much(bytes.len(), limits));
    }
    Ok(again)
}

/// Bytes that the library processes to unpack a stream: counted up to about `left`, or an upper bound for filters that are not
/// measured.
fn size(data: &[u8], filters: &[Packed], early: bool, is_encrypted: bool, left: u64) -> u64 {
    let length = |data: &[u8]| memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
    // Reading costs too, even without a result.
    let raw = length(data) as u64;
    let packs = filters.iter().filter(|filter| !filter.is_ascii()).count();
    let is_odd = filters.iter().any(|filter| matches!(filter, Packed::Lzw | Packed::RunLength))
        || filters.iter().skip_while(|filter| filter.is_ascii()).any(|filter| filter.is_ascii());
    let unmeasured = |data: &[u8]| (length(data) as u64).saturating_mul(MOST_PER_FILTER * MOST_PER_FILTER);
    if packs > 1 && (is_encrypted || is_odd) {
        return unmeasured(data);
    }
    let (mut decoded, mut sum): (Option<Vec<u8>>, u64) = (None, raw);
    for filter in filters.iter().take_while(|filter| filter.is_ascii()).take(8) {
        let made = filter.binary(decoded.as_deref().unwrap_or(data));
        sum = sum.saturating_add(made.len() as u64);
        decoded = Some(made);
    }
    let data = decoded.as_deref().unwrap_or(data);
    if let Some(filter) = filters.iter().find(|filter| matches!(filter, Packed::Lzw | Packed::RunLength)) {
        let data = data.get(..length(data)).unwrap_or_default();
        // Two bytes become at most 128.
        let unpacked = if *filter == Packed::Lzw { lzw_length(data, early) } else { 64 * data.len() as u64 };
        return sum.saturating_add(data.len() as u64).saturating_add(unpacked);
    }
    // Data packed several times is unpacked several times; without a zlib header the library treats it as raw DEFLATE.
    for depth in 0..4.max(packs) {
        let layers = || {
            let plain: Box<dyn Read + '_> = Box::new(data);
            (0..depth).fold(plain, |packed, _| Box::new(ZlibDecoder::new(packed)))
        };
        // A broken stream is detected again on reading; the part before the fault counts.
        let bare = match depth < packs {
            true => {
                let mut packed = DeflateDecoder::new(layers());
                count(&mut packed, left).saturating_add(packed.total_in())
            }
            false => 0,
        };
        let mut start = [0; 2];
        let is_zlib = layers().read_exact(&mut start).is_ok()
            && start[0] & 15 == 8
            && u16::from_be_bytes(start).is_multiple_of(31);
        if !is_zlib {
            // The layers below are unknown.
            let below = if packs > depth + 1 { unmeasured(data) } else { 0 };
            return sum.saturating_add(bare).saturating_add(below);
        }
        let mut packed = ZlibDecoder::new(layers());
        let unpacked = count(&mut packed, left);
        sum = sum.saturating_add(packed.total_in()).saturating_add(unpacked.max(bare));
        if sum > left {
            break;
        }
    }
    sum
}

fn count(reader: impl Read, left: u64) -> u64 {
    let most = left.saturating_add(1);
    let mut reader = reader.take(most);
    io::copy(&mut reader, &mut io::sink()).ok();
    most - reader.limit()
}

/// Whether a dictionary names its filters indirectly, as in `/Filter 5 0 R` and `/Filter [5 0 R]`.
fn is_elsewhere(dict: &[u8]) -> bool {
    // If a string contains the word, the dictionary started before it.
    let begins = dict.get(3..).is_some_and(|behind| behind.trim_ascii_start().starts_with(b"<<"));
    !begins
        || [&b"/Filter"[..], b"/F"].iter().any(|key| {
            memchr::memmem::find_iter(dict, key).any(|at| {
                let value = dict.get(at + key.len()..).unwrap_or_default();
                let plain = value.trim_ascii_start();
                match plain.first() {
                    Some(b'[') => {
                        let mut all = plain.iter().take_while(|byte| **byte != b']').skip(1);
                        all.find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte != b'/')
                    }
                    Some(b'%') => true,
                    Some(byte) => byte.is_ascii_digit() && plain.len() < value.len(),
                    None => false,
                }
            })
        })
}

/// Whether the streams, as decrypted and filtered by the library, unpack to at most `left` bytes.
fn weigh_again(file: &Pdf, left: u64) -> bool {
    let mut sum = 0_u64;
    file.objects().into_iter().all(|object| {
        if let Object::Stream(stream) = object
            && !is_picture(&stream)
        {
            let names = stream.filters().into_iter().map(|filter| format!("{filter:?}"));
            let filters: Vec<Packed> = names.filter_map(|name| Packed::of_name(name.as_bytes())).collect();
            sum = sum.saturating_add(size(&stream.raw_data(), &filters, true, false, left));
        }
        sum <= left
    })
}

/// A filter named in a stream's dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packed {
    Hex,
    Ascii85,
    Flate,
    Lzw,
    RunLength,
}

impl Packed {
    /// From the format's names, or those of the library's type, which is not exported.
    fn of_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"ASCIIHexDecode" | b"AHx" | b"AsciiHexDecode" => Self::Hex,
            b"ASCII85Decode" | b"A85" | b"Ascii85Decode" => Self::Ascii85,
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" | b"LzwDecode" => Self::Lzw,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            _ => return None,
        })
    }

    fn is_ascii(self) -> bool {
        matches!(self, Self::Hex | Self::Ascii85)
    }

    /// Decodes text-encoded bytes, up to the first invalid one.
    fn binary(self, data: &[u8]) -> Vec<u8> {
        let letters = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != 0);
        let mut made = Vec::new();
        if self == Self::Hex {
            let digits = letters.map_while(|byte| char::from(byte).to_digit(16));
            let mut high = None;
            for digit in digits {
                match high.take() {
                    None => high = Some(digit),
                    Some(high) => made.push((high << 4 | digit) as u8),
                }
            }
            made.extend(high.map(|high| (high << 4) as u8));
            return made;
        }
        let (mut group, mut count) = (0_u32, 0);
        for byte in letters {
            match byte {
                b'z' if count == 0 => made.extend([0; 4]),
                b'!'..=b'u' => {
                    group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                    count += 1;
                    if count == 5 {
                        made.extend(group.to_be_bytes());
                        (group, count) = (0, 0);
                    }
                }
                _ => break,
            }
        }
        if count > 1 {
            let group = (count..5).fold(group, |group, _| group.wrapping_mul(85).wrapping_add(84));
            made.extend(group.to_be_bytes().into_iter().take(count - 1));
        }
        made
    }
}

fn lzw_length(data: &[u8], early: bool) -> u64 {
    const CLEAR: usize = 256;
    const END: usize = 257;
    // Lengths of the table's entries from 258 on.
    let mut lengths: Vec<u64> = Vec::new();
    let (mut bits, mut held, mut sum) = (0_u32, 0, 0_u64);
    let mut last: Option<u64> = None;
    for byte in data {
        (bits, held) = (bits << 8 | u32::from(*byte), held + 8);
        let width = match 258 + lengths.len() + usize::from(early) {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if held < width {
            continue;
        }
        held -= width;
        let code = (bits >> held & ((1 << width) - 1)) as usize;
        bits &= (1 << held) - 1;
        let length = match code {
            CLEAR => {
                lengths.clear();
                last = None;
                continue;
            }
            END => break,
            0..CLEAR => 1,
            _ => match (lengths.get(code - 258), last) {
                (Some(length), _) => *length,
                (None, Some(last)) if code - 258 == lengths.len() => last + 1,
                _ => break,
            },
        };
        if let Some(last) = last
            && lengths.len() < 4096 - 258
        {
            lengths.push(last + 1);
        }
        last = Some(length);
        sum += length;
    }
    sum
}

/// A dictionary with escapes in its names, as in `/Sub#74ype`, decoded.
fn without_escapes(dict: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(dict.len());
    let mut rest = dict;
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let escaped = if *first == b'#' { digit(0).zip(digit(1)) } else { None };
        plain.push(escaped.map_or(*first, |(high, low)| (high << 4 | low) as u8));
        rest = behind.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    plain
}

fn names(dict: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"()<>[]{}%\0".contains(byte);
    dict.split(|byte| *byte == b'/').skip(1).filter_map(move |name| name.split(ends).next())
}

/// Whether the dictionary is certainly a picture's, which is never unpacked: `unpacked` checks the same key.
fn is_image(dict: &[u8]) -> bool {
    let mut all = names(dict).skip_while(|name| *name != b"Subtype");
    let Some(at) = memchr::memmem::find(dict, b"/Subtype") else { return false };
    let before = dict.get(..at).unwrap_or_default();
    let depth = |part: &[u8]| {
        let count = |mark: &[u8]| memchr::memmem::find_iter(part, mark).count() as i64;
        count(b"<<") - count(b">>")
    };
    // In a string, a comment or another dictionary the key means nothing.
    all.nth(1) == Some(b"Image")
        && memchr::memmem::find_iter(dict, b"/Subtype").count() == 1
        && !before.iter().any(|byte| b"(%".contains(byte))
        && depth(before) == 1
        && depth(dict) == 0
}

/// The data of a stream; `None` if it is broken, or a picture, which may unpack to any size.
fn unpacked<'a>(stream: &Stream<'a>) -> Option<Cow<'a, [u8]>> {
    if is_picture(stream) { None } else { stream.decoded_data().ok() }
}

fn is_picture(stream: &Stream<'_>) -> bool {
    let subtype = stream.dict().get::<Name<'_>>("Subtype");
    subtype.is_some_and(|subtype| subtype.as_str() == "Image")
}

fn read(context: &Context, bytes: Vec<u8>, again: bool) -> Result<(Document, Vec<String>), String> {
    let size = bytes.len();
    let left = context.settings.limits.most(size as u64);
    let says_encrypted = memchr::memmem::find(&bytes, b"/Encrypt").is_some();
    let file = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            "is encrypted with a password; save a copy without it".to_owned()
        }
        LoadPdfError::Decryption(_) => "has an unsupported encryption; save a copy without it".to_owned(),
        // Without the file's index the two cases cannot be distinguished.
        LoadPdfError::Invalid if says_encrypted => {
            "is encrypted with a password, or broken; save a copy without it".to_owned()
        }
        LoadPdfError::Invalid => broken("it has no pages"),
    })?;
    if again && !weigh_again(&file, left) {
        return Err(too_much(size, &context.settings.limits));
    }
    let count = file.pages().len();
    let mut fonts = Fonts::default();
    let mut budget = Budget { left, codes: 0, unknown: 0 };
    let (mut pages, mut failed, mut crowded) = (Vec::new(), Vec::new(), Vec::new());
    let mut troubles = Vec::new();
    for (index, page) in file.pages().iter().take(PAGES).enumerate() {
        // An unreadable page affects no other.
        let (fragments, fault) = content::fragments(page, &mut fonts, &mut budget);
        pages.push(layout::lines(fragments));
        match fault {
            None => {}
            Some(Fault::Content) => failed.push((index + 1).to_string()),
            Some(Fault::Fragments) => crowded.push((index + 1).to_string()),
            Some(Fault::Budget) => {
                troubles.push(format!(
                    "exceeds the work limit on page {} of {count}; later pages were not read",
                    index + 1
                ));
                break;
            }
        }
    }
    if count > PAGES {
        troubles.push(format!(
            "has {count} pages, of which the first {PAGES} were read; split the file into smaller ones"
        ));
    }
    let named = |pages: &[String]| {
        let named = pages.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        let more = if pages.len() > 10 { ", …" } else { "" };
        format!("{} of {count} ({named}{more})", quantity::counted(pages.len() as u64, "page"))
    };
    if !crowded.is_empty() {
        troubles.push(format!(
            "has more than {} pieces of text on {}; the rest of each was not read",
            content::FRAGMENTS,
            named(&crowded)
        ));
    }
    if !failed.is_empty() {
        troubles.push(format!(
            "has broken content on {}; save it again with the program that made it",
            named(&failed)
        ));
    }
    if budget.unknown * 20 > budget.codes {
        troubles.push(format!(
            "{} % of its glyphs have no Unicode mapping and are missing from the text; run OCR or re-export the file",
            budget.unknown * 100 / budget.codes
        ));
    }
    let text = prose::prose(&pages);
    if text.trim().is_empty() {
        troubles.insert(
            0,
            format!(
                "is a PDF without text ({}); if they are scanned, recognise their text first",
                quantity::counted(count as u64, "page")
            ),
        );
        return Err(troubles.join("; it "));
    }
    let metadata = file.metadata();
    let title =
        metadata.title.as_deref().map(said).and_then(|title| fields::short(&title).map(str::to_owned));
    let date = metadata
        .creation_date
        .and_then(|date| fields::day(&format!("{:04}{:02}{:02}", date.year, date.month, date.day)));
    let root = file.xref().get::<Dict<'_>>(file.xref().root_id());
    let language = root
        .and_then(|root| root.get::<PdfString<'_>>("Lang"))
        .and_then(|language| fields::language(&said(&language)));
    Ok((Document { title, date, language, ..context.document(None, Kind::Plain, text) }, troubles))
}

/// Decodes a PDF string: UTF-16 with a mark, else UTF-8 or Latin-1.
fn said(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] => UTF_16BE.decode_with_bom_removal(bytes).0.into_owned(),
        _ => String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_lzw_are_measured() {
        // The example of ISO 32000, 7.4.4.2.
        assert_eq!(lzw_length(&[0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01], true), 10);
        assert_eq!(Packed::Hex.binary(b"4a4 B7>4a"), [0x4a, 0x4b, 0x70]);
        assert_eq!(Packed::Ascii85.binary(b"9jqo^BlbD-BleB1DJ+*+F(f,q~>"), b"Man is distinguished");
        assert_eq!(Packed::Ascii85.binary(b"z9jqo~>"), b"\0\0\0\0Man");
    }

    #[test]
    fn streams_without_output_cost_their_length() {
        let blocks = [0, 0, 0, 0xff, 0xff].repeat(1000);
        for data in [blocks.clone(), b" ".repeat(5000), b"plain".repeat(1000)] {
            for filters in [&[][..], &[Packed::Flate], &[Packed::Hex], &[Packed::Hex, Packed::Flate]] {
                assert!(size(&data, filters, true, false, u64::MAX / 2) >= 5000, "{filters:?}");
            }
        }
        assert!(size(&blocks, &[Packed::Flate], true, false, u64::MAX / 2) >= 10_000);
    }

    #[test]
    fn pictures_are_known_by_their_own_key() {
        for (dict, expected) in [
            ("obj << /Type/XObject/Subtype/Image /Width 1 >>", true),
            ("obj << /Subtype /Image /A << /B 1 >> /C (text) >>", true),
            ("obj << /Subtype /ImageMask >>", false),
            ("obj << /A << /Subtype /Image >> >>", false),
            ("obj << /A (/Subtype /Image) >>", false),
            ("obj << /Subtype /Image /Subtype /Form >>", false),
            ("obj << /Type /XObject >>", false),
        ] {
            assert_eq!(is_image(dict.as_bytes()), expected, "{dict}");
        }
        assert_eq!(without_escapes(b"/Sub#74ype #4"), b"/Subtype #4");
    }
}
