//! Shared parts of all kinds of task: wordings by split, people of the stories, and the parts of a row.

use super::texts::{TEXTS, Wordings};
use super::{Check, TaskSplit};
use crate::stories::{Outline, Picker, Slots, expand, names};
use glasshouse_protocol::random::split_mix;
use glasshouse_protocol::{ChatMessage, Role};

#[derive(Debug)]
pub(super) struct Draft {
    pub template: String,
    pub messages: Vec<ChatMessage>,
    pub check: Check,
}

impl Draft {
    /// A draft with one question and one answer.
    pub(super) fn new(template: String, prompt: &str, answer: &str, check: Check) -> Self {
        Self { template, messages: vec![user(capital(prompt)), assistant(sentence(answer))], check }
    }
}

pub(super) fn system(content: impl Into<String>) -> ChatMessage {
    ChatMessage::new(Role::System, content)
}

pub(super) fn user(content: impl Into<String>) -> ChatMessage {
    ChatMessage::new(Role::User, content)
}

pub(super) fn assistant(content: impl Into<String>) -> ChatMessage {
    ChatMessage::new(Role::Assistant, content)
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// Capitalises the first letter and adds a full stop if there is no other end.
pub(super) fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?', '"', '>']) { "" } else { "." };
    capital(text) + end
}

/// Adds an article: `a fox`, `an owl`.
pub(super) fn with_article(noun: &str) -> String {
    expand(&format!("a(n) {noun}"), &Vec::new())
}

pub(super) fn exact<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Check {
    Check::Exact { answers: answers.into_iter().map(Into::into).collect() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub name: &'static str,
    pub she: bool,
}

impl Person {
    pub(super) fn he(self) -> &'static str {
        if self.she { "she" } else { "he" }
    }

    pub(super) fn his(self) -> &'static str {
        if self.she { "her" } else { "his" }
    }

    pub(super) fn him(self) -> &'static str {
        if self.she { "her" } else { "him" }
    }
}

pub(super) struct Draw {
    key: u64,
    picker: Picker,
    pub split: TaskSplit,
    pub level: u8,
}

impl Draw {
    pub(super) fn new(key: u64, split: TaskSplit, level: u8) -> Self {
        Self { key, picker: Picker::new(key), split, level }
    }

    pub(super) fn story(&self) -> Outline {
        Outline::new(split_mix(self.key))
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.picker.below(count)
    }

    /// A number from `low` to `high`, inclusive.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.picker.below(usize::try_from(high - low + 1).unwrap_or(1)) as i64
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        self.picker.pick(choices)
    }

    /// Picks `count` distinct choices, in random order.
    pub(super) fn pick_some<T: Copy>(&mut self, choices: &[T], count: usize) -> Vec<T> {
        let mut left = choices.to_vec();
        (0..count.min(choices.len())).map(|_| left.swap_remove(self.picker.below(left.len()))).collect()
    }

    /// A wording of this row's split, with its template name. Tests draw from all wordings.
    pub(super) fn word(&mut self, name: &str) -> (&'static str, String) {
        self.word_of(name, &TEXTS.wordings[name])
    }

    pub(super) fn word_of(&mut self, name: &str, wordings: &Wordings) -> (&'static str, String) {
        let texts = wordings.of(self.split);
        let at = self.picker.below(texts.len());
        (texts[at], format!("{name}-{}", wordings.first(self.split) + at))
    }

    /// A person who differs from the others and is from the same world.
    pub(super) fn person(&mut self, others: &[Person]) -> Person {
        let animals = match others.first() {
            Some(other) => names(true, other.she).contains(&other.name),
            None => self.below(2) == 1,
        };
        loop {
            let she = self.below(2) == 1;
            let person = Person { name: self.pick(names(animals, she)), she };
            if !others.contains(&person) {
                return person;
            }
        }
    }

    pub(super) fn people(&mut self, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            let person = self.person(&people);
            people.push(person);
        }
        people
    }
}

/// Fills in a template's slots and fits the articles.
pub(super) fn fill(template: &str, slots: &[(&'static str, &str)]) -> String {
    let slots: Slots = slots.iter().map(|(slot, text)| (*slot, (*text).to_owned())).collect();
    // A colour may start with a vowel.
    expand(&template.replace("a {colour}", "a(n) {colour}").replace("A {colour}", "A(n) {colour}"), &slots)
}
