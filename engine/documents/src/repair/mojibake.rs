//! Repairs UTF-8 that was decoded as Latin-1 or Windows-1252: `Ã©` for `é`, `â€™` for `’`, `ä¸­` for `中`.
//!
//! A sequence is decoded if its characters, encoded as Windows-1252 (Latin-1 for bytes undefined there, as in the WHATWG
//! decoder), are one UTF-8 character, and if it is implausible as text: [`is_implausible`] judges by the kinds of characters,
//! after ftfy's observation (Speer 2019) that mojibake mixes accented capitals with symbols. Plausible sequences (`É”` ends a
//! quotation) are decoded only in texts with several implausible ones.

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

/// Reverts the last misdecoding.
fn decode_once(text: &str, count: &mut u64) -> Option<String> {
    let mut certain = 0;
    let mut likely = 0;
    for found in Sequences::new(text) {
        if found.implausible {
            certain += 1;
        } else {
            likely += 1;
        }
    }
    if certain == 0 {
        return None;
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
        let mut strange = false;
        for slot in bytes.get_mut(1..length)? {
            let character = characters.next()?;
            *slot = byte_of(character)?;
            end += character.len_utf8();
            strange |= !is_punctuation(character);
        }
        let character = std::str::from_utf8(bytes.get(..length)?).ok()?.chars().next()?;
        if matches!(character, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..) {
            return None;
        }
        let before = self.text.get(..start)?.chars().next_back();
        let second = self.text.get(start + lead.len_utf8()..)?.chars().next()?;
        let after = characters.next();
        let implausible = is_implausible(before, second, character, strange)
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
            // Three adjacent sequences, as in `Ð¿Ñ€Ð¸` or `ä¸­æ–‡å­—`, are no coincidence.
            let run = if self.chain.0 == start { self.chain.1 + 1 } else { 1 };
            self.chain = (found.end, run);
            found.implausible = found.implausible || run >= 3 || run + self.followers(found.end) >= 3;
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
    if !matches!(lead, 'Ã'..='Å') || !matches!(decoded, '\u{C0}'..='\u{17F}') {
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

/// Whether a character of the upper half of Windows-1252 occurs next to words in ordinary text, so that a capital letter before
/// it is no evidence.
fn is_punctuation(character: char) -> bool {
    "‘’“”‚„‹›«»–—…·\u{A0}".contains(character)
}

/// The byte of a character, from 0x80 on, in Windows-1252, or in Latin-1 for bytes undefined there.
fn byte_of(character: char) -> Option<u8> {
    // The characters from 0x80 to 0x9F; undefined bytes map to themselves.
    const UPPER: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match character {
        '\u{80}'..='\u{FF}' => u8::try_from(character).ok(),
        _ => UPPER.chars().position(|upper| upper == character).map(|at| 0x80 + at as u8),
    }
}
