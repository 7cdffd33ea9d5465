//! Splits a text into words for duplicate detection, hashing in one pass without copying.
//!
//! A word is a run of letters and digits, lower-cased, including trailing `+` and `#`: C, C++ and C# are three words.
//! Punctuation, other symbols and white space only separate words, so that `Hello,  WORLD!` and `hello world` are the same two
//! words. Combining marks that are not letters by Unicode (accents, viramas, tone marks)
//! and joiners are ignored. In scripts without spaces (Han, Kana,
//! Thai, Lao, Burmese, Khmer), each letter is a word. Numbers are kept: pages that differ only in numbers are often tables
//! worth keeping, which folding would turn into copies.

use unicode_normalization::char::is_combining_mark;

pub(super) trait Visitor {
    /// Up to eight bytes of a word, packed; `continues` if more of the word follow. Two texts have the same chunks if and only
    /// if they have the same words.
    #[inline(always)]
    fn chunk(&mut self, _packed: u64, _continues: bool) {}

    fn word(&mut self, hash: u64);
}

impl<F: FnMut(u64)> Visitor for F {
    #[inline(always)]
    fn word(&mut self, hash: u64) {
        self(hash);
    }
}

/// Mixes a number to 64 bits by folding the halves of a product, as in wyhash.
#[inline(always)]
pub(crate) fn mixed(value: u64, factor: u64) -> u64 {
    let product = u128::from(value) * u128::from(factor);
    (product as u64) ^ ((product >> 64) as u64)
}

/// An odd factor with as many ones as zeros (the golden ratio's fraction).
pub(super) const FIRST_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// Another factor, unrelated to the first (from `SplitMix64`).
pub(super) const SECOND_FACTOR: u64 = 0xBF58_476D_1CE4_E5B9;
/// Keeps short words away from zero, for which a product is degenerate.
const SALT: u64 = 0x94D0_49BB_1331_11EB;

/// Marks a byte that separates words.
const PARTS: u8 = 0;
/// Marks the first byte of a non-ASCII character.
const BEYOND: u8 = 1;

/// The lower-cased form of each byte, or [`PARTS`], or [`BEYOND`].
const FOLDED: [u8; 256] = {
    let mut folded = [PARTS; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        if byte >= 128 {
            folded[byte] = BEYOND;
        } else if (byte as u8).is_ascii_alphanumeric() {
            folded[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    folded
};

struct Open {
    packed: u64,
    folded: u64,
}

impl Open {
    #[inline(always)]
    fn push(&mut self, byte: u8, visitor: &mut impl Visitor) {
        if self.packed >> 56 != 0 {
            visitor.chunk(self.packed, true);
            self.folded = mixed(self.folded ^ self.packed, SECOND_FACTOR).rotate_left(23);
            self.packed = 0;
        }
        self.packed = (self.packed << 8) | u64::from(byte);
    }

    #[inline(always)]
    fn close(&mut self, visitor: &mut impl Visitor) {
        if self.packed != 0 {
            visitor.chunk(self.packed, false);
            visitor.word(mixed(self.folded ^ self.packed, FIRST_FACTOR));
            *self = Self { packed: 0, folded: SALT };
        }
    }
}

#[inline(always)]
pub(super) fn scan(text: &str, visitor: &mut impl Visitor) {
    let bytes = text.as_bytes();
    let mut open = Open { packed: 0, folded: SALT };
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let folded = FOLDED[usize::from(byte)];
        if folded > BEYOND {
            open.push(folded, visitor);
            at += 1;
        } else if folded == PARTS {
            let signs = if open.packed == 0 { 0 } else { signs(bytes.get(at..).unwrap_or_default()) };
            for sign in bytes.get(at..at + signs).unwrap_or_default() {
                open.push(*sign, visitor);
            }
            open.close(visitor);
            at += signs.max(1);
        } else {
            let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
            at += character.len_utf8();
            beyond(character, &mut open, visitor);
        }
    }
    open.close(visitor);
}

/// Number of leading `+` and `#` that end a word: no word may continue after them.
fn signs(bytes: &[u8]) -> usize {
    let signs = bytes.iter().take_while(|byte| matches!(byte, b'+' | b'#')).count();
    let goes_on = bytes.get(signs).is_some_and(|byte| FOLDED[usize::from(*byte)] != PARTS);
    if goes_on { 0 } else { signs }
}

fn beyond(character: char, open: &mut Open, visitor: &mut impl Visitor) {
    if character.is_alphanumeric() {
        let alone = stands_alone(character);
        if alone {
            open.close(visitor);
        }
        // A capital may map to a letter and a mark (İ), and sigma has two lower-case forms.
        for lower in character.to_lowercase().filter(|lower| lower.is_alphanumeric()) {
            let lower = if lower == 'ς' { 'σ' } else { lower };
            let mut space = [0; 4];
            for &byte in lower.encode_utf8(&mut space).as_bytes() {
                open.push(byte, visitor);
            }
        }
        if alone {
            open.close(visitor);
        }
    } else if !is_mark(character) {
        open.close(visitor);
    }
}

/// Whether a letter belongs to a script without spaces, and is a word of its own.
fn stands_alone(character: char) -> bool {
    matches!(u32::from(character),
        0x0E00..=0x0EFF          // Thai, Lao
        | 0x1000..=0x109F        // Burmese
        | 0x1780..=0x17FF        // Khmer
        | 0x3040..=0x30FF | 0x31F0..=0x31FF // Kana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF) // Han
}

/// Whether a character that is no letter only modifies its neighbours.
fn is_mark(character: char) -> bool {
    is_combining_mark(character) || matches!(u32::from(character), 0x00AD | 0x200B..=0x200D | 0x2060 | 0xFEFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(text: &str) -> Vec<u64> {
        let mut found = Vec::new();
        scan(text, &mut |hash| found.push(hash));
        found
    }

    #[test]
    fn case_punctuation_and_space_fold() {
        assert_eq!(hashes("  Hello,\n\tWORLD! "), hashes("hello world"));
        assert_eq!(hashes("ÄRGER—Straße"), hashes("ärger straße"));
        assert_eq!(hashes("Москва, ДА"), hashes("москва да"));
        assert_eq!(hashes("İZMİR ΟΔΟΣ"), hashes("i̇zmi̇r οδος"));
        assert_eq!(hashes(""), Vec::<u64>::new());
        assert_eq!(hashes("…!? --"), Vec::<u64>::new());
        assert_eq!(hashes("# Heading + 7+7"), hashes("heading 7 7"));
        assert_eq!(hashes("C++, C# and C"), hashes("(c++) C#! AND c"));
    }

    #[test]
    fn different_words_differ() {
        let words = [
            "c",
            "c++",
            "c#",
            "a",
            "b",
            "ab",
            "ba",
            "abcdefgh",
            "abcdefghi",
            "abcdefghiabcdefgh",
            "0",
            "00",
            "é",
            "e",
        ];
        let all: std::collections::BTreeSet<u64> = words.iter().flat_map(|word| hashes(word)).collect();
        assert_eq!(all.len(), words.len());
        assert_eq!(hashes("abcdefgh ij").len(), 2);
        assert_ne!(hashes("abcdefgh ij"), hashes("abcdefghij"));
    }

    #[test]
    fn scripts_without_spaces_give_a_word_a_letter() {
        assert_eq!(hashes("日本語").len(), 3);
        assert_eq!(hashes("日本語")[1], hashes("本")[0]);
        assert_eq!(hashes("rust言語x").len(), 4);
    }

    #[test]
    fn marks_are_passed_over() {
        assert_eq!(hashes("co\u{00AD}operate"), hashes("cooperate"));
        assert_eq!(hashes("क\u{094D}ष").len(), 1);
        assert_eq!(hashes("ก่า"), hashes("กา"));
        assert_ne!(hashes("แม่"), hashes("ไม่"));
        assert_ne!(hashes("की"), hashes("का"));
    }
}
