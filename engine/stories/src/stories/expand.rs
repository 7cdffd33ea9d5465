//! Picking and filling in: alternatives and list entries are drawn, `{slot}` becomes what the story picked, `a(n)` the article that fits.

use super::grammar::{Grammar, lowered};
use glasshouse_protocol::random::nth;

/// Draws choices from a story's key.
pub(crate) struct Picker {
    key: u64,
    drawn: u64,
}

impl Picker {
    pub(crate) fn new(key: u64) -> Self {
        Self { key, drawn: 0 }
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.drawn += 1;
        ((u128::from(nth(self.key, 0, self.drawn)) * count as u128) >> 64) as usize
    }

    /// One of the choices, which are never none.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        // `below` stays under the length; a list of the grammar is never empty.
        choices[self.below(choices.len())]
    }

    /// A text with its alternatives and list entries drawn; slots stay open.
    pub(super) fn resolve(&mut self, text: &'static str, grammar: &Grammar) -> String {
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
                let (choices, tail) = alternatives(inside);
                let choice = self.pick(&choices);
                self.resolve_into(choice, grammar, resolved);
                rest = tail;
            }
        }
        resolved.push_str(rest);
    }
}

/// The alternatives up to the closing bracket, and what follows it.
fn alternatives(text: &str) -> (Vec<&str>, &str) {
    let (mut choices, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth > 0 => depth -= 1,
            b'|' | b']' if depth == 0 => {
                choices.push(&text[start..at]);
                start = at + 1;
                if byte == b']' {
                    return (choices, &text[start..]);
                }
            }
            _ => {}
        }
    }
    choices.push(&text[start..]);
    (choices, "")
}

/// A story's picks by name.
pub(crate) type Slots = Vec<(&'static str, String)>;

/// Fills in every slot, picks that hold slots themselves included, then the articles.
pub(crate) fn expand(template: &str, slots: &Slots) -> String {
    let mut text = template.to_owned();
    // Picks nest at most three deep.
    for _ in 0..4 {
        if !text.contains('{') {
            break;
        }
        text = fill(&text, slots);
    }
    articles(&text)
}

fn fill(template: &str, slots: &Slots) -> String {
    let mut text = String::with_capacity(2 * template.len());
    let mut rest = template;
    let find = |name: &str| slots.iter().find(|(slot, _)| *slot == name).map(|(_, pick)| pick.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        match find(name) {
            Some(pick) => text.push_str(pick),
            None => {
                let pick = find(&lowered(name)).unwrap_or(name);
                let first = pick.chars().next().into_iter().flat_map(char::to_uppercase);
                text.extend(first);
                text.extend(pick.chars().skip(1));
            }
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

fn articles(text: &str) -> String {
    // "a(n)" and "A(n)" alike: the letter before the bracket stays.
    let mut parts = text.split("(n) ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(if part.starts_with(['a', 'e', 'i', 'o', 'u']) { "n " } else { " " });
        whole.push_str(part);
    }
    whole
}

/// With a capital letter at the beginning of every sentence. In `"Why?" he asked.` no sentence begins after the quotation.
pub(super) fn capitals(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let (mut before, mut ended, mut begins) = (' ', false, true);
    for letter in text.chars() {
        if begins && letter.is_alphanumeric() {
            whole.extend(letter.to_uppercase());
            begins = false;
        } else {
            whole.push(letter);
        }
        // An opening quotation mark begins a sentence too.
        begins |= letter == ' ' && ended || letter == '"' && before == ' ';
        ended = matches!(letter, '.' | '!' | '?') || letter == '"' && before == '.';
        before = letter;
    }
    whole
}
