//! Template expansion: alternatives and list entries are drawn, `{slot}` becomes the story's pick, `a(n)` the fitting article.

use super::grammar::{Grammar, lowered};
use glasshouse_protocol::random::nth;

pub(crate) struct Picker {
    key: u64,
    drawn: u64,
}

impl Picker {
    pub(crate) fn new(key: u64) -> Self {
        Self { key, drawn: 0 }
    }

    /// A number in `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.drawn += 1;
        ((u128::from(nth(self.key, 0, self.drawn)) * count as u128) >> 64) as usize
    }

    /// One of the choices; there must be at least one.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        // `below` is less than the length, and lists of the grammar are never empty.
        choices[self.below(choices.len())]
    }

    /// Draws a text's alternatives and list entries; slots remain.
    pub(super) fn resolve(&mut self, text: &str, grammar: &Grammar) -> String {
        let mut resolved = String::with_capacity(text.len());
        self.resolve_into(text, grammar, &mut resolved);
        resolved
    }

    fn resolve_into(&mut self, text: &str, grammar: &Grammar, resolved: &mut String) {
        let mut rest = text;
        while let Some(at) = rest.find(['[', '<']) {
            let (before, after) = rest.split_at(at);
            resolved.push_str(before);
            let inside = &after[1..];
            if after.starts_with('<') {
                let Some((name, tail)) = inside.split_once('>') else { break };
                let entry = self.pick(grammar.list(name));
                self.resolve_into(entry, grammar, resolved);
                rest = tail;
            } else {
                let (count, tail) = alternatives(inside, usize::MAX);
                let (_, choice) = alternatives(inside, self.below(count));
                self.resolve_into(choice, grammar, resolved);
                rest = tail;
            }
        }
        resolved.push_str(rest);
    }
}

/// The number of alternatives up to the closing bracket, with the text after it; or the alternative with index `number`.
pub(super) fn alternatives(text: &str, number: usize) -> (usize, &str) {
    let (mut count, mut start, mut depth) = (0, 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth > 0 => depth -= 1,
            b'|' | b']' if depth == 0 => {
                if count == number {
                    return (count, &text[start..at]);
                }
                (count, start) = (count + 1, at + 1);
                if byte == b']' {
                    return (count, &text[start..]);
                }
            }
            _ => {}
        }
    }
    (count + 1, "")
}

/// A story's picks by slot name.
pub(crate) type Slots = Vec<(&'static str, String)>;

/// Maximum nesting of picks that contain slots.
const DEPTH: usize = 4;

/// Fills in all slots, then the articles.
pub(crate) fn expand(template: &str, slots: &Slots) -> String {
    let mut text = String::with_capacity(2 * template.len());
    fill_into(template, slots, DEPTH, &mut text);
    if text.contains("(n) ") { articles(&text) } else { text }
}

fn fill_into(template: &str, slots: &Slots, depth: usize, text: &mut String) {
    let mut rest = template;
    let find = |name: &str| slots.iter().find(|(slot, _)| *slot == name).map(|(_, pick)| pick.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        let (start, exact) = (text.len(), find(name));
        let pick = exact.or_else(|| find(&lowered(name))).unwrap_or(name);
        match depth.checked_sub(1) {
            Some(depth) => fill_into(pick, slots, depth, text),
            None => text.push_str(pick),
        }
        if let (None, Some(first)) = (exact, text.get_mut(start..start + 1)) {
            first.make_ascii_uppercase();
        }
        rest = tail;
    }
    text.push_str(rest);
}

fn articles(text: &str) -> String {
    // Handles "a(n)" and "A(n)": the letter before the bracket stays.
    let mut parts = text.split("(n) ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(if part.starts_with(['a', 'e', 'i', 'o', 'u']) { "n " } else { " " });
        whole.push_str(part);
    }
    whole
}

/// Capitalises the first letter of every sentence. In `"Why?" he asked.`, no sentence starts after the quotation.
pub(super) fn capitals(mut text: String) -> String {
    let (mut before, mut ended, mut begins) = (b' ', false, true);
    let mut starts = Vec::new();
    for (at, letter) in text.bytes().enumerate() {
        if begins && (letter.is_ascii_alphanumeric() || !letter.is_ascii()) {
            starts.push(at);
            begins = false;
        }
        // An opening quotation mark also starts a sentence.
        begins |= letter == b' ' && ended || letter == b'"' && before == b' ';
        ended = matches!(letter, b'.' | b'!' | b'?') || letter == b'"' && before == b'.';
        before = letter;
    }
    for at in starts {
        if let Some(first) = text.get_mut(at..=at) {
            first.make_ascii_uppercase();
        }
    }
    text
}
