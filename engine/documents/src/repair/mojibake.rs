//! Repairs UTF-8 that was decoded as Latin-1 or Windows-1252: `Ã©` for `é`, `â€™` for `’`, `ä¸­` for `中`; or, in longer runs, as
//! Windows-1250 or Windows-1251.
//!
//! A sequence is decoded if its characters, encoded as Windows-1252 (Latin-1 for bytes undefined there, as in the WHATWG
//! decoder), are one UTF-8 character, and if it is implausible as text: [`is_implausible`] judges by the kinds of characters,
//! after ftfy's observation (Speer 2019) that mojibake mixes accented capitals with symbols. Plausible sequences (`É”` ends a
//! quotation) are decoded only in texts with several implausible ones.

use std::borrow::Cow;

/// The characters of Windows-1252 from 0x80 to 0x9F; undefined bytes map to themselves.
const UPPER: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Number of implausible sequences from which plausible ones are decoded too.
const EVIDENCE: usize = 2;

/// Maximum number of accidental misdecodings. A text that needs more is considered adversarial and left unchanged.
const DEPTH: usize = 12;

/// Decodes mojibake, even if misdecoded several times, and adds the number of resulting characters to `count`; `None` if there
/// is none.
pub(super) fn decode(text: &str, count: &mut u64) -> Option<String> {
    let mut made = 0;
    let mut result = decode_once(text, &mut made)?;
    for _ in 1..DEPTH {
        let Some(better) = decode_once(&result, &mut made) else {
            *count += made;
            return Some(result);
        };
        result = better;
    }
    None
}

/// Reads control characters from 0x80 on as the bytes of Windows-1252 that they are, as in `\u{93}so\u{94}`; `None` if there are
/// none. The control for a line end counts only next to others.
pub(super) fn read_controls(text: &str, count: &mut u64) -> Option<String> {
    let is_byte = |letter: &char| matches!(letter, '\u{80}'..='\u{9F}') && read(*letter) != *letter;
    // Their first byte in UTF-8.
    memchr::memchr(0xC2, text.as_bytes())?;
    let found = text.chars().filter(is_byte).count();
    if text.chars().filter(is_byte).all(|letter| letter == '\u{85}') {
        return None;
    }
    *count += found as u64;
    Some(text.chars().map(read).collect())
}

/// The character of Windows-1252 for a control.
fn read(letter: char) -> char {
    let place = u32::from(letter).checked_sub(0x80).and_then(|place| UPPER.chars().nth(place as usize));
    place.unwrap_or(letter)
}

/// Another code page as which UTF-8 is read.
struct CodePage {
    /// Characters of the bytes from 0x80 to 0xBF.
    upper: &'static str,
    /// Characters that start a sequence, and their bytes.
    leads: (&'static str, &'static [u8]),
    /// Quotation marks and others that nobody writes; evidence for a text whose other letters are all in sequences or ASCII. In a text with
    /// others, only they were misread, as in a quoted comment.
    signs: &'static [&'static str],
    /// Whether a capital after a small letter and a sign before one are evidence, too.
    has_latin: bool,
}

/// Adjacent sequences that are no coincidence.
const RUN: usize = 3;

const CYRILLIC: CodePage = CodePage {
    upper: "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\u{A0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{AD}®Ї°±Ііґµ¶·ё№є»јЅѕї",
    leads: (
        "ВГДЕЖРСбвгдежзийклмнп",
        b"\xC2\xC3\xC4\xC5\xC6\xD0\xD1\xE1\xE2\xE3\xE4\xE5\xE6\xE7\xE8\xE9\xEA\xEB\xEC\xED\xEF",
    ),
    signs: &["вЂ™", "вЂњ", "вЂќ", "вЂћ", "вЂ”", "вЂ“", "в‚¬"],
    has_latin: false,
};

const CENTRAL_EUROPEAN: CodePage = CodePage {
    upper: "€\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź\u{A0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{AD}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż",
    leads: ("ÂĂÄĹČÎĎĐŃâ", b"\xC2\xC3\xC4\xC5\xC8\xCE\xCF\xD0\xD1\xE2"),
    // The others are also those of Windows-1252.
    signs: &["â€ś", "â€ť"],
    has_latin: true,
};

/// Decodes UTF-8 that was read as Windows-1251 or Windows-1250: `РџСЂРё` for `При`, `ZaĹĽĂłĹ‚Ä‡` for `Zażółć`.
pub(super) fn decode_other(text: &str, count: &mut u64) -> Option<String> {
    let has = |letter: &str| memchr::memmem::find(text.as_bytes(), letter.as_bytes()).is_some();
    // Almost every word has one of these: `а`, `е` and `и`; the letters of Vietnamese; the full stop, `的`, `の` and `다`.
    let cyrillic = ["Р°", "Рµ", "Рё", "бє", "б»", "гЂ‚", "зљ„", "гЃ®", "л‹¤"].as_slice();
    let central = ["Ă", "Ĺ", "Ď", "Đ", "Ń", "Č™", "Č›"].as_slice();
    let pages = [(&CYRILLIC, cyrillic), (&CENTRAL_EUROPEAN, central)];
    let is_likely =
        |page: &CodePage, letters: &[&str]| letters.iter().chain(page.signs).any(|letters| has(letters));
    pages
        .into_iter()
        .filter(|(page, letters)| is_likely(page, letters))
        .find_map(|(page, _)| page.decode(text, count))
}

impl CodePage {
    fn decode(&self, text: &str, count: &mut u64) -> Option<String> {
        let (mut result, mut rest) = (String::with_capacity(text.len()), text);
        let (mut before, mut run, mut found, mut certain) = (None, 0, 0, 0);
        let (mut is_signed, mut is_mixed) = (false, false);
        while let Some(letter) = rest.chars().next() {
            if let Some((character, behind)) = self.sequence(rest) {
                (run, found) = (run + 1, found + 1);
                // A capital after a small letter, or with a sign before one, as in `Č™i`.
                let is_in_word = self.has_latin && char::is_lowercase(before.unwrap_or(' '));
                let is_sign = |sign: char| !sign.is_alphanumeric() && !is_punctuation(sign);
                let has_sign = self.has_latin
                    && behind.starts_with(char::is_lowercase)
                    && rest.chars().nth(1).is_some_and(is_sign);
                // Nobody writes Cyrillic within a Latin word.
                let is_in_latin = matches!(character, '\u{1E00}'..='\u{1EFF}')
                    && (before.is_some_and(|before| before.is_ascii_alphabetic())
                        || behind.starts_with(|after: char| after.is_ascii_alphabetic()));
                let is_run = run == if is_wide(character) { 2 } else { RUN };
                is_signed |= self.signs.iter().any(|sign| rest.starts_with(sign));
                certain +=
                    usize::from(is_in_word || is_in_latin) + if is_run || has_sign { EVIDENCE } else { 0 };
                result.push(character);
                (before, rest) = (Some(character), behind);
            } else {
                run = 0;
                is_mixed |= letter.is_alphabetic() && !letter.is_ascii();
                result.push(letter);
                (before, rest) = (Some(letter), rest.get(letter.len_utf8()..)?);
            }
        }
        if is_mixed && found > 0 && text.trim_end().contains('\n') {
            return by_paragraph(text, |paragraph| self.decode(paragraph, count));
        }
        let is_certain = certain >= EVIDENCE || is_signed && !is_mixed;
        *count += if is_certain { found } else { 0 };
        is_certain.then_some(result)
    }

    /// The character of the sequence at the start, and the text after it.
    fn sequence<'t>(&self, text: &'t str) -> Option<(char, &'t str)> {
        let mut letters = text.chars();
        let lead = letters.next()?;
        let lead = self.leads.1.get(self.leads.0.chars().position(|letter| letter == lead)?)?;
        let mut bytes = vec![*lead];
        for _ in 0..if *lead < 0xE0 { 1 } else { 2 } {
            let next = letters.next()?;
            bytes.push(0x80 + u8::try_from(self.upper.chars().position(|upper| upper == next)?).ok()?);
        }
        let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
        let is_meant = matches!(
            character,
            '\u{A0}'..='\u{17F}' | 'Ơ'..='ư' | 'Ș'..='ț' | '\u{370}'..='\u{47F}' | '\u{1E00}'..='\u{1EFF}' | '\u{2010}'..='\u{203A}' | '€' | '№' | '™'
                | '\u{3000}'..='\u{303F}' | '\u{FF01}'..='\u{FF5E}'
        ) || is_wide(character);
        is_meant.then_some((character, letters.as_str()))
    }
}

/// Reverts the last misdecoding.
fn decode_once(text: &str, count: &mut u64) -> Option<String> {
    let (mut certain, mut likely, mut end, mut is_mixed) = (0, 0, 0, false);
    for found in Sequences::new(text) {
        if found.implausible {
            certain += 1;
        } else {
            likely += 1;
        }
        is_mixed |= has_others(text.get(end..found.start)?);
        end = found.end;
    }
    if certain == 0 {
        return None;
    }
    if likely > 0 && text.trim_end().contains('\n') && (is_mixed || has_others(text.get(end..)?)) {
        return by_paragraph(text, |paragraph| decode_once(paragraph, count));
    }
    let all = certain >= EVIDENCE;
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for found in Sequences::new(text).filter(|found| all || found.implausible) {
        result.push_str(text.get(copied..found.start)?);
        result.push(found.character);
        copied = found.end;
    }
    result.push_str(text.get(copied..)?);
    *count += certain as u64 + if all { likely } else { 0 };
    Some(result)
}

/// Whether there are characters beyond ASCII that were not misread. What remains of `”` without its control is misread, too.
fn has_others(text: &str) -> bool {
    text.chars().any(|letter| !letter.is_ascii() && !"â€\u{A0}".contains(letter))
}

/// In a text with other letters, as a page with a misread comment, each paragraph speaks only for itself.
fn by_paragraph(text: &str, mut decode: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let mut is_any = false;
    let read: String = text
        .split_inclusive('\n')
        .map(|paragraph| {
            let read = decode(paragraph);
            is_any |= read.is_some();
            read.map_or(Cow::Borrowed(paragraph), Cow::Owned)
        })
        .collect();
    is_any.then_some(read)
}

/// A run of characters whose bytes are one UTF-8 character.
struct Sequence {
    /// Start in bytes.
    start: usize,
    end: usize,
    character: char,
    /// Whether nobody would write it.
    implausible: bool,
}

/// All sequences of a text from left to right.
struct Sequences<'a> {
    text: &'a str,
    position: usize,
    /// End of the last sequence, and the number of adjacent sequences up to there.
    chain: (usize, usize),
}

impl<'a> Sequences<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, position: 0, chain: (usize::MAX, 0) }
    }

    fn sequence_at(&self, start: usize) -> Option<Sequence> {
        let mut characters = self.text.get(start..)?.chars();
        let lead = characters.next()?;
        if lead == 'Ã' && characters.as_str().starts_with(' ') {
            return self.a_grave(start, characters.as_str());
        }
        let length = match byte_of(lead)? {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return None,
        };
        let mut bytes = [byte_of(lead)?, 0, 0, 0];
        let mut end = start + lead.len_utf8();
        let (mut strange, mut unwritten) = (false, false);
        for slot in bytes.get_mut(1..length)? {
            let character = characters.next()?;
            *slot = byte_of(character)?;
            end += character.len_utf8();
            strange |= !is_punctuation(character);
            unwritten |= is_unwritten(character);
        }
        let character = std::str::from_utf8(bytes.get(..length)?).ok()?.chars().next()?;
        if matches!(character, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..) {
            return None;
        }
        let before = self.text.get(..start)?.chars().next_back();
        let second = self.text.get(start + lead.len_utf8()..)?.chars().next()?;
        let after = characters.next();
        let implausible = is_implausible(before, second, character, strange)
            || unwritten
            || is_in_word(before, lead, second, character, after);
        Some(Sequence { start, end, character, implausible })
    }

    /// An `à` whose second half, a no-break space, was replaced by a space, which `rest` starts with. If a second space
    /// follows, one of the two was that half.
    fn a_grave(&self, start: usize, rest: &str) -> Option<Sequence> {
        let before = self.text.get(..start)?.chars().next_back();
        if before.is_some_and(|before| before.is_alphabetic() && !before.is_lowercase()) {
            return None;
        }
        let end = start + 'Ã'.len_utf8() + usize::from(rest.starts_with("  "));
        let implausible = before.is_some_and(char::is_lowercase);
        Some(Sequence { start, end, character: 'à', implausible })
    }

    fn followers(&self, mut position: usize) -> usize {
        let mut count = 0;
        while count < 3 {
            let Some(next) = self.sequence_at(position) else { break };
            position = next.end;
            count += 1;
        }
        count
    }
}

impl Iterator for Sequences<'_> {
    type Item = Sequence;

    fn next(&mut self) -> Option<Sequence> {
        let bytes = self.text.as_bytes();
        loop {
            // All possible lead characters, `Â` to `ô`, have this first byte.
            let start = self.position + memchr::memchr(0xC3, bytes.get(self.position..)?)?;
            self.position = start + 2;
            if !bytes.get(start + 1).is_some_and(|byte| (0x82..=0xB4).contains(byte)) {
                continue;
            }
            let Some(mut found) = self.sequence_at(start) else { continue };
            self.position = found.end;
            // Three adjacent sequences, as in `Ð¿Ñ€Ð¸`, or two of Chinese, as in `æ–‡å­—`, are no coincidence.
            let run = if self.chain.0 == start { self.chain.1 + 1 } else { 1 };
            self.chain = (found.end, run);
            let least = if is_wide(found.character) { 2 } else { 3 };
            found.implausible |= run >= least || run + self.followers(found.end) >= least;
            return Some(found);
        }
    }
}

/// Whether nobody would write this sequence, given the character before it, its second character, its decoded form, and whether
/// it contains a character other than common punctuation.
fn is_implausible(before: Option<char>, second: char, decoded: char, strange: bool) -> bool {
    match decoded {
        // `Â` and `Ã` before a symbol. After a capital they may end a word in capitals before a mark: `MAÇÃ®`.
        '\u{80}'..='\u{FF}' => {
            let marked = matches!(second, '®' | '©' | '™' | '²' | '³' | '¹' | 'º' | 'ª');
            strange && !(marked && before.is_some_and(char::is_uppercase))
        }
        // Punctuation, currency, letterlike and other signs: `â€”`, `â‚¬`, `â„¢`, and a byte order mark.
        '\u{2000}'..='\u{2BFF}' | '\u{FEFF}' => strange,
        // Emoji and related: `ðŸ˜€`.
        '\u{1F000}'..='\u{1FAFF}' => strange,
        _ => false,
    }
}

/// Whether a Latin letter was misdecoded where no capital can be: after a small letter (`CitroÃ«n`, `voilÃ\u{A0}`), or with a
/// sign inside a word (`Ä°stanbul`, `Ã«shtÃ«`).
fn is_in_word(before: Option<char>, lead: char, second: char, decoded: char, after: Option<char>) -> bool {
    if !matches!(lead, 'Ã'..='Å' | 'È') || !matches!(decoded, '\u{C0}'..='\u{17F}' | 'Ș'..='ț') {
        return false;
    }
    let goes_on = after.is_some_and(char::is_alphabetic);
    let begins = !before.is_some_and(char::is_alphabetic);
    let marks = matches!(second, '®' | '©' | '™' | '²' | '³' | '¹' | 'º' | 'ª');
    before.is_some_and(char::is_lowercase)
        || (decoded == 'à' && begins)
        || (after.is_some_and(char::is_lowercase) && !matches!(second, '–' | '—' | '…' | '\u{A0}'))
        || (decoded > '\u{FF}' && !is_punctuation(second) && (goes_on || !marks))
}

/// Whether nobody writes this character of the upper half within text: a control, a soft hyphen, or a sign for typewriters.
fn is_unwritten(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{9F}') || "\u{AD}ˆ˜¸¯¨¬¦¤".contains(character)
}

/// Whether it is Chinese, Japanese or Korean.
fn is_wide(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Whether a character of the upper half of Windows-1252 occurs next to words in ordinary text, so that a capital letter before
/// it is no evidence.
fn is_punctuation(character: char) -> bool {
    "‘’“”‚„‹›«»–—…·\u{A0}".contains(character)
}

/// The byte of a character, from 0x80 on, in Windows-1252, or in Latin-1 for bytes undefined there.
fn byte_of(character: char) -> Option<u8> {
    match character {
        '\u{80}'..='\u{FF}' => u8::try_from(character).ok(),
        _ => UPPER.chars().position(|upper| upper == character).map(|at| 0x80 + at as u8),
    }
}
