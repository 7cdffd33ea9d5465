//! What events carry: short descriptions of projects, documents, tokenizers, plans, runs, devices and errors.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What sort of error it is, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A setting breaks a rule.
    Invalid,
    /// It cannot be done as things stand.
    Refused,
    /// Nothing has the name that was given.
    Unknown,
    /// A file cannot be read or written.
    Io,
    /// The storage has no room left.
    StorageFull,
    /// A file is not what it should be.
    BadFile,
    /// A device is missing, or lacks something.
    Device,
    /// A device stopped answering.
    DeviceLost,
    /// More is needed than the device has.
    TooLarge,
    /// The system had no memory left.
    OutOfMemory,
    /// The engine stopped: the front end says so.
    EngineLost,
    /// Something else is under way.
    Busy,
    /// It was cancelled.
    Cancelled,
    /// A fault of the program.
    Internal,
    /// No error: a sentence of the front end's own.
    Notice,
}

impl ErrorKind {
    /// All that are errors.
    pub const ALL: [Self; 14] = [
        Self::Invalid,
        Self::Refused,
        Self::Unknown,
        Self::Io,
        Self::StorageFull,
        Self::BadFile,
        Self::Device,
        Self::DeviceLost,
        Self::TooLarge,
        Self::OutOfMemory,
        Self::EngineLost,
        Self::Busy,
        Self::Cancelled,
        Self::Internal,
    ];
}

/// How far the download of a public corpus is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum FetchProgress {
    /// Bytes come in.
    Receiving {
        /// Bytes that are here, those of earlier attempts included.
        done: u64,
        /// Bytes in all; about, where its publisher says no exact number.
        total: u64,
    },
    /// Something went wrong, and it will be tried again.
    Retrying {
        /// What went wrong.
        reason: String,
        /// After so many seconds.
        seconds: f64,
    },
    /// All bytes are here and are compared with the checksum.
    Verifying,
}

/// An error as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What sort of error it is.
    pub kind: ErrorKind,
    /// What happened, and what to do about it: the engine's own sentence.
    pub message: String,
    /// The setting that breaks a rule, as `model.heads`; a form shows the message beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The run whose training stands in the way: it can be done when that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl ErrorReport {
    /// An error that is about no setting and no run.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, run: None }
    }
}

impl From<crate::Invalid> for ErrorReport {
    fn from(invalid: crate::Invalid) -> Self {
        Self { field: Some(invalid.field.clone()), ..Self::new(ErrorKind::Invalid, invalid.to_string()) }
    }
}

/// Whether a run goes on, and why not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Made, and no step done yet.
    #[default]
    Created,
    /// A program trains it; in a record also one that died while it did.
    Running,
    /// The program that trained it ended without a word; it can be resumed. No record says so by itself.
    Interrupted,
    /// Stopped on request; it can be resumed.
    Stopped,
    /// All steps are done.
    Finished,
    /// An error ended it; it can be resumed from its last checkpoint.
    Failed,
    /// No run, but a model that came from elsewhere.
    Imported,
}

impl RunState {
    /// As records and people have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Imported => "imported",
        }
    }
}

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// The processor's cores, by our own code.
    #[default]
    Cpu,
    /// A graphics processor.
    Gpu,
    /// An adapter in software: a program on the processor that does what a graphics processor would.
    Software,
}

/// A device that can train and write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceSummary {
    /// What to pass as a device wish to get it.
    pub request: String,
    /// Its name, as people read it.
    pub name: String,
    /// What it is.
    pub kind: DeviceType,
    /// Driver, graphics interface and features, in one line.
    pub details: String,
    /// Why it was chosen, or what is missing for a better one and how to turn it on, in a sentence or two.
    pub why: String,
    /// Largest model memory in bytes, where the device tells.
    pub memory: Option<u64>,
    /// Bytes of a buffer that a kernel sees at once.
    pub binding: Option<u64>,
    /// Bytes of the largest buffer.
    #[serde(default)]
    pub buffer: Option<u64>,
    /// It can time kernels.
    pub timestamps: bool,
    /// It trains in mixed precision too.
    #[serde(default)]
    pub mixed_precision: bool,
    /// Of a run's device: the kernels that were found faster than those of its kind, by class of shapes (`linear 1024x128x512`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tuned_kernels: BTreeMap<String, String>,
}

/// Where projects are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSummary {
    /// A path natively; in a browser `this browser`, or `memory` where the browser blocks storage.
    pub place: String,
    /// What is kept outlives the tab.
    pub lasting: bool,
    /// Bytes used, where that is told.
    pub used: Option<u64>,
    /// Bytes that there is room for in all, where that is told.
    pub quota: Option<u64>,
}

/// A project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectSummary {
    /// Its folder's name, or natively the path of a folder elsewhere.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Seconds since 1970, UTC, of its last change.
    pub updated: u64,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Runs in it.
    pub runs: usize,
    /// Lowest validation loss of its latest run.
    pub val_loss: Option<f32>,
    /// Training loss of its latest run over its whole length, thinned to at most 60 points.
    pub curve: Vec<f32>,
    /// What its latest run wrote last.
    pub sample: String,
    /// Steps that its latest run did and was to do, where the program that trained it ended in its midst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<(u64, u64)>,
    /// Deleted, and restorable.
    #[serde(default)]
    pub deleted: bool,
    /// Why it cannot be opened, where it is damaged or of another version; what could not be read is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// About all documents of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentsOverview {
    /// The embedded stories are used: the project has no documents of its own.
    pub embedded: bool,
    /// What was kept of them by a cleaning is what is listed and trained on.
    #[serde(default)]
    pub cleaned: bool,
    /// The project's files as they were added: name and bytes.
    pub files: Vec<(String, u64)>,
    /// Files among them that cannot be read, or not wholly, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
    /// Documents in all.
    pub documents: u64,
    /// UTF-8 bytes of their text.
    pub bytes: u64,
    /// Characters.
    pub characters: u64,
    /// Documents and bytes of the training part.
    pub train: (u64, u64),
    /// Documents and bytes of the validation part.
    pub validation: (u64, u64),
    /// Documents by length in characters: the upper end of each class (doubling) and how many are in it.
    pub lengths: Vec<(u64, u64)>,
    /// Most frequent characters and how often each occurs, at most 96.
    pub characters_by_count: Vec<(char, u64)>,
    /// Distinct characters.
    pub distinct_characters: usize,
}

/// A file that gives no text, or of which a part gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    /// The file's name.
    pub name: String,
    /// What is wrong with it, as in `is empty`.
    pub reason: String,
    /// It gives text but for a part.
    #[serde(default)]
    pub partly: bool,
}

/// A run on the device that is to train it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedRun {
    /// Its settings, as it is trained.
    pub config: crate::RunConfig,
    /// It began before.
    pub resumes: bool,
    /// Its text, where that is recorded with its tokens.
    pub text: Option<TextSummary>,
    /// How many weights it has.
    pub parameters: u64,
    /// How many of them are trained.
    pub trained_parameters: u64,
    /// Floating-point operations of training for one token.
    pub flops_per_token: f64,
    /// Memory that it takes on its device.
    pub bytes: u64,
    /// The device, in words.
    pub device: String,
    /// The device is a GPU, whose driver may compile kernels in the first steps.
    pub on_gpu: bool,
    /// Why it has its precision, where that was settled now.
    pub settled: Option<String>,
    /// What was timed to choose the device's kernels.
    pub tuned: Option<String>,
    /// What a person should know of its size, length and text.
    pub proportions: Vec<String>,
    /// A prompt to try; its samples' where the vocabulary has that.
    pub prompt: String,
}

/// A run's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSummary {
    /// Documents.
    pub documents: u64,
    /// Bytes.
    pub bytes: u64,
    /// Tokens to train on.
    pub train_tokens: u64,
    /// Tokens that are held out.
    pub validation_tokens: u64,
}

/// A public corpus that can be added to a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusSummary {
    /// What it is asked for by, as in `tiny-stories`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is, in one sentence.
    pub sentence: String,
    /// Where it lies.
    pub address: String,
    /// As in `plain text`.
    pub format: String,
    /// Bytes.
    pub bytes: u64,
    /// They are exactly so many; else about.
    pub exact: bool,
    /// Under which licence: SPDX names where there is one.
    pub licence: String,
    /// What to know before training on it; empty where there is nothing.
    pub note: String,
}

/// A pretrained model that can be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundModel {
    /// What it is asked for by: [`ModelSource::Looked`](crate::ModelSource::Looked).
    pub number: u64,
    /// What its folder or file is called.
    pub name: String,
    /// Class of transformers that it is of.
    pub class: String,
    /// Weights.
    pub parameters: u64,
    /// Bytes that they have there.
    pub bytes: u64,
    /// Its shape in words.
    pub shape: String,
    /// Tokens that it sees at once.
    pub context_length: usize,
    /// Tokens that it is imported with where nothing else is wished.
    pub default_context: usize,
    /// What else there is to know, a line each.
    pub notices: Vec<String>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentSummary {
    /// Its number in the whole list, from 0.
    pub number: u64,
    /// Its id among the raw documents, where a cleaning kept it: by it `CompareDocument` shows it before and after.
    #[serde(default)]
    pub id: Option<String>,
    /// The file that it comes from, or its source, where a cleaning kept it.
    pub file: String,
    /// Characters.
    pub characters: u64,
    /// Its beginning, or the surroundings of what was searched for; at most 160 characters, in one line.
    pub preview: String,
    /// It is held out for validation.
    pub validation: bool,
}

/// A project's tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenizerSummary {
    /// How it was trained.
    pub config: crate::TokenizerConfig,
    /// Entries, special tokens included.
    pub vocabulary: usize,
    /// Tokens of the training part.
    pub train_tokens: u64,
    /// Tokens of the validation part.
    pub validation_tokens: u64,
    /// Bytes of text for one token.
    pub bytes_per_token: f64,
    /// Entries that the text never uses.
    pub unused: usize,
    /// Merges can be replayed.
    pub merges: bool,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Its id.
    pub id: u32,
    /// Its text; bytes that are no whole character are shown as `\xE2`.
    pub text: String,
    /// A special token, as `<|endoftext|>`.
    #[serde(default)]
    pub special: bool,
}

/// An entry of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyEntry {
    /// Its id.
    pub id: u32,
    /// Its text, as in [`TokenSummary`].
    pub text: String,
    /// How often the project's text uses it.
    pub count: u64,
    /// The two entries that it was merged from, for BPE.
    pub parts: Option<(String, String)>,
}

/// A merge of byte-pair encoding, at every place where it applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeStep {
    /// Its rank: merges are learnt and applied in this order.
    pub rank: usize,
    /// The left part.
    pub left: String,
    /// The right part.
    pub right: String,
    /// Both joined: bytes that were no whole character by themselves may be one now.
    pub whole: String,
    /// Positions, among the pieces before this step, of the left parts that it joins with their right neighbour.
    pub at: Vec<usize>,
}

/// A tokenizer on the project's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompressionSummary {
    /// `byte`, `char`, `bpe 1024`.
    pub name: String,
    /// Entries.
    pub vocabulary: usize,
    /// Bytes of text for one token.
    pub bytes_per_token: f64,
    /// The project's own.
    pub current: bool,
}

/// What a run takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Weights.
    pub parameters: u64,
    /// How many of them are trained.
    #[serde(default)]
    pub trained_parameters: u64,
    /// Weights by part: `embedding`, `attention`, `mlp`, `norms`, `head`.
    pub parameters_by_part: BTreeMap<String, u64>,
    /// Each parameter of the model: its name, as `blocks.3.attention.query.weight`, and its shape.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Bytes by kind: `weights`, `gradients`, `moments`, `activations`, `tables`, …
    pub bytes_by_kind: BTreeMap<MemoryKind, u64>,
    /// Their sum.
    pub bytes: u64,
    /// The largest range of a buffer that a kernel sees.
    pub largest_binding: u64,
    /// Bytes of the largest buffer beside weights, gradients and moments.
    #[serde(default)]
    pub largest_buffer: u64,
    /// Bytes of the values alive at once at their peak: the activations of a perfect placement.
    #[serde(default)]
    pub peak_live: u64,
    /// Bytes that the run writes to its project at most, all its checkpoints together.
    #[serde(default)]
    pub disk_bytes: u64,
    /// Those of them that milestones take.
    #[serde(default)]
    pub milestone_bytes: u64,
    /// Kernel launches per step.
    pub dispatches_per_step: usize,
    /// Floating-point operations of training for one token.
    pub flops_per_token: f64,
    /// The same, pass by pass.
    #[serde(default)]
    pub flops_per_token_by_pass: PassFlops,
    /// Tokens of one optimizer step.
    pub tokens_per_step: u64,
    /// Share of the FLOPs by scope: `blocks.0.attention`, `blocks.0.mlp`, `head`, …
    pub flops_by_scope: BTreeMap<String, f64>,
    /// It fits the chosen device; `None` where the device does not tell its memory.
    pub fits: Option<bool>,
    /// Seconds that the run would take, from the last measurement on this device scaled by FLOPs.
    pub run_seconds: Option<f64>,
    /// What is out of proportion between run, model and text, a sentence each ([`crate::RunConfig::proportions`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proportions: Vec<String>,
}

/// What memory is for, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// Weights.
    Weights,
    /// Gradients.
    Gradients,
    /// The optimizer state: its moments.
    #[serde(rename = "optimizer state")]
    OptimizerState,
    /// Slots of computed values.
    Activations,
    /// Key and value caches.
    Caches,
    /// Constants, inputs, schedule, reports, control, kernel arguments and what is read back.
    #[serde(rename = "tables and staging")]
    TablesAndStaging,
}

impl MemoryKind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Gradients => "gradients",
            Self::OptimizerState => "optimizer state",
            Self::Activations => "activations",
            Self::Caches => "caches",
            Self::TablesAndStaging => "tables and staging",
        }
    }
}

/// Floating-point operations of training for one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PassFlops {
    /// Forward.
    pub forward: f64,
    /// Backward.
    pub backward: f64,
    /// Forward once more, for what was not kept.
    pub recomputed: f64,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its folder's name, `3-nanogpt-cpu`.
    pub name: String,
    /// What the person calls it; empty where they gave it no title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Words that the person sorts runs by, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it goes on, and why not.
    pub state: RunState,
    /// What it began with, where that was another run's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<crate::Start>,
    /// What it learns from.
    #[serde(default)]
    pub learns_from: crate::LearnsFrom,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Weights.
    pub parameters: u64,
    /// Last validation loss.
    pub val_loss: Option<f32>,
    /// Lowest validation loss.
    pub best_val_loss: Option<f32>,
    /// Seconds of training.
    pub seconds: f64,
    /// When it was made: seconds since 1970, UTC.
    pub created: u64,
    /// The device that it is pinned to.
    pub device: String,
    /// What ended it, where an error did.
    pub error: Option<String>,
    /// The person's note.
    pub notes: String,
    /// In a few words: preset or shape, `4 layers · width 128 · context length 64`.
    pub shape: String,
    /// What it tells texts apart by, or one alone of a run that scores them; none of a run that writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointSummary>,
    /// Seconds that it was estimated to take.
    #[serde(alias = "foretold_seconds")]
    pub estimated_seconds: Option<f64>,
}

impl RunSummary {
    /// Whether it writes text: its head is one over tokens.
    pub fn writes(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether it scores texts: a reward model ([`crate::ModelConfig::scores`]).
    pub fn scores(&self) -> bool {
        self.labels.len() == 1
    }

    /// Whether it tells texts apart by labels.
    pub fn classifies(&self) -> bool {
        self.labels.len() > 1
    }

    /// Whether a person means it by a number (`3`), a name (`3-nanogpt-cpu`), or a name without its number.
    pub fn is_called(&self, name: &str) -> bool {
        let parts = self.name.split_once('-');
        self.name == name || parts.is_some_and(|(number, label)| number == name || label == name)
    }
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointSummary {
    /// Its file's name.
    pub file: String,
    /// Steps done.
    pub step: u64,
    /// Validation loss at that step, where there was an evaluation.
    pub val_loss: Option<f32>,
    /// The lowest so far.
    pub best: bool,
    /// Training can go on from it: it has the optimizer state. Milestones hold weights alone.
    pub resumable: bool,
    /// Bytes.
    pub bytes: u64,
}

/// Time of a kernel, or an operation of the CPU, under a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileEntry {
    /// `blocks.3.attention`, or the phase's name.
    pub scope: String,
    /// The kernel's or operation's name.
    pub kernel: String,
    /// Launches.
    pub count: usize,
    /// Milliseconds in all.
    pub ms: f64,
}

/// A token of a written text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenToken {
    /// Its id.
    pub id: u32,
    /// What it adds to the text; empty where a character is not whole yet.
    pub text: String,
}

/// A token that might come next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// Its place, 1 for the likeliest.
    pub rank: usize,
    /// Probability as the model gives it.
    pub probability: f32,
    /// Probability after temperature and repetition penalty.
    pub tempered: f32,
    /// Probability after all settings; 0 where one cut it off.
    pub drawn: f32,
    /// The setting that cut it off: `top_k`, `top_p` or `min_p`.
    pub cut_by: Option<String>,
}
