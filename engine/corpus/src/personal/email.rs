//! E-mail addresses, found by their `@`.

use super::bytes::{at, before, between, character_at, character_before};
use super::{Class, Finding};

/// A local part has at most 64 bytes (RFC 5321); runs up to this length are taken as a whole, longer ones are not addresses.
const MAX_LOCAL_BYTES: usize = 256;
const MAX_DOMAIN_BYTES: usize = 253;

/// File extensions after a resolution or version, as in `icon@2x.png`, which are not top-level domains.
const FILES: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "css", "js", "json", "html", "pdf", "txt",
    "whl", "tgz",
];

/// The address around the `@` at `sign`; with a password before it (`https://user:password@host`), the user and password.
pub(super) fn find(text: &str, sign: usize) -> Option<Finding> {
    let bytes = text.as_bytes();
    let mut start = sign;
    while let Some(character) = character_before(text, start).filter(|character| is_local(*character)) {
        start -= character.len_utf8();
        if sign - start > MAX_LOCAL_BYTES {
            return None;
        }
    }
    if before(bytes, start) == b':'
        && let Some(user) = user_of_address(bytes, start - 1)
    {
        return (sign > start).then_some(Finding { class: Class::Secret, start: user, end: sign });
    }
    // Quotes and joining marks before an address do not belong to it, as in `'jane@…'` or `--jane@…`.
    while start < sign && matches!(at(bytes, start), b'.' | b'-' | b'\'' | b'%' | b'+') {
        start += 1;
    }
    let local = between(bytes, start, sign);
    if local.is_empty() || local.ends_with(b".") || local == b"git" {
        return None;
    }
    let end = domain_end(text, sign + 1)?;
    Some(Finding { class: Class::Email, start, end })
}

/// The start of the user in `scheme://user:`, whose `:` is at `colon`.
fn user_of_address(bytes: &[u8], colon: usize) -> Option<usize> {
    let floor = colon.saturating_sub(64);
    let mut start = colon;
    while start > floor
        && (before(bytes, start).is_ascii_alphanumeric() || b"._-%+".contains(&before(bytes, start)))
    {
        start -= 1;
    }
    between(bytes, start.saturating_sub(3), start).ends_with(b"://").then_some(start)
}

/// Whether a character occurs in common local parts: letters of alphabets, digits and a few marks. Ideographs are excluded:
/// they are words before an address, without a space.
fn is_local(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '.' | '_' | '%' | '+' | '-' | '\'')
        || is_letter_beyond_ascii(character)
}

/// Letters of the Latin, Greek and Cyrillic alphabets, which are allowed in addresses too (RFC 6531).
fn is_letter_beyond_ascii(character: char) -> bool {
    ('\u{c0}'..'\u{590}').contains(&character) && character.is_alphabetic()
}

/// The end of the domain at `start`, if it is one: labels joined by dots, the last one of letters.
fn domain_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = start;
    // End of the longest run of labels so far that ends with a possible top-level domain.
    let mut closed = None;
    let mut labels = 0;
    let mut numeric = 0;
    while end - start <= MAX_DOMAIN_BYTES {
        let label = end;
        while let Some(character) = character_at(text, end).filter(|character| {
            character.is_ascii_alphanumeric() || *character == '-' || is_letter_beyond_ascii(*character)
        }) {
            end += character.len_utf8();
            if end - start > MAX_DOMAIN_BYTES {
                return closed;
            }
        }
        let name = between(bytes, label, end);
        let name = name.strip_suffix(b"-").unwrap_or(name);
        if name.is_empty() || name.starts_with(b"-") || name.ends_with(b"-") {
            break;
        }
        labels += 1;
        numeric += usize::from(name.iter().all(u8::is_ascii_digit));
        // Two labels of digits are a version, as in `package@1.2.beta`.
        if labels > 1 && numeric < 2 && is_top_level(name) {
            closed = Some(label + name.len());
        }
        if at(bytes, end) != b'.' {
            break;
        }
        end += 1;
    }
    closed
}

/// Whether a label can be a top-level domain: two or more letters, or punycode.
fn is_top_level(label: &[u8]) -> bool {
    let letters = label.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let name = FILES.iter().any(|file| label.eq_ignore_ascii_case(file.as_bytes()));
    (letters && (2..=24).contains(&label.len()) && !name) || label.starts_with(b"xn--")
}
