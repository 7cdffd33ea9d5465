//! Functions of Python's `str` that reference packages use and that differ in Rust.

/// `str.isspace`: Unicode white space and four ASCII separators.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// `str.split()`.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// `\w` of the module `re`: letters, numbers and the underscore; unlike Unicode's words, without combining marks and circled
/// letters.
pub(super) fn is_word(letter: char) -> bool {
    let circled = matches!(
        u32::from(letter),
        0x24b6..=0x24e9 | 0x1f130..=0x1f149 | 0x1f150..=0x1f169 | 0x1f170..=0x1f189
    );
    letter == '_'
        || (letter.is_alphanumeric() && !circled && !unicode_normalization::char::is_combining_mark(letter))
}
