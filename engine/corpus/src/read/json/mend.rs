//! What some programs write as JSON and is none: half a surrogate pair, `NaN`, numbers beyond doubles, control characters in strings;
//! and values nested too deep to be followed. Python's `json` writes the first three.

use crate::read::notices::Notice;

/// Values inside of each other that are followed; the parser's own bound is 128.
const MAX_DEPTH: usize = 100;

/// The text with all of that put right; none where there is none of it.
pub(super) fn mend(text: &str) -> Option<(String, Vec<Notice>)> {
    let mut mended = Mended { text: String::with_capacity(text.len()), notices: Vec::new(), controls: false };
    let mut depth = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '"' => mended.string(rest),
            '{' | '[' if depth == MAX_DEPTH => {
                mended.null(Notice::Deep);
                behind(rest)
            }
            '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'A'..='Z' => mended.word(rest),
            _ => {
                match first {
                    '{' | '[' => depth += 1,
                    '}' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
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
    /// Whether control characters stood in strings; they are read as they are meant.
    controls: bool,
}

impl Mended {
    fn null(&mut self, notice: Notice) {
        self.text.push_str("null");
        self.notices.push(notice);
    }

    /// Takes a number or word over; what follows it is left.
    fn word<'text>(&mut self, rest: &'text str) -> &'text str {
        let of_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.');
        let (word, rest) = rest.split_at(rest.find(|letter| !of_word(letter)).unwrap_or(rest.len()));
        // Rust reads `nan` and `inf` as well, which nobody writes into JSON.
        let number = |word: &str| {
            word.parse::<f64>().ok().filter(|_| word.contains(|letter: char| letter.is_ascii_digit()))
        };
        if matches!(word, "NaN" | "-NaN" | "Infinity" | "-Infinity")
            || number(word).is_some_and(f64::is_infinite)
        {
            self.null(Notice::NoNumber);
        } else {
            self.text.push_str(word);
        }
        rest
    }

    /// Takes a string over, of which `rest` begins with the quote; what follows it is left.
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

    /// Takes an escape over, or two that make one character; what follows is left.
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

/// The number in an escape like `\ud83d` that a text begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4).filter(|hex| !hex.starts_with('+'))?, 16).ok()
}

/// What stands behind the array or object that a text begins with.
fn behind(text: &str) -> &str {
    let (mut depth, mut string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            b'{' | b'[' if !string => depth += 1,
            b'}' | b']' if !string => {
                depth -= 1;
                if depth == 0 {
                    return text.get(at + 1..).unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    ""
}
