//! What a character means to the word splitter and to the rules that count punctuation.
//!
//! One set of flags a character, looked up in a table for ASCII: the splitter asks for several of them at each end of a word.

/// Stands alone when a word begins with it.
pub(super) const PREFIX: u16 = 1;
/// Stands alone when a word ends with it.
pub(super) const SUFFIX: u16 = 2;
/// A lower-case letter, or one of a script without case.
pub(super) const LOWER: u16 = 4;
/// An upper-case letter, or one of a script without case.
pub(super) const UPPER: u16 = 8;
/// A letter.
pub(super) const LETTER: u16 = LOWER | UPPER;
/// A pictograph: stands alone wherever it is.
pub(super) const ICON: u16 = 16;
/// A quotation mark.
pub(super) const QUOTE: u16 = 32;
/// One of the ten ASCII digits.
pub(super) const DIGIT: u16 = 64;
/// After it a final full stop is a word of its own.
pub(super) const BEFORE_STOP: u16 = 128;
/// A currency sign.
pub(super) const CURRENCY: u16 = 256;
/// Counted as punctuation by Gopher's and FineWeb's rules.
pub(super) const SYMBOL: u16 = 512;
/// Unicode's general category P.
pub(super) const MARK: u16 = 1024;
/// White space.
pub(super) const SPACE: u16 = 2048;
/// Of a script written without spaces between words.
pub(super) const UNSPACED: u16 = 4096;

/// The flags of the ASCII characters.
static ASCII: [u16; 128] = ascii();

const fn ascii() -> [u16; 128] {
    let mut table = [0; 128];
    let mut code = 0;
    while code < 128 {
        table[code] = match code as u8 {
            b'a'..=b'z' => LOWER | BEFORE_STOP,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT | BEFORE_STOP,
            // The four separators of ASCII are white space to Python, and so to the rules' published counts.
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

/// The flags of a character.
pub(super) fn flags(character: char) -> u16 {
    match ASCII.get(character as usize) {
        Some(&flags) => flags,
        None => beyond_ascii(character),
    }
}

/// The flags of an ASCII byte; none for a byte of a longer character.
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
        _ => letter(character) | mark(character) | icon(character),
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
        // Thai, Lao, Burmese and Khmer; kana, and the characters of Chinese.
        '\u{e01}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => UNSPACED,
        '\u{3001}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => {
            LETTER | BEFORE_STOP | UNSPACED
        }
        '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}' => LETTER | BEFORE_STOP | UNSPACED,
        // Hebrew, Arabic, the scripts of India and Ethiopia, Hangul.
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
    let mark = match character {
        '¶' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{205e}' => MARK,
        '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' => MARK,
        '\u{2e00}'..='\u{2e5d}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' => MARK,
        '\u{37e}' | '\u{387}' | '\u{55a}'..='\u{55f}' | '\u{5be}' | '\u{5f3}' | '\u{5f4}' => MARK,
        _ => 0,
    };
    if is_sentence_end(character) { mark | MARK | SYMBOL } else { mark }
}

fn icon(character: char) -> u16 {
    let icon = match character {
        // Symbols among arrows and operators which mathematics claims are written inside formulas, not alone.
        '\u{2107}'
        | '\u{211b}'..='\u{211d}'
        | '\u{2118}'
        | '\u{2190}'..='\u{2194}'
        | '\u{21d2}'
        | '\u{21d4}' => false,
        '\u{25b7}' | '\u{25c1}' | '\u{25f8}'..='\u{25ff}' | '\u{266f}' | '\u{1f3fb}'..='\u{1f3ff}' => false,
        '\u{2100}'
        | '\u{2101}'
        | '\u{2103}'..='\u{2106}'
        | '\u{2116}'
        | '\u{2117}'
        | '\u{211e}'..='\u{2123}' => true,
        '\u{2195}'..='\u{21f3}'
        | '\u{2300}'..='\u{2307}'
        | '\u{230c}'..='\u{2328}'
        | '\u{232b}'..='\u{2426}' => true,
        '\u{249c}'..='\u{24e9}'
        | '\u{2500}'..='\u{2767}'
        | '\u{2794}'..='\u{27bf}'
        | '\u{2800}'..='\u{28ff}' => true,
        '\u{2b00}'..='\u{2bfe}' | '\u{2e80}'..='\u{2fd5}' | '\u{fffc}' | '\u{fffd}' | '\u{482}' => true,
        '\u{1d100}'..='\u{1d1e8}' | '\u{1f000}'..='\u{1fa6d}' => true,
        _ => false,
    };
    if icon { PREFIX | SUFFIX | ICON } else { 0 }
}

/// Whether a character ends sentences in some script: Unicode's property `Sentence_Terminal`, with the interrobang and the
/// doubled marks. FineWeb's line rule asks for these, and so do sentence counts.
pub fn is_sentence_end(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, '.' | '!' | '?');
    }
    SENTENCE_ENDS
        .binary_search_by(|&(first, last)| {
            if character < first {
                std::cmp::Ordering::Greater
            } else if character > last {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// Ranges beyond ASCII, in order.
static SENTENCE_ENDS: [(char, char); 79] = [
    ('\u{589}', '\u{589}'),
    ('\u{61d}', '\u{61f}'),
    ('\u{6d4}', '\u{6d4}'),
    ('\u{700}', '\u{702}'),
    ('\u{7f9}', '\u{7f9}'),
    ('\u{837}', '\u{837}'),
    ('\u{839}', '\u{839}'),
    ('\u{83d}', '\u{83e}'),
    ('\u{964}', '\u{965}'),
    ('\u{104a}', '\u{104b}'),
    ('\u{1362}', '\u{1362}'),
    ('\u{1367}', '\u{1368}'),
    ('\u{166e}', '\u{166e}'),
    ('\u{1735}', '\u{1736}'),
    ('\u{17d4}', '\u{17d6}'),
    ('\u{17d9}', '\u{17da}'),
    ('\u{1803}', '\u{1803}'),
    ('\u{1809}', '\u{1809}'),
    ('\u{1944}', '\u{1945}'),
    ('\u{1aa8}', '\u{1aab}'),
    ('\u{1b5a}', '\u{1b5b}'),
    ('\u{1b5e}', '\u{1b5f}'),
    ('\u{1b7d}', '\u{1b7e}'),
    ('\u{1c3b}', '\u{1c3c}'),
    ('\u{1c7e}', '\u{1c7f}'),
    ('\u{203c}', '\u{203d}'),
    ('\u{2047}', '\u{2049}'),
    ('\u{2e2e}', '\u{2e2e}'),
    ('\u{2e3c}', '\u{2e3c}'),
    ('\u{2e53}', '\u{2e54}'),
    ('\u{3002}', '\u{3002}'),
    ('\u{a4ff}', '\u{a4ff}'),
    ('\u{a60e}', '\u{a60f}'),
    ('\u{a6f3}', '\u{a6f3}'),
    ('\u{a6f7}', '\u{a6f7}'),
    ('\u{a876}', '\u{a877}'),
    ('\u{a8ce}', '\u{a8cf}'),
    ('\u{a92f}', '\u{a92f}'),
    ('\u{a9c8}', '\u{a9c9}'),
    ('\u{aa5d}', '\u{aa5f}'),
    ('\u{aaf0}', '\u{aaf1}'),
    ('\u{abeb}', '\u{abeb}'),
    ('\u{fe52}', '\u{fe52}'),
    ('\u{fe56}', '\u{fe57}'),
    ('\u{ff01}', '\u{ff01}'),
    ('\u{ff0e}', '\u{ff0e}'),
    ('\u{ff1f}', '\u{ff1f}'),
    ('\u{ff61}', '\u{ff61}'),
    ('\u{10a56}', '\u{10a57}'),
    ('\u{10f55}', '\u{10f59}'),
    ('\u{10f86}', '\u{10f89}'),
    ('\u{11047}', '\u{11048}'),
    ('\u{110be}', '\u{110c1}'),
    ('\u{11141}', '\u{11143}'),
    ('\u{111c5}', '\u{111c6}'),
    ('\u{111cd}', '\u{111cd}'),
    ('\u{111de}', '\u{111df}'),
    ('\u{11238}', '\u{11239}'),
    ('\u{1123b}', '\u{1123c}'),
    ('\u{112a9}', '\u{112a9}'),
    ('\u{1144b}', '\u{1144c}'),
    ('\u{115c2}', '\u{115c3}'),
    ('\u{115c9}', '\u{115d7}'),
    ('\u{11641}', '\u{11642}'),
    ('\u{1173c}', '\u{1173e}'),
    ('\u{11944}', '\u{11944}'),
    ('\u{11946}', '\u{11946}'),
    ('\u{11a42}', '\u{11a43}'),
    ('\u{11a9b}', '\u{11a9c}'),
    ('\u{11c41}', '\u{11c42}'),
    ('\u{11ef7}', '\u{11ef8}'),
    ('\u{11f43}', '\u{11f44}'),
    ('\u{16a6e}', '\u{16a6f}'),
    ('\u{16af5}', '\u{16af5}'),
    ('\u{16b37}', '\u{16b38}'),
    ('\u{16b44}', '\u{16b44}'),
    ('\u{16e98}', '\u{16e98}'),
    ('\u{1bc9f}', '\u{1bc9f}'),
    ('\u{1da88}', '\u{1da88}'),
];
