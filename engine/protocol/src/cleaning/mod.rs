//! The data bench's types for front ends: recipes as cards, judged samples and the results of a cleaning.

pub mod blocks;
pub mod report;
pub mod table;

use crate::setting::choices;
use serde::{Deserialize, Serialize};

/// Maximum number of documents in a judged sample; all are held in memory.
pub const MAX_JUDGED: usize = 1000;

/// A recipe for display and editing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipeSummary {
    /// Name of a preset, or a user's own.
    pub name: String,
    pub toml: String,
    /// All stages in order of application.
    pub cards: Vec<StageCard>,
    /// Action for each class of personal data.
    pub personal: Vec<PersonalCard>,
    /// Fraction of documents held out for validation.
    pub validation: f64,
}

/// A stage of a recipe that can be switched on and off and configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCard {
    /// Name in recipes, as in `gopher-word-count`.
    pub name: String,
    /// Part of the bench to which it belongs.
    pub group: report::Group,
    /// Display title, as in `Word count`.
    pub title: String,
    /// What the stage removes and why, in a sentence or two for a learner.
    pub sentence: String,
    /// The paper or project that its thresholds come from, or empty.
    pub paper: String,
    pub on: bool,
    pub thresholds: Vec<Threshold>,
    /// The file that it learns from, or of a list; `None` if it takes none.
    pub file: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Name in recipes.
    pub name: String,
    pub value: f64,
    pub meaning: String,
    /// Minimum, inclusive.
    pub lowest: f64,
    /// Maximum, inclusive.
    pub highest: f64,
    pub kind: ThresholdKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdKind {
    /// A fraction or another real-valued measure.
    #[default]
    Measure,
    /// A whole number of things.
    Count,
    /// A switch: 0 is off, 1 is on.
    Switch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalAction {
    /// Replaces it by a typed placeholder.
    #[default]
    Replace,
    /// Masks its characters and keeps its shape: `j•••@•••.com`.
    Mask,
    Drop,
    /// Only counts it and keeps it in the text. Excerpts mask it nevertheless.
    Keep,
}

/// Action for a class of personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonalCard {
    /// Name in recipes, as in `email`.
    pub class: String,
    pub title: String,
    pub action: PersonalAction,
}

/// Results of a recipe on a sample of the raw documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleJudgement {
    pub documents: usize,
    /// Number of documents that pass all stages.
    pub kept: usize,
    /// Results by stage, in order. For a stage that is off: its effect if it were on for all documents.
    pub stages: Vec<SampleStage>,
    pub judged: Vec<JudgedDocument>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleStage {
    pub name: String,
    /// Number of documents that reached the stage and were dropped by it.
    pub dropped: usize,
    /// Number of documents that it would drop if it were the only stage.
    pub alone: usize,
    /// Number of documents that it changed.
    pub edited: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JudgedDocument {
    pub id: String,
    pub source: String,
    /// The stage that dropped it and the reason; `None` if it is kept.
    pub dropped: Option<(String, String)>,
    /// Its beginning, masked.
    pub excerpt: String,
}

/// A document before and after cleaning, with every stage's verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedDocument {
    pub id: String,
    pub changes: Vec<TextChange>,
    /// Verdict of each stage, in order.
    pub verdicts: Vec<Verdict>,
    /// Whether the text was too long to show in full.
    pub cut: bool,
}

/// A passage of text and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextChange {
    pub fate: TextFate,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFate {
    Same,
    Removed,
    Added,
}

choices! {
    /// What a stage does to a document.
    pub enum VerdictKind = Keeps {
        Keeps = "keeps";
        Edits = "edits";
        Drops = "drops";
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleaningProgress {
    pub phase: Phase,
    /// Bytes of the files while reading, else documents.
    pub done: u64,
    /// Target of `done`.
    pub total: u64,
    pub documents: u64,
    pub kept: u64,
}

impl CleaningProgress {
    /// Fraction of the phase done, from 0 to 1; `None` if unknown.
    pub fn share(&self) -> Option<f32> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).clamp(0.0, 1.0) as f32)
    }
}

/// What happens to a cleaning of the project's documents, or of a folder's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum CleaningStep {
    Started {
        /// Whether it resumes a stopped cleaning.
        start: CleaningStart,
    },
    Progress(CleaningProgress),
    /// It was cancelled. `Failed` follows.
    Stopped {
        /// Number of documents already cleaned, from which the next cleaning of the same files with the same recipe resumes; `None` if
        /// it starts over.
        documents: Option<u64>,
    },
    /// It has finished, now or earlier.
    Done {
        report: Box<report::CleaningReport>,
    },
}

/// How a cleaning starts in a folder that may hold a stopped one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "start", rename_all = "snake_case")]
pub enum CleaningStart {
    /// The folder holds no stopped cleaning.
    New,
    /// Resumes the stopped one after the documents that it had read.
    Resumed { documents: u64 },
    /// The stopped one cannot be resumed, so the cleaning starts over.
    StartedOver { reason: String },
}

choices! {
    pub enum Phase = Reading {
        /// First pass over the files.
        Reading = "reading";
        /// Decides on near duplicates.
        Comparing = "comparing";
        /// Learns the spelling of the kept texts, for the rule `perplexity` without a reference.
        Judging = "judging";
        /// Second pass over the files.
        Writing = "writing";
        /// The folder is complete.
        Done = "done";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub stage: String,
    pub verdict: VerdictKind,
    /// The reason if it drops the document.
    pub reason: String,
    /// Whether the stage is on in this recipe.
    pub on: bool,
}

/// A dropped document as in `dropped.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DroppedDocument {
    pub id: String,
    pub source: String,
    pub rule: String,
    pub reason: String,
    /// Its beginning, masked.
    pub excerpt: String,
}
