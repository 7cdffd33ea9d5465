//! Splits lines and paragraphs as the published rules do, and counts repeated ones.

use memchr::memchr_iter;
use rustc_hash::FxHashSet;

use super::hash::hash;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    pub all: usize,
    pub repeated: usize,
    pub characters: usize,
}

pub fn repeats<'a>(parts: impl Iterator<Item = &'a str>) -> Repeats {
    let mut seen = FxHashSet::default();
    let mut repeats = Repeats::default();
    for part in parts {
        repeats.all += 1;
        if !seen.insert(hash(part.as_bytes())) {
            repeats.repeated += 1;
            repeats.characters += part.chars().count();
        }
    }
    repeats
}

/// Lines separated by one or more line feeds; a text that begins or ends with one has an empty line there.
pub fn by_line_feeds(text: &str) -> impl Iterator<Item = &str> {
    parted_by_feeds(text, 1)
}

/// Paragraphs, separated by two or more line feeds, without white space around the text.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    parted_by_feeds(text.trim_matches(is_space), 2)
}

fn parted_by_feeds(text: &str, least: usize) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut feeds = memchr_iter(b'\n', bytes);
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let start = from?;
        loop {
            let Some(feed) = feeds.next() else {
                from = None;
                return text.get(start..);
            };
            let run = bytes.get(feed..).unwrap_or_default().iter().take_while(|&&byte| byte == b'\n').count();
            if run > 1 {
                feeds.nth(run - 2);
            }
            if run >= least {
                from = Some(feed + run);
                return text.get(start..feed);
            }
        }
    })
}

/// Lines as split by Python's `splitlines`, which Gopher's and C4's rules use: at every Unicode line end; no line follows the
/// last end.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    // Most texts have only line feeds, so their lines need no further splitting.
    let rare =
        text.bytes().fold(false, |rare, byte| rare | matches!(byte, 0x0b..=0x0d | 0x1c..=0x1e | 0xc2 | 0xe2));
    text.split_inclusive('\n').flat_map(move |line| {
        let (line, is_ended) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), true),
            None => (line, false),
        };
        let (plain, parts) = if rare { (None, Some(line.split(is_rare_end))) } else { (Some(line), None) };
        let mut parts = parts.into_iter().flatten().peekable();
        let parts = std::iter::from_fn(move || {
            let part = parts.next()?;
            // The part after the last end of the text is a line only if it is not empty.
            (is_ended || !part.is_empty() || parts.peek().is_some()).then_some(part)
        });
        plain.into_iter().chain(parts)
    })
}

fn is_rare_end(character: char) -> bool {
    matches!(character, '\u{b}'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// White space as stripped by Python: Rust's, and the four ASCII separators.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_unicode_says() {
        let text = "a\r\nb\u{85}c\u{2028}d\u{2026}\n\ne\rf\u{b}g\r\r\n";
        let cut: Vec<_> = lines(text).collect();
        assert_eq!(cut, ["a", "b", "c", "d\u{2026}", "", "e", "f", "g", ""]);
        assert_eq!(lines("").count(), 0);
        assert_eq!(lines("x\n").count(), 1);
        assert_eq!(lines("x\r\r").collect::<Vec<_>>(), ["x", ""]);
        assert_eq!(lines("a\u{b}\n\nb").collect::<Vec<_>>(), ["a", "", "", "b"]);
    }

    #[test]
    fn line_feeds_part_lines_and_paragraphs() {
        assert_eq!(by_line_feeds("\na\n\n\nb\n").collect::<Vec<_>>(), ["", "a", "b", ""]);
        assert_eq!(paragraphs("\n\na\nb\n\n\nc\n\n").collect::<Vec<_>>(), ["a\nb", "c"]);
        assert_eq!(by_line_feeds("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn repeats_are_counted_from_the_second_on() {
        let counted = repeats(["é", "b", "é", "é"].into_iter());
        assert_eq!(counted, Repeats { all: 4, repeated: 2, characters: 2 });
    }
}
