//! The data bench as a front end sees it: a recipe as cards, a sample judged by them, and what a cleaning kept and dropped.

pub mod report;
pub mod table;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Documents of a sample that is judged at most: they are all in memory, and whoever wants more cleans them.
pub const MAX_JUDGED: usize = 1000;

/// A recipe, ready to be shown and changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipeSummary {
    /// Its name: a published one's, or the person's own.
    pub name: String,
    /// The whole recipe as TOML.
    pub toml: String,
    /// Every stage in the order in which it works.
    pub cards: Vec<StageCard>,
    /// What is done with each class of personal data.
    pub personal: Vec<PersonalCard>,
    /// Weight of each source in the mixture; a source that is missing has 1.
    pub weights: BTreeMap<String, f64>,
    /// Temperature of the mixture: 1 draws sources by their lengths, higher ones more evenly.
    pub temperature: f64,
    /// Share of documents held out for validation.
    pub validation: f64,
}

/// A stage of a recipe that can be switched and set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCard {
    /// Its name in recipes, as in `gopher-word-count`.
    pub name: String,
    /// Where in the bench it stands.
    pub group: report::Group,
    /// What people read, as in `Word count`.
    pub title: String,
    /// What it takes away and why, in a sentence or two for a learner.
    pub sentence: String,
    /// The paper or project that its thresholds come from; empty where there is none.
    pub paper: String,
    /// Whether it works.
    pub on: bool,
    /// Its numbers.
    pub thresholds: Vec<Threshold>,
}

/// A number of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Its name in recipes.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// What it means, in a few words.
    pub meaning: String,
    /// The least that it may be.
    pub lowest: f64,
    /// The most that it may be.
    pub highest: f64,
    /// What it counts.
    pub kind: ThresholdKind,
}

/// What a number of a stage counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdKind {
    /// A share or another measure: any number.
    #[default]
    Measure,
    /// Things: a whole number.
    Count,
    /// Nothing: it is off (0) or on (1).
    Switch,
}

/// What becomes of a finding of personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalAction {
    /// A typed placeholder stands in its place.
    #[default]
    Replace,
    /// Its shape stays, its characters go: `j•••@•••.com`.
    Mask,
    /// The whole document is dropped.
    Drop,
    /// It stays and is only counted. Excerpts mask it all the same.
    Keep,
}

/// What is done with a class of personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonalCard {
    /// Its name in recipes, as in `email`.
    pub class: String,
    /// What people read.
    pub title: String,
    /// What becomes of it.
    pub action: PersonalAction,
}

/// What a recipe makes of a sample of the raw documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleJudgement {
    /// Documents looked at.
    pub documents: usize,
    /// Documents that all stages keep.
    pub kept: usize,
    /// What each stage did, in order; stages that are off too: what they would drop of all documents.
    pub stages: Vec<SampleStage>,
    /// The documents.
    pub judged: Vec<JudgedDocument>,
}

/// A stage's part in a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleStage {
    /// Its name.
    pub name: String,
    /// Documents that it dropped, of those that came to it.
    pub dropped: usize,
    /// Documents that it would drop, were it the only one.
    pub alone: usize,
    /// Documents that it changed.
    pub edited: usize,
}

/// A document of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgedDocument {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// The stage that dropped it, and why; `None` where it is kept.
    pub dropped: Option<(String, String)>,
    /// Its beginning, masked.
    pub excerpt: String,
}

/// A document before and after, with every stage's verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedDocument {
    /// Its id.
    pub id: String,
    /// Its text by passages.
    pub changes: Vec<TextChange>,
    /// What each stage says of it, in order.
    pub verdicts: Vec<Verdict>,
    /// The text was too long to be shown whole.
    pub cut: bool,
}

/// A passage of text and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextChange {
    /// What became of it.
    pub fate: TextFate,
    /// The passage.
    pub text: String,
}

/// What became of a passage of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFate {
    /// It stayed.
    Same,
    /// It was removed.
    Removed,
    /// It was put in.
    Added,
}

/// What a stage does to a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The document stays as it is.
    #[default]
    Keeps,
    /// It is changed.
    Edits,
    /// It goes.
    Drops,
}

impl VerdictKind {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keeps => "keeps",
            Self::Edits => "edits",
            Self::Drops => "drops",
        }
    }
}

/// How far a cleaning is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleaningProgress {
    /// What is being done.
    pub phase: Phase,
    /// Done so far: bytes of the files while reading, else documents.
    pub done: u64,
    /// In all.
    pub total: u64,
    /// Documents read so far.
    pub documents: u64,
    /// Documents kept so far.
    pub kept: u64,
}

impl CleaningProgress {
    /// How far the phase is, from 0 to 1; `None` where that is not known.
    pub fn share(&self) -> Option<f32> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).clamp(0.0, 1.0) as f32)
    }
}

/// How a cleaning begins in a folder where another may have been stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "start", rename_all = "snake_case")]
pub enum CleaningStart {
    /// No other was stopped there.
    New,
    /// It resumes the stopped one behind the documents that this had read.
    Resumed {
        /// So many.
        documents: u64,
    },
    /// The stopped one cannot be resumed, and it starts over.
    StartedOver {
        /// Why.
        reason: String,
    },
}

/// What a cleaning is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// First pass.
    #[default]
    Reading,
    /// Near duplicates are decided.
    Comparing,
    /// Texts are scored for gibberish by those that were kept.
    Judging,
    /// Second pass.
    Writing,
    /// The folder is finished.
    Done,
}

impl Phase {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Comparing => "comparing",
            Self::Judging => "judging",
            Self::Writing => "writing",
            Self::Done => "done",
        }
    }
}

/// What a stage says of a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The stage.
    pub stage: String,
    /// What it does to the document.
    pub verdict: VerdictKind,
    /// Why, where it drops.
    pub reason: String,
    /// Whether the stage works in this recipe.
    pub on: bool,
}

/// A document that was dropped, as `dropped.jsonl` has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DroppedDocument {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// The stage that dropped it.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Its beginning, masked.
    pub excerpt: String,
}
