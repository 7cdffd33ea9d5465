//! Picking and filling in: `{slot}` becomes what the story picked, `a(n)` the article that fits.

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
        // `below` stays under the length; a list in this folder is never empty.
        choices[self.below(choices.len())]
    }
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
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        match slots.iter().find(|(slot, _)| *slot == name) {
            Some((_, pick)) => text.push_str(pick),
            None => text.push_str(name),
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
