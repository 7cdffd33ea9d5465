//! HTTP responses in WARC records.

use super::settings::{Limits, bytes};
use super::unpack::Zstandard;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

const MAX_ENCODINGS: usize = 3;

/// Maximum window of a response, by RFC 9659.
const ZSTANDARD_WINDOW: u64 = 8 << 20;

/// Bytes that a response may always unpack to.
const SMALL: usize = 1 << 20;

pub(super) struct HttpResponse {
    pub(super) status: u16,
    /// Media type in lower case without parameters; empty if not given.
    pub(super) kind: String,
    /// Character encoding, if the server names one.
    pub(super) charset: Option<String>,
    pub(super) body: Vec<u8>,
}

pub(super) fn answer(bytes: &[u8], limits: &Limits) -> Result<HttpResponse, String> {
    let (head, body) = parts(bytes).ok_or("has an HTTP header without an end")?;
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
        return Err(format!("is packed {} times", encodings.len()));
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

/// The head, and the bytes after the empty line.
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

/// The content of a chunked body. `None` if it is not chunked, for example if the crawler joined the chunks and kept the
/// header. Since the first line may be a number by chance, the chunk must have the stated length and be followed by a line end
/// and the next number.
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
            // Truncated before a chunk: the previous chunks are the content.
            let is_cut =
                end.is_none() && rest.len() < 32 && rest.trim_ascii().iter().all(u8::is_ascii_hexdigit);
            return (is_cut && !joined.is_empty()).then_some(joined);
        };
        if size == 0 {
            return Some(joined);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        if size > rest.len() {
            // Truncated inside a chunk.
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

fn unpacked(body: Vec<u8>, encoding: &str, limits: &Limits) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    // A record is compressed in addition to the file, whose expansion is limited separately.
    let grown = usize::try_from(limits.expansion).unwrap_or(usize::MAX).saturating_mul(body.len());
    let limit = limits.document.min(grown.max(SMALL));
    let most = limit as u64 + 1;
    let read = match encoding {
        // Crawlers unpack the body and keep the header.
        "gzip" | "x-gzip" if !body.starts_with(&[0x1f, 0x8b]) => return Ok(body),
        "gzip" | "x-gzip" => MultiGzDecoder::new(body.as_slice()).take(most).read_to_end(&mut content),
        "deflate" => ZlibDecoder::new(body.as_slice()).take(most).read_to_end(&mut content).or_else(|_| {
            content.clear();
            DeflateDecoder::new(body.as_slice()).take(most).read_to_end(&mut content)
        }),
        "zstd" => Zstandard::new(body.as_slice(), ZSTANDARD_WINDOW).take(most).read_to_end(&mut content),
        "br" => return Err("is packed with Brotli, which is not supported".to_owned()),
        other => {
            let name: String = other.chars().take(20).collect();
            return Err(format!("is packed with {name}, which is not supported"));
        }
    };
    if content.len() > limit {
        return Err(format!(
            "unpacks to more than {} and is skipped; raise reading.limits.document or expansion",
            bytes(limit as u64)
        ));
    }
    match read {
        Ok(_) => Ok(content),
        Err(error) if content.is_empty() => Err(format!("cannot be unpacked from {encoding}: {error}")),
        // A truncated page is still a page.
        Err(_) => Ok(content),
    }
}
