//! Splits text into words like spaCy's blank English tokenizer.
//!
//! Gopher and FineWeb published shares of n-grams and symbols that were measured with its words, through `datatrove`. This
//! takes the same steps, on bytes and without regular expressions: split at white space; strip punctuation from both ends of a
//! piece, until nothing or a known special is left; keep the rest if it is an address, else split it at hyphens, slashes and
//! the like between letters. Pieces in scripts without spaces are split by Unicode's word boundaries (UAX 29); spaCy does not
//! split them.
//!
//! Its specials and character classes are derived from spaCy's tables: Copyright (C) 2016-2024 ExplosionAI GmbH, 2016 spaCy
//! GmbH, 2015 Matthew Honnibal, under the MIT licence, whose text is in `packaging/notices.md`.

mod address;
mod characters;
mod specials;
#[cfg(test)]
mod tests;

use unicode_segmentation::UnicodeSegmentation;

pub use characters::is_sentence_end;
use characters::{
    BEFORE_STOP, CURRENCY, DIGIT, ICON, LETTER, LOWER, MARK, PREFIX, QUOTE, SPACE, SUFFIX, SYMBOL, UNSPACED,
    UPPER, byte_flags, flags,
};
use specials::Specials;

use super::hash::hash;

/// A word: its position in the text, and the properties that rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub hash: u64,
    /// Start in bytes.
    pub start: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Length in characters, the unit of published lengths.
    pub characters: u32,
    kind: u8,
}

const ALPHABETIC: u8 = 1;
const SYMBOLS: u8 = 2;
const SENTENCE_END: u8 = 4;
const MARKS: u8 = 8;

impl Word {
    pub fn is_alphabetic(&self) -> bool {
        self.kind & ALPHABETIC > 0
    }

    pub fn is_symbols(&self) -> bool {
        self.kind & SYMBOLS > 0
    }

    /// Whether it is a mark that ends sentences.
    pub fn is_sentence_end(&self) -> bool {
        self.kind & SENTENCE_END > 0
    }

    /// Whether it consists of punctuation marks only: after a sentence's end they still belong to it.
    pub fn is_marks(&self) -> bool {
        self.kind & MARKS > 0
    }

    pub(super) fn at(self, start: usize) -> Self {
        Self { start: start as u32, ..self }
    }

    pub fn range(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.bytes as usize
    }

    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// Maximum bytes of a text that are split: positions have 32 bits.
const MAX_TEXT_BYTES: usize = u32::MAX as usize;

pub fn split(text: &str) -> Vec<Word> {
    let text = text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default();
    let mut splitter = Splitter {
        specials: Specials::get(),
        words: Vec::with_capacity(text.len() / 5),
        pieces: Vec::new(),
        suffixes: Vec::new(),
    };
    splitter.text(text);
    splitter.words
}

struct Splitter {
    specials: &'static Specials,
    words: Vec<Word>,
    /// Ends of the pieces of the current chunk, in order.
    pieces: Vec<usize>,
    suffixes: Vec<usize>,
}

impl Splitter {
    fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            if byte < 0x80 && byte_flags(byte) & SPACE > 0 {
                at += 1;
                continue;
            }
            let mut letters_only = true;
            while let Some(&byte) = bytes.get(at) {
                if byte < 0x80 {
                    let flags = byte_flags(byte);
                    if flags & SPACE > 0 {
                        break;
                    }
                    letters_only &= flags & LETTER > 0;
                    at += 1;
                } else {
                    let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                    if flags(character) & SPACE > 0 {
                        break;
                    }
                    letters_only = false;
                    at += character.len_utf8();
                }
            }
            let chunk = text.get(start..at).unwrap_or_default();
            if chunk.is_empty() {
                // Non-ASCII white space.
                at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            } else if letters_only {
                self.letters(chunk, start);
            } else {
                self.chunk(chunk, start);
            }
        }
    }

    /// A chunk of ASCII letters, the most common kind.
    fn letters(&mut self, chunk: &str, start: usize) {
        let hash = hash(chunk.as_bytes());
        if chunk.len() < 10
            && let Some(cuts) = self.specials.cuts_of_hash(chunk, hash)
        {
            let mut rest = chunk;
            for &cut in cuts.iter().filter(|&&cut| cut > 0) {
                let Some((piece, after)) = rest.split_at_checked(usize::from(cut)) else { break };
                self.push(piece, start + chunk.len() - rest.len());
                rest = after;
            }
            return;
        }
        let length = chunk.len() as u32;
        self.words.push(Word {
            hash,
            start: start as u32,
            bytes: length,
            characters: length,
            kind: ALPHABETIC,
        });
    }

    fn push(&mut self, piece: &str, start: usize) {
        if piece.len() > 1 && !piece.is_ascii() && piece.chars().any(|c| flags(c) & UNSPACED > 0) {
            for (offset, word) in piece.split_word_bound_indices() {
                self.word(word, start + offset);
            }
        } else {
            self.word(piece, start);
        }
    }

    fn word(&mut self, piece: &str, start: usize) {
        let (mut all, mut any, mut alphabetic, mut characters) = (SYMBOL | MARK, 0_u16, false, 0_u32);
        for character in piece.chars() {
            let flags = flags(character);
            all &= flags;
            any |= flags;
            alphabetic |= flags & LETTER > 0 || (!character.is_ascii() && character.is_alphabetic());
            characters += 1;
        }
        let ends = characters == 1 && any & MARK > 0 && piece.chars().all(is_sentence_end);
        let kind = (u8::from(alphabetic) * ALPHABETIC)
            | (u8::from(all & SYMBOL > 0) * SYMBOLS)
            | (u8::from(all & MARK > 0) * MARKS)
            | (u8::from(ends) * SENTENCE_END);
        let hash = hash(piece.as_bytes());
        self.words.push(Word { hash, start: start as u32, bytes: piece.len() as u32, characters, kind });
    }

    /// A chunk that contains other characters than letters.
    fn chunk(&mut self, chunk: &str, start: usize) {
        self.pieces.clear();
        self.suffixes.clear();
        let (first, last) = self.strip(chunk);
        self.middle(chunk, first, last);
        while let Some(suffix) = self.suffixes.pop() {
            let end = self.suffixes.last().copied().unwrap_or(chunk.len());
            debug_assert!(suffix < end);
            self.pieces.push(end);
        }
        let pieces = std::mem::take(&mut self.pieces);
        let (mut begin, mut index) = (0, 0);
        while let Some(&end) = pieces.get(index) {
            // Three or more pieces may contain a special, such as `):` in `(one):`.
            let joined =
                if pieces.len() > 2 { self.joined(chunk, begin, pieces.get(index + 1..)) } else { 0 };
            let end = pieces.get(index + joined).copied().unwrap_or(end);
            if joined > 0 {
                self.special(chunk, begin, end, start);
            } else if let Some(piece) = chunk.get(begin..end) {
                self.push(piece, start + begin);
            }
            begin = end;
            index += 1 + joined;
        }
        self.pieces = pieces;
    }

    /// Strips prefixes and suffixes until nothing, or a special, is left; returns its range.
    fn strip(&mut self, chunk: &str) -> (usize, usize) {
        let (mut first, mut last) = (0, chunk.len());
        while let Some(rest) = chunk.get(first..last).filter(|rest| !rest.is_empty()) {
            if self.is_special(rest) {
                break;
            }
            let prefix = prefix(rest);
            if prefix > 0 && rest.get(prefix..).is_some_and(|inner| self.is_special(inner)) {
                first += prefix;
                self.pieces.push(first);
                break;
            }
            let suffix = rest.get(prefix..).map_or(0, suffix);
            if suffix > 0
                && prefix > 0
                && rest.get(..rest.len() - suffix).is_some_and(|inner| self.is_special(inner))
            {
                last -= suffix;
                self.suffixes.push(last);
                break;
            }
            if prefix + suffix == 0 {
                break;
            }
            if prefix > 0 {
                first += prefix;
                self.pieces.push(first);
            }
            if suffix > 0 {
                last -= suffix;
                self.suffixes.push(last);
            }
        }
        // Suffixes were stripped from the end: in reverse order, each one's end is the start of the next.
        (first, last)
    }

    fn is_special(&self, word: &str) -> bool {
        self.specials.cuts(word).is_some()
    }

    /// The part between prefixes and suffixes: a special, an address, or split at infixes.
    fn middle(&mut self, chunk: &str, first: usize, last: usize) {
        let Some(middle) = chunk.get(first..last).filter(|middle| !middle.is_empty()) else { return };
        if let Some(cuts) = self.specials.cuts(middle) {
            let mut end = first;
            for &cut in cuts.iter().filter(|&&cut| cut > 0) {
                end += usize::from(cut);
                self.pieces.push(end);
            }
            return;
        }
        if address::is_address(middle) {
            self.pieces.push(last);
            return;
        }
        let mut from = 0;
        let mut at = 0;
        let mut before = 0;
        while let Some(rest) = middle.get(at..).filter(|rest| !rest.is_empty()) {
            let length = infix(before, rest);
            let step = if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) };
            if length > 0 && at > 0 {
                if at > from {
                    self.pieces.push(first + at);
                }
                self.pieces.push(first + at + length);
                from = at + length;
            }
            before = middle.get(..at + step).and_then(|done| done.chars().next_back()).map_or(0, flags);
            at += step;
        }
        if from < middle.len() {
            self.pieces.push(last);
        }
    }

    /// The maximum number of following pieces that form a special with the one that begins here.
    fn joined(&self, chunk: &str, begin: usize, following: Option<&[usize]>) -> usize {
        let following = following.unwrap_or_default();
        let candidates = following.iter().enumerate().take(6);
        let fits = |(index, &end): (usize, &usize)| {
            chunk.get(begin..end).filter(|text| self.is_special(text)).map(|_| index + 1)
        };
        candidates.filter_map(fits).next_back().unwrap_or(0)
    }

    fn special(&mut self, chunk: &str, begin: usize, end: usize, start: usize) {
        let Some(text) = chunk.get(begin..end) else { return };
        let mut at = begin;
        for cut in self.specials.cuts(text).unwrap_or_default().into_iter().filter(|&cut| cut > 0) {
            let next = at + usize::from(cut);
            if let Some(piece) = chunk.get(at..next) {
                self.push(piece, start + at);
            }
            at = next;
        }
    }
}

fn prefix(word: &str) -> usize {
    let mut characters = word.chars();
    let Some(first) = characters.next() else { return 0 };
    match first {
        '.' => Some(leading_dots(word)).filter(|&dots| dots > 1).unwrap_or(0),
        '+' => usize::from(characters.next().is_none_or(|next| flags(next) & DIGIT == 0)),
        'U' if word.starts_with("US$") => 3,
        'C' | 'A' if characters.next() == Some('$') => 2,
        _ if flags(first) & PREFIX > 0 => first.len_utf8(),
        _ => 0,
    }
}

fn leading_dots(text: &str) -> usize {
    text.bytes().take_while(|&byte| byte == b'.').count()
}

fn suffix(word: &str) -> usize {
    let mut backwards = word.chars().rev();
    let Some(last) = backwards.next() else { return 0 };
    let before = backwards.next();
    let before_flags = before.map_or(0, flags);
    match last {
        '.' if before == Some('.') => word.bytes().rev().take_while(|&byte| byte == b'.').count(),
        '.' => {
            let second = backwards.next();
            let initials = before_flags & UPPER > 0 && second.is_some_and(|second| flags(second) & UPPER > 0);
            let degrees = matches!(before, Some('F' | 'C' | 'K')) && second == Some('°');
            usize::from(before_flags & BEFORE_STOP > 0 || initials || degrees)
        }
        '…' if before == Some('…') => 2 * '…'.len_utf8(),
        's' | 'S' if matches!(before, Some('\'' | '’')) => 1 + before.map_or(0, char::len_utf8),
        '+' => usize::from(before_flags & DIGIT > 0),
        '$' => dollars(word),
        _ if flags(last) & CURRENCY > 0 => usize::from(before_flags & DIGIT > 0) * last.len_utf8(),
        _ if flags(last) & SUFFIX > 0 => last.len_utf8(),
        _ => unit(word),
    }
}

/// A dollar sign after a number, including the country before it.
fn dollars(word: &str) -> usize {
    let signs = ["US$", "C$", "A$", "$"].iter();
    signs.filter(|sign| after_digit(word, sign)).map(|sign| sign.len()).max().unwrap_or(0)
}

fn after_digit(word: &str, ending: &str) -> bool {
    word.strip_suffix(ending).and_then(|number| number.as_bytes().last()).is_some_and(u8::is_ascii_digit)
}

/// Units that are separate words after a number.
const UNITS: &str = "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph \
    hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %";

fn unit(word: &str) -> usize {
    // A digit must precede it, so search for one near the end first.
    let digit = word.bytes().rev().take(7).position(|byte| byte.is_ascii_digit());
    let Some(length) = digit.filter(|&length| length > 0) else { return 0 };
    match word.get(word.len() - length..) {
        Some(ending) if UNITS.split(' ').any(|unit| unit == ending) => length,
        _ => 0,
    }
}

/// Bytes of the infix at the start of the rest of a word, after a character with these flags.
fn infix(before: u16, rest: &str) -> usize {
    let mut characters = rest.chars();
    let Some(first) = characters.next() else { return 0 };
    let next = characters.next();
    let next_flags = next.map_or(0, flags);
    let is = |condition: bool| usize::from(condition);
    match first {
        'a'..='z' | 'A'..='Z' | '0'..='9' => 0,
        '.' if next == Some('.') => leading_dots(rest),
        '.' => is(before & (LOWER | QUOTE) > 0 && next_flags & (UPPER | QUOTE) > 0),
        '…' => first.len_utf8(),
        ',' => is(before & LETTER > 0 && next_flags & LETTER > 0),
        '-' if before & DIGIT > 0 && (next_flags & DIGIT > 0 || next == Some('-')) => 1,
        '+' | '*' | '^' => is(before & DIGIT > 0 && (next_flags & DIGIT > 0 || next == Some('-'))),
        '-' | '–' | '—' | '~' if before & (LETTER | DIGIT) > 0 => hyphen(rest),
        ':' | '<' | '>' | '=' | '/' => is(before & (LETTER | DIGIT) > 0 && next_flags & LETTER > 0),
        _ if flags(first) & ICON > 0 => first.len_utf8(),
        _ => 0,
    }
}

fn hyphen(rest: &str) -> usize {
    let hyphens = ["-", "–", "—", "--", "---", "——", "~"].iter();
    let before_letter = |hyphen: &&&str| {
        rest.strip_prefix(**hyphen)
            .and_then(|after| after.chars().next())
            .is_some_and(|next| flags(next) & LETTER > 0)
    };
    hyphens.filter(before_letter).map(|hyphen| hyphen.len()).next().unwrap_or(0)
}
