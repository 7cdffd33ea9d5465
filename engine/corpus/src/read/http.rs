//! The answer of a web server, as a WARC record keeps it.

use super::settings::{Limits, bytes};
use super::unpack::Zstandard;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Encodings on top of each other that are taken off.
const MAX_ENCODINGS: usize = 3;

/// Bytes that an answer may unpack to, however small it is packed.
const SMALL: usize = 1 << 20;

/// What a server answered.
pub(super) struct HttpResponse {
    /// Its status, as in 200.
    pub(super) status: u16,
    /// The kind of content, in lower case and without parameters; empty where the server names none.
    pub(super) kind: String,
    /// The content's character encoding, where the server names one.
    pub(super) charset: Option<String>,
    /// The content.
    pub(super) body: Vec<u8>,
}

/// Reads an answer: its head, and its body with chunks joined and encodings taken off.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn answer(bytes: &[u8], limits: &Limits) -> Result<HttpResponse, String> {
    let (head, body) = parts(bytes).ok_or("has no end of its HTTP head")?;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/") {
        return Err("does not start with an HTTP status line".to_owned());
    }
    let code = status.split(|byte| *byte == b' ').nth(1).and_then(|code| std::str::from_utf8(code).ok());
    let status = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    let (mut kind, mut charset) = (String::new(), None);
    let mut encodings = Vec::new();
    let mut chunked = false;
    for line in lines {
        let Some((name, value)) = header(line) else { continue };
        match name.as_str() {
            "content-type" => (kind, charset) = media_type(value),
            "transfer-encoding" => chunked |= value.to_ascii_lowercase().contains("chunked"),
            "content-encoding" => {
                let named = value.split(',').map(|name| name.trim().to_ascii_lowercase());
                encodings.extend(named.filter(|name| !name.is_empty() && name != "identity"));
            }
            _ => {}
        }
    }
    let mut body = body.to_vec();
    if chunked && let Some(joined) = joined(&body) {
        body = joined;
    }
    if encodings.len() > MAX_ENCODINGS {
        return Err(format!("is packed {} times over", encodings.len()));
    }
    for encoding in encodings.iter().rev() {
        body = unpacked(body, encoding, limits)?;
    }
    Ok(HttpResponse { status, kind, charset, body })
}

/// A header's name in lower case, and its value.
pub(super) fn header(line: &[u8]) -> Option<(String, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim()))
}

/// A media type in lower case without its parameters, and its parameter `charset`.
pub(super) fn media_type(value: &str) -> (String, Option<String>) {
    let mut parts = value.split(';');
    let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    });
    (kind, charset)
}

/// The head and what stands behind the empty line.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = memchr::memchr_iter(b'\n', bytes);
    for end in ends {
        let rest = bytes.get(end + 1..).unwrap_or_default();
        let behind = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
        if let Some(body) = behind {
            return Some((bytes.get(..end)?, body));
        }
    }
    None
}

/// The content of chunks; none where the body is not in chunks after all, as where the crawler joined them and left the header. Its first
/// line may be a number by chance: what follows it must be as long as it says, and a line end and the next number behind that.
fn joined(body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    let mut rest = body;
    loop {
        let end = memchr::memchr(b'\n', rest.get(..rest.len().min(64)).unwrap_or_default());
        let size = end.and_then(|end| {
            let line = std::str::from_utf8(rest.get(..end)?).ok()?;
            usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()
        });
        let (Some(end), Some(size)) = (end, size) else {
            // Cut short before a chunk: what came before is content.
            let is_cut =
                end.is_none() && rest.len() < 32 && rest.trim_ascii().iter().all(u8::is_ascii_hexdigit);
            return (is_cut && !joined.is_empty()).then_some(joined);
        };
        if size == 0 {
            return Some(joined);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        if size > rest.len() {
            // Cut short within a chunk.
            joined.extend_from_slice(rest);
            return (joined.len() > rest.len()).then_some(joined);
        }
        let (chunk, behind) = rest.split_at_checked(size)?;
        joined.extend_from_slice(chunk);
        if behind.is_empty() {
            return Some(joined);
        }
        rest = behind.strip_prefix(b"\r\n").or_else(|| behind.strip_prefix(b"\n"))?;
    }
}

/// Takes one encoding off.
fn unpacked(body: Vec<u8>, encoding: &str, limits: &Limits) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    // A record is packed on top of the file's own packing, whose growth is watched apart.
    let grown = usize::try_from(limits.expansion).unwrap_or(usize::MAX).saturating_mul(body.len());
    let limit = limits.document.min(grown.max(SMALL));
    let most = limit as u64 + 1;
    let read = match encoding {
        // Crawlers unpack and leave the header.
        "gzip" | "x-gzip" if !body.starts_with(&[0x1f, 0x8b]) => return Ok(body),
        "gzip" | "x-gzip" => MultiGzDecoder::new(body.as_slice()).take(most).read_to_end(&mut content),
        "deflate" => ZlibDecoder::new(body.as_slice()).take(most).read_to_end(&mut content).or_else(|_| {
            content.clear();
            DeflateDecoder::new(body.as_slice()).take(most).read_to_end(&mut content)
        }),
        "zstd" => Zstandard::new(body.as_slice()).take(most).read_to_end(&mut content),
        "br" => return Err("is packed with Brotli, which is not unpacked here".to_owned()),
        other => {
            let name: String = other.chars().take(20).collect();
            return Err(format!("is packed with {name}, which is not known"));
        }
    };
    if content.len() > limit {
        return Err(format!(
            "unpacks to more than {} and is passed over; raise reading.limits.document or expansion",
            bytes(limit as u64)
        ));
    }
    match read {
        Ok(_) => Ok(content),
        Err(error) if content.is_empty() => Err(format!("cannot be unpacked from {encoding}: {error}")),
        // A page that is cut short is still a page.
        Err(_) => Ok(content),
    }
}
