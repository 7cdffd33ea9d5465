//! What the codes of a font's characters mean: the encodings that PDF names, the names of glyphs, and tables to Unicode.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::objects::{Object, Reader};

/// Characters that one code may stand for.
const LONGEST: usize = 8;

/// The character of a code in an encoding that PDF names, Windows' where it is unknown.
pub(super) fn encoded(encoding: &str, code: u8) -> Option<char> {
    let by = |encoding: &'static encoding_rs::Encoding| {
        encoding
            .decode_without_bom_handling(&[code])
            .0
            .chars()
            .next()
            .filter(|character| !character.is_control())
    };
    match encoding {
        "MacRomanEncoding" => by(encoding_rs::MACINTOSH),
        "StandardEncoding" => standard(code),
        // A bullet stands for codes that Windows leaves open.
        _ => by(encoding_rs::WINDOWS_1252).or((code > 0x7E).then_some('•')),
    }
}

/// Adobe's standard encoding: ASCII but for two quotation marks, and an upper half of its own.
fn standard(code: u8) -> Option<char> {
    const UPPER: &str = "¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ\0–†‡·\0¶•‚„”»…‰\0¿\0`´ˆ˜¯˘˙¨\0˚¸\0˝˛ˇ—";
    match code {
        b'\'' => Some('’'),
        b'`' => Some('‘'),
        0x20..=0x7E => Some(char::from(code)),
        0xA1..=0xD0 => UPPER.chars().nth(usize::from(code) - 0xA1).filter(|&character| character != '\0'),
        0xE1 => Some('Æ'),
        0xE3 => Some('ª'),
        0xE8 => Some('Ł'),
        0xE9 => Some('Ø'),
        0xEA => Some('Œ'),
        0xEB => Some('º'),
        0xF1 => Some('æ'),
        0xF5 => Some('ı'),
        0xF8 => Some('ł'),
        0xF9 => Some('ø'),
        0xFA => Some('œ'),
        0xFB => Some('ß'),
        _ => None,
    }
}

/// Names of glyphs, in pairs with their characters, that follow from no rule: those of Adobe's glyph list that text is made of.
const NAMES: &str = "space \u{20} exclam ! quotedbl \" numbersign # dollar $ percent % ampersand & quotesingle ' parenleft ( parenright ) \
    asterisk * plus + comma , hyphen - minus − period . slash / zero 0 one 1 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8 nine 9 \
    colon : semicolon ; less < equal = greater > question ? at @ bracketleft [ backslash \\ bracketright ] asciicircum ^ underscore _ \
    grave ` braceleft { bar | braceright } asciitilde ~ exclamdown ¡ cent ¢ sterling £ currency ¤ yen ¥ brokenbar ¦ section § dieresis ¨ \
    copyright © ordfeminine ª guillemotleft « guillemotright » logicalnot ¬ registered ® macron ¯ degree ° plusminus ± twosuperior ² \
    threesuperior ³ acute ´ mu µ paragraph ¶ periodcentered · cedilla ¸ onesuperior ¹ ordmasculine º onequarter ¼ onehalf ½ \
    threequarters ¾ questiondown ¿ AE Æ Eth Ð multiply × Oslash Ø Thorn Þ germandbls ß ae æ eth ð divide ÷ oslash ø thorn þ dotlessi ı \
    Lslash Ł lslash ł OE Œ oe œ Dcroat Đ dcroat đ florin ƒ circumflex ˆ caron ˇ breve ˘ dotaccent ˙ ring ˚ ogonek ˛ tilde ˜ \
    hungarumlaut ˝ endash – emdash — quoteleft ‘ quoteright ’ quotesinglbase ‚ quotedblleft “ quotedblright ” quotedblbase „ dagger † \
    daggerdbl ‡ bullet • ellipsis … perthousand ‰ guilsinglleft ‹ guilsinglright › fraction ⁄ Euro € trademark ™ partialdiff ∂ Delta Δ \
    product ∏ summation ∑ radical √ infinity ∞ integral ∫ approxequal ≈ notequal ≠ lessequal ≤ greaterequal ≥ lozenge ◊ fi fi fl fl ff ff \
    ffi ffi ffl ffl Alpha Α Beta Β Gamma Γ Epsilon Ε Zeta Ζ Eta Η Theta Θ Iota Ι Kappa Κ Lambda Λ Mu Μ Nu Ν Xi Ξ Omicron Ο Pi Π Rho Ρ \
    Sigma Σ Tau Τ Upsilon Υ Phi Φ Chi Χ Psi Ψ Omega Ω alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ \
    nu ν xi ξ omicron ο pi π rho ρ sigma σ sigma1 ς tau τ upsilon υ phi φ chi χ psi ψ omega ω arrowright → arrowleft ← arrowup ↑ \
    arrowdown ↓ element ∈ universal ∀ existential ∃ emptyset ∅ intersection ∩ union ∪ similar ∼ congruent ≅ equivalence ≡ proportional ∝ \
    angle ∠ perpendicular ⊥ therefore ∴ asteriskmath ∗ nbspace \u{A0} sfthyphen \u{AD} visiblespace \u{20} nonbreakingspace \u{A0}";

/// Accents that names of letters end in, as the characters that combine with the letter.
const ACCENTS: [(&str, char); 14] = [
    ("acute", '\u{301}'),
    ("grave", '\u{300}'),
    ("circumflex", '\u{302}'),
    ("dieresis", '\u{308}'),
    ("tilde", '\u{303}'),
    ("ring", '\u{30A}'),
    ("caron", '\u{30C}'),
    ("cedilla", '\u{327}'),
    ("ogonek", '\u{328}'),
    ("macron", '\u{304}'),
    ("breve", '\u{306}'),
    ("dotaccent", '\u{307}'),
    ("hungarumlaut", '\u{30B}'),
    ("commaaccent", '\u{326}'),
];

/// What a glyph's name says that it shows: `eacute`, `f_f_i`, `uni20AC`, `one.oldstyle`.
pub(super) fn named(name: &str) -> Option<String> {
    let name = name.split('.').next().filter(|name| !name.is_empty() && name.len() <= 64)?;
    if name.contains('_') {
        return name.split('_').map(named_part).collect::<Option<Vec<_>>>().map(|parts| parts.concat());
    }
    named_part(name)
}

fn named_part(name: &str) -> Option<String> {
    let mut letters = name.chars();
    let first = letters.next()?;
    if letters.as_str().is_empty() {
        return Some(name.to_owned());
    }
    // Pairs are parted by single spaces; the space's own character is one of the few that would be lost by splitting at all of
    // them.
    if matches!(name, "space" | "visiblespace") {
        return Some(" ".to_owned());
    }
    let mut words = NAMES.split(' ').filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word == "space" || word == "visiblespace" {
            continue;
        }
        let shown = words.next()?;
        if word == name {
            return Some(shown.to_owned());
        }
    }
    if let Some((_, accent)) = ACCENTS.iter().find(|(accent, _)| *accent == letters.as_str()) {
        return Some([first, *accent].into_iter().nfc().collect());
    }
    let digits = name
        .strip_prefix("uni")
        .or_else(|| name.strip_prefix('u'))
        .filter(|digits| (4..=6).contains(&digits.len()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(String::from)
}

/// A table from codes to Unicode, as fonts bring along.
#[derive(Default)]
pub(super) struct ToUnicode {
    /// First and last code, and what the first stands for in UTF-16; by first code.
    ranges: BTreeMap<u32, (u32, Vec<u16>)>,
}

impl ToUnicode {
    /// Reads a table.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut table = Self::default();
        let mut reader = Reader::of_content(bytes);
        while let Some(object) = reader.object() {
            if object.is_word(b"beginbfchar") {
                while let (Some(Object::Text(code)), Some(Object::Text(shown))) =
                    (reader.object(), reader.object())
                {
                    table.insert(&code, &code, &shown);
                }
            } else if object.is_word(b"beginbfrange") {
                table.read_ranges(&mut reader);
            }
        }
        table
    }

    fn read_ranges(&mut self, reader: &mut Reader<'_>) {
        while let (Some(Object::Text(first)), Some(Object::Text(last))) = (reader.object(), reader.object()) {
            match reader.object() {
                Some(Object::Text(shown)) => self.insert(&first, &last, &shown),
                Some(Object::Array(shown)) => {
                    let start = code_of(&first);
                    for (index, shown) in shown.iter().enumerate() {
                        if let (Object::Text(shown), Ok(index)) = (shown, u32::try_from(index)) {
                            let code = start.saturating_add(index).to_be_bytes();
                            self.insert(&code, &code, shown);
                        }
                    }
                }
                _ => return,
            }
        }
    }

    fn insert(&mut self, first: &[u8], last: &[u8], shown: &[u8]) {
        let units = match shown {
            [byte] => vec![u16::from(*byte)],
            _ => shown
                .chunks_exact(2)
                .take(LONGEST)
                .map(|pair| pair.iter().fold(0, |unit, &byte| unit << 8 | u16::from(byte)))
                .collect(),
        };
        let (first, last) = (code_of(first), code_of(last));
        if first <= last && !units.is_empty() {
            self.ranges.insert(first, (last, units));
        }
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds what a code stands for; whether anything.
    pub(super) fn write(&self, code: u32, text: &mut String) -> bool {
        let Some((first, (last, units))) = self.ranges.range(..=code).next_back() else { return false };
        if code > *last {
            return false;
        }
        let mut units = units.clone();
        if let (Some(unit), Ok(offset)) = (units.last_mut(), u16::try_from(code - first)) {
            *unit = unit.wrapping_add(offset);
        }
        let before = text.len();
        text.extend(
            char::decode_utf16(units).filter_map(Result::ok).filter(|character| !character.is_control()),
        );
        text.len() > before
    }
}

/// The code that a string of up to four bytes is.
fn code_of(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |code, &byte| code << 8 | u32::from(byte))
}
