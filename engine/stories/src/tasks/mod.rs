//! Generated instruction data: seeded tasks with answers that a program can check.
//!
//! Ten kinds of task ask about the world of [`super::stories`], in its small vocabulary, at three levels. Every wording belongs to
//! exactly one of the splits for training, validation and held-out rows, so that correct answers on the latter are not memorised. A row
//! is a conversation that ends with the reference answer, and a [`Check`] that scores other answers. Everything is integer arithmetic
//! over `glasshouse_protocol::random`, so that a seed gives the same rows on every target.

mod arithmetic;
mod check;
mod classification;
mod conversation;
mod draw;
pub mod language;
mod line;
mod ordering;
mod pairs;
mod plots;
mod poems;
mod refusal;
mod rewriting;
mod story;
mod summary;
mod tagging;
mod texts;
mod translation;

pub use check::{Check, Tag, last_number, normalized};
pub use classification::{Labels, passages};
pub use line::{line, pair_line, prompt_line};
pub use pairs::WrongAnswers;
pub use poems::poems;

use draw::{Draft, Draw};
use glasshouse_protocol::ChatMessage;
use glasshouse_protocol::random::nth;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Version of the rows that a seed gives; increased with every change.
pub const EDITION: u32 = 4;

pub const LEVELS: u8 = 3;

/// Purpose of the random numbers for tasks, plus the split's number.
const TASKS: u64 = 0x74_6173_6b73_0000;

/// Number of redraws of a row with a repeated prompt before it is accepted.
const REDRAWS: u64 = 40;

/// Kind of task, in the order in which rows cycle through them; the levels are documented in its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Who, where, what and why questions about a story.
    Story,
    /// Summarising a story in one sentence.
    Summary,
    /// Feeling and topic of a passage.
    Classification,
    /// Marking or listing names, places and animals in a passage.
    Tagging,
    /// Rewriting in another tense or person, or more politely.
    Rewriting,
    /// Arithmetic at a child's level.
    Arithmetic,
    /// Ordering by size, by alphabet, or by time in a story.
    Ordering,
    /// Translating to and from the constructed language.
    Translation,
    /// Refusing what a stated policy forbids, and answering the rest.
    Refusal,
    /// Several turns; the last one depends on an earlier one.
    Conversation,
}

impl TaskKind {
    glasshouse_protocol::named! {
        Story = "story", Summary = "summary", Classification = "classification", Tagging = "tagging",
        Rewriting = "rewriting", Arithmetic = "arithmetic", Ordering = "ordering", Translation = "translation",
        Refusal = "refusal", Conversation = "conversation"
    }

    /// A task of this kind, or `None` if the draws do not fit together.
    fn draft(self, draw: &mut Draw) -> Option<Draft> {
        match self {
            Self::Story => story::draft(draw),
            Self::Summary => summary::draft(draw),
            Self::Classification => Some(classification::draft(draw)),
            Self::Tagging => Some(tagging::draft(draw)),
            Self::Rewriting => Some(rewriting::draft(draw)),
            Self::Arithmetic => Some(arithmetic::draft(draw)),
            Self::Ordering => ordering::draft(draw),
            Self::Translation => Some(translation::draft(draw)),
            Self::Refusal => Some(refusal::draft(draw)),
            Self::Conversation => Some(conversation::draft(draw)),
        }
    }
}

/// Use of the rows. Different splits share no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSplit {
    Train,
    /// For choosing settings.
    Validation,
    /// For the final evaluation only.
    HeldOut,
}

impl TaskSplit {
    glasshouse_protocol::named! { Train = "train", Validation = "validation", HeldOut = "held-out" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Split and number, as in `train-17`.
    pub id: String,
    pub kind: TaskKind,
    /// 1 is the easiest, [`LEVELS`] the hardest.
    pub level: u8,
    pub split: TaskSplit,
    /// Name of the wording, as in `story-who-hero-3`; each name belongs to one split.
    pub template: String,
    /// The conversation; the last message is the reference answer.
    pub messages: Vec<ChatMessage>,
    pub check: Check,
}

impl Task {
    /// The model's input: all messages but the last.
    pub fn prompt(&self) -> &[ChatMessage] {
        self.messages.split_last().map_or(&[], |(_, prompt)| prompt)
    }

    pub fn answer(&self) -> &str {
        self.messages.last().map_or("", |message| &message.content)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOptions {
    pub seed: u64,
    /// Number of training rows; the sizes of the other splits follow from it.
    pub count: u64,
    /// Kinds to cycle through; empty means all.
    pub kinds: Vec<TaskKind>,
    /// Highest level: rows cycle through levels 1 to this one.
    pub level: u8,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self { seed: 1, count: 20_000, kinds: TaskKind::ALL.to_vec(), level: LEVELS }
    }
}

impl TaskOptions {
    /// Number of rows in a split. Validation and held-out rows are each a twentieth of the training rows, but at least 200, or as many
    /// as there are training rows if those are fewer.
    pub fn rows(&self, split: TaskSplit) -> u64 {
        match split {
            TaskSplit::Train => self.count,
            TaskSplit::Validation | TaskSplit::HeldOut => (self.count / 20).max(self.count.min(200)),
        }
    }

    pub fn tasks(&self, split: TaskSplit) -> impl Iterator<Item = Task> {
        self.stream(split).take(usize::try_from(self.rows(split)).unwrap_or(usize::MAX))
    }

    /// An endless stream of a split's tasks, without repeated prompts as long as new ones exist.
    pub fn stream(&self, split: TaskSplit) -> impl Iterator<Item = Task> {
        let named = if self.kinds.is_empty() { &TaskKind::ALL[..] } else { &self.kinds };
        Stream {
            seed: self.seed,
            split,
            kinds: named.to_vec(),
            levels: self.level.clamp(1, LEVELS).into(),
            number: 0,
            seen: HashSet::new(),
        }
    }
}

struct Stream {
    seed: u64,
    split: TaskSplit,
    kinds: Vec<TaskKind>,
    levels: u64,
    number: u64,
    seen: HashSet<u64>,
}

impl Iterator for Stream {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        let (number, kinds) = (self.number, self.kinds.len() as u64);
        self.number += 1;
        let kind = *self.kinds.get((number % kinds) as usize)?;
        let level = 1 + (number / kinds % self.levels) as u8;
        let stream = nth(self.seed, TASKS + self.split as u64, number);
        let mut repeats = 0;
        (0..).find_map(|attempt| {
            let draft = kind.draft(&mut Draw::new(nth(stream, 0, attempt), self.split, level))?;
            let Draft { template, messages, check } = draft;
            let id = format!("{}-{}", self.split.name(), number + 1);
            let task = Task { id, kind, level, split: self.split, template, messages, check };
            repeats += 1;
            (self.seen.insert(fingerprint(task.prompt())) || repeats > REDRAWS).then_some(task)
        })
    }
}

/// FNV-1a hash (Fowler, Noll, Vo) of a prompt's text.
fn fingerprint(prompt: &[ChatMessage]) -> u64 {
    prompt
        .iter()
        .flat_map(|message| message.content.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
