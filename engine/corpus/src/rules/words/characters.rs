//! Character classes of the word splitter and of the rules that count punctuation.
//!
//! One set of flags per character, from a table for ASCII: the splitter checks several of them at each end of a word.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};

/// A separate word at the start of a word.
pub(super) const PREFIX: u16 = 1;
/// A separate word at the end of a word.
pub(super) const SUFFIX: u16 = 2;
/// A lower-case letter, or one of a script without case.
pub(super) const LOWER: u16 = 4;
/// An upper-case letter, or one of a script without case.
pub(super) const UPPER: u16 = 8;
pub(super) const LETTER: u16 = LOWER | UPPER;
/// A pictograph: always a separate word.
pub(super) const ICON: u16 = 16;
pub(super) const QUOTE: u16 = 32;
/// One of the ten ASCII digits.
pub(super) const DIGIT: u16 = 64;
/// A final full stop after it is a separate word.
pub(super) const BEFORE_STOP: u16 = 128;
pub(super) const CURRENCY: u16 = 256;
/// Punctuation in Gopher's and FineWeb's rules.
pub(super) const SYMBOL: u16 = 512;
/// Unicode's general category P.
pub(super) const MARK: u16 = 1024;
pub(super) const SPACE: u16 = 2048;
/// Belongs to a script without spaces between words.
pub(super) const UNSPACED: u16 = 4096;

static ASCII: [u16; 128] = ascii();

const fn ascii() -> [u16; 128] {
    let mut table = [0; 128];
    let mut code = 0;
    while code < 128 {
        table[code] = match code as u8 {
            b'a'..=b'z' => LOWER | BEFORE_STOP,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT | BEFORE_STOP,
            // The four ASCII separators are white space in Python, and so in the rules' published counts.
            b' ' => SPACE,
            b'\t'..=b'\r' | 0x1c..=0x1f => SPACE | SYMBOL,
            b'"' | b'\'' => PREFIX | SUFFIX | QUOTE | BEFORE_STOP | SYMBOL | MARK,
            b'`' => PREFIX | SUFFIX | QUOTE | BEFORE_STOP | SYMBOL,
            b',' | b':' | b';' | b'!' | b'?' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'_' | b'#'
            | b'*' | b'&' => PREFIX | SUFFIX | BEFORE_STOP | SYMBOL | MARK,
            b'<' | b'>' => PREFIX | SUFFIX | BEFORE_STOP | SYMBOL,
            b'%' => PREFIX | BEFORE_STOP | SYMBOL | MARK,
            b'=' => PREFIX | SYMBOL,
            b'$' => PREFIX | CURRENCY | SYMBOL,
            b'-' => BEFORE_STOP | SYMBOL | MARK,
            b'+' | b'|' => BEFORE_STOP | SYMBOL,
            b'.' | b'/' | b'\\' | b'@' => SYMBOL | MARK,
            _ => SYMBOL,
        };
        code += 1;
    }
    table
}

pub(super) fn flags(character: char) -> u16 {
    match ASCII.get(character as usize) {
        Some(&flags) => flags,
        None => beyond_ascii(character),
    }
}

/// The flags of an ASCII byte; 0 for a byte of a longer character.
pub(super) fn byte_flags(byte: u8) -> u16 {
    ASCII.get(usize::from(byte)).copied().unwrap_or(0)
}

fn beyond_ascii(character: char) -> u16 {
    const BRACKET: u16 = PREFIX | SUFFIX | BEFORE_STOP | MARK;
    match character {
        '\u{85}' => SPACE | SYMBOL,
        '\u{80}'..='\u{9f}' => SYMBOL,
        '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}' => SPACE,
        '\u{3000}' => SPACE,
        '“' | '”' | '’' | '„' | '«' | '»' => BRACKET | QUOTE | SYMBOL,
        '‘' | '‚' | '⟦' | '⟧' => BRACKET | QUOTE,
        '´' => PREFIX | SUFFIX | BEFORE_STOP | QUOTE | SYMBOL,
        '—' | '–' => PREFIX | SUFFIX | SYMBOL | MARK,
        '…' => BRACKET | SYMBOL,
        '§' => PREFIX | MARK,
        '¿' | '¡' | '·' => BRACKET,
        '£' | '€' | '¥' | '฿' | '﷼' | '\u{20a0}'..='\u{20bf}' => PREFIX | CURRENCY,
        '²' => BEFORE_STOP,
        '¦' | '©' | '®' | '°' => PREFIX | SUFFIX | ICON,
        '、' | '。' | '，' | '！' | '？' | '；' | '：' => BRACKET | SYMBOL | UNSPACED,
        '「' | '」' | '（' | '）' | '【' | '】' | '《' | '》' | '〈' | '〉' => {
            BRACKET | QUOTE | SYMBOL | UNSPACED
        }
        '『' | '』' | '〔' | '〕' => BRACKET | QUOTE | UNSPACED,
        '～' => PREFIX | SUFFIX | BEFORE_STOP | SYMBOL,
        '؟' | '،' | '؛' | '٪' | '۔' | '।' => {
            BRACKET | if is_sentence_end(character) { SYMBOL } else { 0 }
        }
        '％' | '１' | '［' | '｀' | '．' => SYMBOL,
        '∶' | '━' | '►' => SYMBOL | if character == '∶' { 0 } else { PREFIX | SUFFIX | ICON },
        _ => {
            let letter = letter(character);
            // Most characters are letters, and no letter is a mark.
            if letter != 0 && character.is_alphabetic() { letter } else { letter | mark(character) }
        }
    }
}

fn letter(character: char) -> u16 {
    let cased = || {
        if character.is_uppercase() {
            UPPER
        } else if character.is_lowercase() {
            LOWER | BEFORE_STOP
        } else {
            LETTER | BEFORE_STOP
        }
    };
    match character {
        '×' | '÷' | '\u{1c0}'..='\u{1c3}' => 0,
        '\u{c0}'..='\u{2af}' | '\u{1d00}'..='\u{1d9a}' | '\u{1e00}'..='\u{1eff}' => cased(),
        '\u{386}'..='\u{3ce}' | '\u{400}'..='\u{45f}' | '\u{490}'..='\u{4e9}' => cased(),
        '\u{2c60}'..='\u{2c7f}' | '\u{a722}'..='\u{a7fa}' | '\u{ab30}'..='\u{ab64}' => cased(),
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => cased(),
        // Thai, Lao, Burmese and Khmer; kana and Chinese characters.
        '\u{e01}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => UNSPACED,
        '\u{3001}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => {
            LETTER | BEFORE_STOP | UNSPACED
        }
        '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}' => LETTER | BEFORE_STOP | UNSPACED,
        // Hebrew, Arabic, Indic scripts, Ethiopic, Hangul.
        '\u{591}'..='\u{5f4}' | '\u{620}'..='\u{64a}' | '\u{66e}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => {
            LETTER | BEFORE_STOP
        }
        '\u{900}'..='\u{9ff}' | '\u{b80}'..='\u{cff}' | '\u{d80}'..='\u{dff}' => LETTER | BEFORE_STOP,
        '\u{1100}'..='\u{137f}' | '\u{ac00}'..='\u{d7af}' | '\u{fb1d}'..='\u{fdfb}' => LETTER | BEFORE_STOP,
        '\u{fe70}'..='\u{fefc}' => LETTER | BEFORE_STOP,
        _ => 0,
    }
}

fn mark(character: char) -> u16 {
    let mark = if is_among(&MARKS, character) { MARK } else { 0 };
    let end = if is_sentence_end(character) { MARK | SYMBOL } else { 0 };
    let icon = if is_among(&ICONS, character) { PREFIX | SUFFIX | ICON } else { 0 };
    mark | end | icon
}

/// Whether a character ends sentences in some script: Unicode's property `Sentence_Terminal`, and three Khmer marks. Used by
/// FineWeb's line rule and by sentence counts.
pub fn is_sentence_end(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, '.' | '!' | '?');
    }
    is_among(&SENTENCE_ENDS, character)
}

static SENTENCE_ENDS: LazyLock<Vec<ClassUnicodeRange>> =
    LazyLock::new(|| ranges(r"[\p{Sentence_Terminal}\u{17d6}\u{17d9}\u{17da}]"));
static MARKS: LazyLock<Vec<ClassUnicodeRange>> = LazyLock::new(|| ranges(r"\p{Punctuation}"));
static ICONS: LazyLock<Vec<ClassUnicodeRange>> = LazyLock::new(|| ranges(r"\p{Other_Symbol}"));

/// The ranges of a character class, in order.
fn ranges(class: &str) -> Vec<ClassUnicodeRange> {
    // Anything else would be a bug of the library, which a test would show.
    let Ok(HirKind::Class(Class::Unicode(class))) = regex_syntax::parse(class).map(Hir::into_kind) else {
        return Vec::new();
    };
    class.ranges().to_vec()
}

fn is_among(ranges: &[ClassUnicodeRange], character: char) -> bool {
    let at = ranges.partition_point(|range| range.end() < character);
    ranges.get(at).is_some_and(|range| range.start() <= character)
}
