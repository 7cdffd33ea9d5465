//! Encodings of text. UTF-8 and UTF-16 are decoded here, others by `encoding_rs`, and unknown ones detected by `chardetng`: their tables
//! are too large for a browser's engine, where a separate module has them (feature `encodings`).

use crate::readers::Readers;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A decoded text and its number of invalid pieces, each replaced by U+FFFD.
pub(super) type Decoded = (String, usize);

/// Bytes without a place to cut from which a character may be cut apart: text is not held without bound.
const MAX_HELD: usize = 1 << 20;

/// The number of bytes that can be decoded separately from those after them: whole characters, or up to a space, line end or mark below `0`
/// if characters have several bytes, since no such encoding that is detected has these within a character.
pub(super) fn complete(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    let last = |back: usize| bytes.len().checked_sub(back).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
    if encoding == UTF_8 {
        let length = |lead: u8| if lead >= 0xf0 { 4 } else { 2 + usize::from(lead >= 0xe0) };
        let cut = (1..=3).find(|back| last(*back) >= 0xc0).filter(|back| length(last(*back)) > *back);
        bytes.len() - cut.unwrap_or(0)
    } else if encoding == UTF_16LE || encoding == UTF_16BE {
        let odd = bytes.len() % 2;
        let high = last(odd + if encoding == UTF_16BE { 2 } else { 1 });
        // The first half of a surrogate pair.
        bytes.len() - odd - if (0xd8..0xdc).contains(&high) { 2 } else { 0 }
    } else if encoding.is_single_byte() {
        bytes.len()
    } else {
        let held = if bytes.len() > MAX_HELD { bytes.len() } else { 0 };
        bytes.iter().rposition(|byte| *byte < b'0').map_or(held, |end| end + 1)
    }
}

/// Decodes bytes without a mark. Fails if the module that could is not available.
pub(super) fn decode(
    encoding: &'static Encoding,
    bytes: &[u8],
    readers: Option<Readers>,
) -> Result<Decoded, String> {
    if encoding == UTF_8 {
        return Ok(match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), 0),
            Err(_) => counted(String::from_utf8_lossy(bytes).into_owned()),
        });
    }
    if let Some(units) = units(encoding, bytes) {
        let mut text: String =
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        if bytes.len() % 2 == 1 {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        return Ok(counted(text));
    }
    let text = match readers {
        Some(readers) => (readers.decode)(encoding.name(), bytes)?,
        None => module::decode(encoding.name(), bytes)?,
    };
    Ok(counted(String::from_utf8(text).map_err(|error| error.to_string())?))
}

/// Decodes UTF-16 without errors and without an odd byte.
pub(super) fn utf16(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    char::decode_utf16(units(encoding, bytes)?).collect::<Result<_, _>>().ok()
}

fn units(encoding: &'static Encoding, bytes: &[u8]) -> Option<impl Iterator<Item = u16>> {
    let unit: fn([u8; 2]) -> u16 = match encoding {
        _ if encoding == UTF_16LE => u16::from_le_bytes,
        _ if encoding == UTF_16BE => u16::from_be_bytes,
        _ => return None,
    };
    Some(bytes.as_chunks::<2>().0.iter().map(move |pair| unit(*pair)))
}

fn counted(text: String) -> Decoded {
    let replaced = text.matches(char::REPLACEMENT_CHARACTER).count();
    (text, replaced)
}

/// Detects an encoding. Fails if the module that could is not available.
pub(super) fn guess(bytes: &[u8], readers: Option<Readers>) -> Result<&'static Encoding, String> {
    let name = match readers {
        Some(readers) => (readers.guess)(bytes)?,
        None => module::guess(bytes)?,
    };
    Encoding::for_label(name.as_bytes()).ok_or_else(|| format!("is in an unknown encoding, {name}"))
}

/// Part of a separate module in a browser.
#[cfg(feature = "encodings")]
pub mod module {
    use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
    use encoding_rs::Encoding;

    /// Decodes bytes to UTF-8, given an encoding's name.
    pub fn decode(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let known = Encoding::for_label_no_replacement(encoding.as_bytes());
        let known = known.or((encoding == "replacement").then_some(encoding_rs::REPLACEMENT));
        let known = known.ok_or_else(|| format!("is in an unknown encoding, {encoding}"))?;
        Ok(known.decode_without_bom_handling(bytes).0.into_owned().into_bytes())
    }

    /// The name of the most likely encoding.
    pub fn guess(bytes: &[u8]) -> Result<String, String> {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(bytes, true);
        Ok(detector.guess(None, Utf8Detection::Allow).name().to_owned())
    }
}

#[cfg(not(feature = "encodings"))]
mod module {
    const NOT_HERE: &str = "is not UTF-8, and this program reads nothing else; convert it to UTF-8";

    pub(super) fn decode(_: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(NOT_HERE.to_owned())
    }

    pub(super) fn guess(_: &[u8]) -> Result<String, String> {
        Err(NOT_HERE.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, GB18030, SHIFT_JIS, WINDOWS_1251};

    /// Decoding in chunks that end anywhere is decoding at once.
    #[test]
    fn chunks_are_decoded_as_the_whole() {
        let text = "Zażółć gęślą 🦀 猫である。\nдва\n漢字\n";
        let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let mut cases = vec![
            (UTF_8, text.as_bytes().to_vec()),
            (UTF_8, b"caf\xc3\xa9 \xf0\x9f broken \xe4\xb8\n\xff".to_vec()),
            (UTF_16LE, wide(u16::to_le_bytes)),
            (UTF_16BE, wide(u16::to_be_bytes)),
        ];
        for encoding in [SHIFT_JIS, BIG5, GB18030, WINDOWS_1251] {
            cases.push((encoding, encoding.encode(text).0.into_owned()));
        }
        for (encoding, bytes) in cases {
            let (whole, _) = decode(encoding, &bytes, None).unwrap();
            assert_eq!(whole, encoding.decode_without_bom_handling(&bytes).0, "{}", encoding.name());
            for length in 1..7 {
                let (mut read, mut rest) = (String::new(), Vec::new());
                for chunk in bytes.chunks(length) {
                    rest.extend_from_slice(chunk);
                    let ready: Vec<u8> = rest.drain(..complete(encoding, &rest)).collect();
                    read += &decode(encoding, &ready, None).unwrap().0;
                }
                read += &decode(encoding, &rest, None).unwrap().0;
                assert_eq!(read, whole, "{} in chunks of {length}", encoding.name());
            }
        }
    }
}
