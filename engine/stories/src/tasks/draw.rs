//! What all kinds of task draw from: wordings by split, people of the stories, and the parts of a row.

use super::{
    Check, TaskSplit, arithmetic, classification, conversation, ordering, refusal, rewriting, story, summary,
    tagging, translation,
};
use crate::stories::{BOYS, GIRLS, HE_ANIMALS, Outline, Picker, SHE_ANIMALS, Slots, expand};
use glasshouse_protocol::random::split_mix;
use glasshouse_protocol::{ChatMessage, Role};

/// The wordings of one instruction; each belongs to one split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wordings {
    /// What the names of its templates begin with.
    pub name: &'static str,
    pub train: &'static [&'static str],
    pub validation: &'static [&'static str],
    pub held_out: &'static [&'static str],
}

/// All that are not about one plot, for whoever lists them.
pub(super) const WORDINGS: &[&[&Wordings]] = &[
    story::WORDINGS,
    summary::WORDINGS,
    classification::WORDINGS,
    tagging::WORDINGS,
    rewriting::WORDINGS,
    arithmetic::WORDINGS,
    ordering::WORDINGS,
    translation::WORDINGS,
    refusal::WORDINGS,
    conversation::WORDINGS,
];

impl Wordings {
    /// Those of a split.
    pub(super) fn of(&self, split: TaskSplit) -> &'static [&'static str] {
        match split {
            TaskSplit::Train => self.train,
            TaskSplit::Validation => self.validation,
            TaskSplit::HeldOut => self.held_out,
        }
    }

    /// The number of a split's first one: they are counted from 1 through all splits, so that a number says which it is.
    fn first(&self, split: TaskSplit) -> usize {
        1 + match split {
            TaskSplit::Train => 0,
            TaskSplit::Validation => self.train.len(),
            TaskSplit::HeldOut => self.train.len() + self.validation.len(),
        }
    }

    /// Every template's name.
    pub(super) fn names(&self) -> Vec<(String, TaskSplit)> {
        [TaskSplit::Train, TaskSplit::Validation, TaskSplit::HeldOut]
            .into_iter()
            .flat_map(|split| (0..self.of(split).len()).map(move |at| (self.first(split) + at, split)))
            .map(|(number, split)| (format!("{}-{number}", self.name), split))
            .collect()
    }
}

/// A task before it has a number.
#[derive(Debug)]
pub(super) struct Draft {
    pub template: String,
    pub messages: Vec<ChatMessage>,
    pub check: Check,
}

impl Draft {
    /// One question, one answer.
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

/// With a large first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// With a large first letter, and a full stop where it has no other end.
pub(super) fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '!', '?', '"', '>']) { "" } else { "." };
    capital(text) + end
}

/// `a fox`, `an owl`.
pub(super) fn with_article(noun: &str) -> String {
    expand(&format!("a(n) {noun}"), &Vec::new())
}

/// A check for one of several answers.
pub(super) fn exact<T: Into<String>>(answers: impl IntoIterator<Item = T>) -> Check {
    Check::Exact { answers: answers.into_iter().map(Into::into).collect() }
}

/// Somebody of the stories.
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

/// The draws of one row.
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

    /// This row's story.
    pub(super) fn story(&self) -> Outline {
        Outline::new(split_mix(self.key))
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.picker.below(count)
    }

    /// A number from one to another, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.picker.below(usize::try_from(high - low + 1).unwrap_or(1)) as i64
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        self.picker.pick(choices)
    }

    /// So many of the choices, no two the same, in any order.
    pub(super) fn pick_some<T: Copy>(&mut self, choices: &[T], count: usize) -> Vec<T> {
        let mut left = choices.to_vec();
        (0..count.min(choices.len())).map(|_| left.swap_remove(self.picker.below(left.len()))).collect()
    }

    /// One of the wordings of this row's split, and its template's name.
    pub(super) fn word(&mut self, wordings: &Wordings) -> (&'static str, String) {
        let texts = wordings.of(self.split);
        let at = self.picker.below(texts.len());
        (texts[at], format!("{}-{}", wordings.name, wordings.first(self.split) + at))
    }

    /// Somebody of either world who is none of the others, and of one world with them.
    pub(super) fn person(&mut self, others: &[Person]) -> Person {
        let animals = match others.first() {
            Some(other) => HE_ANIMALS.contains(&other.name) || SHE_ANIMALS.contains(&other.name),
            None => self.below(2) == 1,
        };
        loop {
            let she = self.below(2) == 1;
            let names = match (animals, she) {
                (false, false) => BOYS,
                (false, true) => GIRLS,
                (true, false) => HE_ANIMALS,
                (true, true) => SHE_ANIMALS,
            };
            let person = Person { name: self.pick(names), she };
            if !others.contains(&person) {
                return person;
            }
        }
    }

    /// So many people, no two the same.
    pub(super) fn people(&mut self, count: usize) -> Vec<Person> {
        let mut people = Vec::with_capacity(count);
        for _ in 0..count {
            let person = self.person(&people);
            people.push(person);
        }
        people
    }
}

/// A template with slots filled in, articles fitted.
pub(super) fn fill(template: &str, slots: &[(&'static str, &str)]) -> String {
    let slots: Slots = slots.iter().map(|(slot, text)| (*slot, (*text).to_owned())).collect();
    // A colour may begin with a vowel.
    expand(&template.replace("a {colour}", "a(n) {colour}").replace("A {colour}", "A(n) {colour}"), &slots)
}
