//! Repairs common invalid JSON: unpaired surrogates, `NaN`, numbers beyond doubles, as Python's `json` writes them, and control
//! characters in strings.

use crate::read::notices::Notice;

/// The repaired text; `None` if nothing had to be repaired.
pub(super) fn mend(text: &str) -> Option<(String, Vec<Notice>)> {
    let mut mended = Mended { text: String::with_capacity(text.len()), notices: Vec::new(), controls: false };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '"' => mended.string(rest),
            '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'A'..='Z' => mended.word(rest),
            _ => {
                mended.text.push(first);
                rest.get(first.len_utf8()..).unwrap_or_default()
            }
        };
    }
    (mended.controls || !mended.notices.is_empty()).then_some((mended.text, mended.notices))
}

struct Mended {
    text: String,
    notices: Vec<Notice>,
    /// Whether strings contained control characters, which are kept.
    controls: bool,
}

impl Mended {
    /// Copies a number or word; returns the rest.
    fn word<'text>(&mut self, rest: &'text str) -> &'text str {
        let of_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.');
        let (word, rest) = rest.split_at(rest.find(|letter| !of_word(letter)).unwrap_or(rest.len()));
        // Rust also parses `nan` and `inf`, which do not occur in JSON.
        let number = |word: &str| {
            word.parse::<f64>().ok().filter(|_| word.contains(|letter: char| letter.is_ascii_digit()))
        };
        if matches!(word, "NaN" | "-NaN" | "Infinity" | "-Infinity")
            || number(word).is_some_and(f64::is_infinite)
        {
            self.text.push_str("null");
            self.notices.push(Notice::NoNumber);
        } else {
            self.text.push_str(word);
        }
        rest
    }

    /// Copies a string, whose quote `rest` starts with; returns the rest.
    fn string<'text>(&mut self, rest: &'text str) -> &'text str {
        self.text.push('"');
        let mut rest = rest.get(1..).unwrap_or_default();
        loop {
            let special = rest.find(|letter: char| matches!(letter, '"' | '\\') || letter < ' ');
            let (plain, found) = rest.split_at(special.unwrap_or(rest.len()));
            self.text.push_str(plain);
            let mut letters = found.chars();
            match letters.next() {
                None => return "",
                Some('"') => {
                    self.text.push('"');
                    return letters.as_str();
                }
                Some('\\') => rest = self.escape(found),
                Some(control) => {
                    self.text.push_str(&format!("\\u{:04x}", u32::from(control)));
                    self.controls = true;
                    rest = letters.as_str();
                }
            }
        }
    }

    /// Copies an escape, or a surrogate pair; returns the rest.
    fn escape<'text>(&mut self, found: &'text str) -> &'text str {
        let length = match unit(found) {
            Some(0xd800..=0xdbff) => match unit(found.get(6..).unwrap_or_default()) {
                Some(0xdc00..=0xdfff) => 12,
                _ => 0,
            },
            Some(0xdc00..=0xdfff) => 0,
            Some(_) => 6,
            None => 1 + found.chars().nth(1).map_or(0, char::len_utf8),
        };
        if length == 0 {
            self.text.push_str("\\ufffd");
            self.notices.push(Notice::Surrogate);
        }
        let (escape, rest) = found.split_at_checked(length).unwrap_or((found, ""));
        self.text.push_str(escape);
        if length == 0 { rest.get(6..).unwrap_or_default() } else { rest }
    }
}

/// The code unit of an escape like `\ud83d` at the start of a text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4).filter(|hex| !hex.starts_with('+'))?, 16).ok()
}
