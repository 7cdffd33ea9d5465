//! Instruction data of our own: seeded tasks with answers that a program can check.
//!
//! Ten kinds of task are asked about the world of [`super::stories`], in its small vocabulary, at three levels. Every wording belongs
//! to training, to validation or is held out, and to no two of them: what a model answers there, it did not learn by heart. A row is a
//! conversation whose last message is the reference answer, and a [`Check`] that scores any other answer. All of it is integer
//! arithmetic over `glasshouse_protocol::random`, so that a seed gives the same rows on every target.

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
mod translation;

pub use check::{Check, Tag, last_number, normalized};
pub use classification::{Labels, passages};
pub use line::{line, pair_line, prompt_line};
pub use pairs::WrongAnswers;
pub use poems::poems;
pub use refusal::POLICY;

use draw::{Draft, Draw, WORDINGS};
use glasshouse_protocol::ChatMessage;
use glasshouse_protocol::random::nth;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Rises with every change of the rows that a seed gives.
pub const EDITION: u32 = 2;

/// The highest level.
pub const LEVELS: u8 = 3;

/// What the draws of tasks are named by; a split adds its number.
const TASKS: u64 = 0x74_6173_6b73_0000;

/// How often a row is drawn again whose prompt was there before, until it is taken as it is.
const REDRAWS: u64 = 40;

/// A kind of task; its module says what its levels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Who, where, what and why in a story.
    Story,
    /// A story in a sentence.
    Summary,
    /// Feeling and topic of a passage.
    Classification,
    /// Names, places and animals of a passage, marked.
    Tagging,
    /// Another tense, another person, more polite.
    Rewriting,
    /// Sums of the size of a child's.
    Arithmetic,
    /// By size, by alphabet, by what happened first.
    Ordering,
    /// Into the constructed language and out of it.
    Translation,
    /// What a stated policy forbids is refused, what it does not forbid is answered.
    Refusal,
    /// Several turns, of which the last needs an earlier one.
    Conversation,
}

impl TaskKind {
    /// Every kind, in the order in which rows take turns.
    pub const ALL: &[Self] = &[
        Self::Story,
        Self::Summary,
        Self::Classification,
        Self::Tagging,
        Self::Rewriting,
        Self::Arithmetic,
        Self::Ordering,
        Self::Translation,
        Self::Refusal,
        Self::Conversation,
    ];

    /// As files and the command line have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Story => "story",
            Self::Summary => "summary",
            Self::Classification => "classification",
            Self::Tagging => "tagging",
            Self::Rewriting => "rewriting",
            Self::Arithmetic => "arithmetic",
            Self::Ordering => "ordering",
            Self::Translation => "translation",
            Self::Refusal => "refusal",
            Self::Conversation => "conversation",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// A task of this kind, or none where what was drawn does not fit together.
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

/// What rows are for. No two of them share a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSplit {
    /// To learn from.
    Train,
    /// To choose settings by.
    Validation,
    /// To judge by, once.
    HeldOut,
}

impl TaskSplit {
    /// As names of files and rows have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::HeldOut => "held-out",
        }
    }

    /// The split of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Train, Self::Validation, Self::HeldOut].into_iter().find(|split| split.name() == name)
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Split and number, such as `train-17`.
    pub id: String,
    /// Its kind.
    pub kind: TaskKind,
    /// 1 is the easiest, [`LEVELS`] the hardest.
    pub level: u8,
    /// What it is for.
    pub split: TaskSplit,
    /// The wording, such as `story-who-hero-3`. A name belongs to one split.
    pub template: String,
    /// The conversation; the last message is the reference answer.
    pub messages: Vec<ChatMessage>,
    /// What scores an answer.
    pub check: Check,
}

impl Task {
    /// What a model is given: all but the last message.
    pub fn prompt(&self) -> &[ChatMessage] {
        self.messages.split_last().map_or(&[], |(_, prompt)| prompt)
    }

    /// The reference answer.
    pub fn answer(&self) -> &str {
        self.messages.last().map_or("", |message| &message.content)
    }
}

/// Which tasks are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOptions {
    /// Seed of all draws.
    pub seed: u64,
    /// Rows for training; validation and held-out rows follow from it.
    pub count: u64,
    /// Kinds, which take turns; none stands for all.
    pub kinds: Vec<TaskKind>,
    /// Levels from 1 to this one take turns.
    pub level: u8,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self { seed: 1, count: 20_000, kinds: TaskKind::ALL.to_vec(), level: LEVELS }
    }
}

impl TaskOptions {
    /// Rows of a split: all for training; a twentieth for each of the others, or two hundred where that is more and training has them.
    pub fn rows(&self, split: TaskSplit) -> u64 {
        match split {
            TaskSplit::Train => self.count,
            TaskSplit::Validation | TaskSplit::HeldOut => (self.count / 20).max(self.count.min(200)),
        }
    }

    /// The rows of a split.
    pub fn tasks(&self, split: TaskSplit) -> impl Iterator<Item = Task> {
        self.stream(split).take(usize::try_from(self.rows(split)).unwrap_or(usize::MAX))
    }

    /// An endless stream of a split's tasks without repeated prompts, as long as there are others.
    pub fn stream(&self, split: TaskSplit) -> impl Iterator<Item = Task> {
        Stream::new(self, split)
    }
}

/// Names of every template and what each is for.
pub fn templates() -> Vec<(String, TaskSplit)> {
    let plots = plots::all().flat_map(|plot| plot.questions.iter().map(|question| &question.ask));
    let all = WORDINGS.iter().flat_map(|list| list.iter().copied()).chain(plots);
    all.flat_map(draw::Wordings::names).collect()
}

/// Tasks one after the other.
struct Stream {
    seed: u64,
    split: TaskSplit,
    kinds: Vec<TaskKind>,
    levels: u64,
    number: u64,
    seen: HashSet<u64>,
}

impl Stream {
    fn new(options: &TaskOptions, split: TaskSplit) -> Self {
        let named = if options.kinds.is_empty() { TaskKind::ALL } else { &options.kinds };
        Self {
            seed: options.seed,
            split,
            kinds: named.to_vec(),
            levels: options.level.clamp(1, LEVELS).into(),
            number: 0,
            seen: HashSet::new(),
        }
    }
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

/// FNV-1a (Fowler, Noll, Vo) of a prompt's text.
fn fingerprint(prompt: &[ChatMessage]) -> u64 {
    prompt
        .iter()
        .flat_map(|message| message.content.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
