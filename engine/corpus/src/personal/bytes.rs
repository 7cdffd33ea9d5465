//! Looking at the bytes around a place without leaving the text.

/// The byte at a place; 0 outside the text.
pub(super) fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

/// The byte before a place; 0 at the start.
pub(super) fn before(bytes: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(0, |index| at(bytes, index))
}

/// The bytes from `start` to before `end`; none where that is no range of the text.
pub(super) fn between(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

/// Whether it belongs to a word: a letter of ASCII, a digit or `_`. Ideographs stand beside numbers without a space, so that what
/// lies beyond ASCII joins nothing.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The character before a place.
pub(super) fn character_before(text: &str, index: usize) -> Option<char> {
    text.get(..index)?.chars().next_back()
}

/// The character at a place.
pub(super) fn character_at(text: &str, index: usize) -> Option<char> {
    text.get(index..)?.chars().next()
}
