//! What events carry: short descriptions of projects, documents, tokenizers, plans, runs, devices and errors.

mod error;
mod plan;
mod run;
mod text;
mod token;

pub use error::{ErrorKind, ErrorReport};
pub use plan::{MemoryKind, PassFlops, PlanSummary, ProfileEntry};
pub use run::{CheckpointSummary, FoundModel, OpenedRun, RunState, RunSummary};
pub use text::{CorpusSummary, DocumentSummary, DocumentsOverview, FetchProgress, FileProblem, TextSummary};
pub use token::{
    Candidate, CompressionSummary, Cut, MergeStep, TokenSummary, TokenizerSummary, VocabularyEntry,
    WrittenToken,
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// The CPU's cores, by our own code.
    #[default]
    Cpu,
    /// A GPU.
    Gpu,
    /// A software adapter: software on the CPU that does what a GPU would.
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
    /// Of a run's device: the kernels that were found faster than those of its kind, by shape bucket (`linear 1024x128x512`).
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
    /// Lowest validation loss of its latest run that took a step.
    pub val_loss: Option<f32>,
    /// Training loss of that run over its whole length, thinned to at most 60 points.
    pub curve: Vec<f32>,
    /// What that run wrote last.
    pub sample: String,
    /// Steps that its latest run did and was to do, where the program that trained it ended in its midst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<(u64, u64)>,
    /// It has a classifier of its own, for moderation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
    /// Deleted, and restorable.
    #[serde(default)]
    pub deleted: bool,
    /// Why it cannot be opened, where it is damaged or of another version; what could not be read is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
