//! Character references: `&amp;`, `&#8217;`, and those whose semicolon HTML lets authors leave out.

use markup5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};
use memchr::memchr;

/// The longest name HTML knows is `CounterClockwiseContourIntegral;`.
const LONGEST_NAME: usize = 32;

/// Hands over a text's pieces with its character references decoded.
pub(in crate::extract) fn decode(text: &str, mut each: impl FnMut(&str)) {
    let mut rest = text;
    while let Some(found) = memchr(b'&', rest.as_bytes()) {
        let (before, reference) = rest.split_at_checked(found).unwrap_or((rest, ""));
        if !before.is_empty() {
            each(before);
        }
        let inside = reference.get(1..).unwrap_or_default();
        let (characters, length) = if let Some(number) = inside.strip_prefix('#') {
            numeric(number)
                .map_or(([None, None], 0), |(character, length)| ([Some(character), None], length + 2))
        } else {
            named(inside)
        };
        if length == 0 {
            each("&");
            rest = inside;
            continue;
        }
        for character in characters.into_iter().flatten() {
            each(character.encode_utf8(&mut [0; 4]));
        }
        rest = reference.get(length..).unwrap_or_default();
    }
    if !rest.is_empty() {
        each(rest);
    }
}

/// A text with its character references decoded.
pub(super) fn decoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    decode(text, |piece| result.push_str(piece));
    result
}

/// The character that follows `&#`, and how many bytes name it.
fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, prefix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let mut number = 0_u32;
    let mut length = 0;
    for digit in digits.chars().map_while(|character| character.to_digit(radix)) {
        number = number.saturating_mul(radix).saturating_add(digit);
        length += 1;
    }
    if length == 0 {
        return None;
    }
    let semicolon = digits.as_bytes().get(length) == Some(&b';');
    // HTML reads 0x80 to 0x9F as Windows-1252.
    let replaced = number
        .checked_sub(0x80)
        .and_then(|index| C1_REPLACEMENTS.get(usize::try_from(index).ok()?).copied()?);
    let character = replaced.or_else(|| char::from_u32(number)).filter(|&character| character != '\0');
    Some((character.unwrap_or('\u{FFFD}'), prefix + length + usize::from(semicolon)))
}

/// The characters that follow `&`, and how many bytes name them with the `&`; none where that is no name.
fn named(text: &str) -> ([Option<char>; 2], usize) {
    let mut best = ([None, None], 0);
    for end in 1..=LONGEST_NAME {
        // The table holds the beginnings of names as well, with no character.
        let Some(&(first, second)) = text.get(..end).and_then(|name| NAMED_ENTITIES.get(name)) else { break };
        if first != 0 {
            let second = if second == 0 { None } else { char::from_u32(second) };
            best = ([char::from_u32(first), second], end + 1);
        }
    }
    best
}
