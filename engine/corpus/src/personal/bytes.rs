//! Bounds-safe access to the bytes around a position.

/// The byte at a position; 0 outside of the text.
pub(super) fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

/// The byte before a position; 0 at the start.
pub(super) fn before(bytes: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(0, |index| at(bytes, index))
}

/// The bytes from `start` up to `end`; empty for an invalid range.
pub(super) fn between(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

/// Whether a byte belongs to a word: an ASCII letter, a digit or `_`. Non-ASCII bytes do not, since ideographs are written next
/// to numbers without a space.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn character_before(text: &str, index: usize) -> Option<char> {
    text.get(..index)?.chars().next_back()
}

pub(super) fn character_at(text: &str, index: usize) -> Option<char> {
    text.get(index..)?.chars().next()
}
