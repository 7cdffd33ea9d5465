//! Payloads of events: short descriptions of projects, documents, tokenizers, plans, runs, devices and errors.

mod error;
mod plan;
mod run;
mod text;
mod token;

pub use error::{ErrorKind, ErrorReport};
pub use plan::{MemoryKind, PassFlops, PlanSummary, ProfileEntry, SpeedFrom};
pub use run::{
    CheckpointSummary, FoundModel, HeldOut, MIN_HELD_OUT_TOKENS, OpenedRun, RunState, RunSummary,
    ValidationLoss,
};
pub use text::{
    CorpusSummary, DocumentSummary, DocumentsOverview, FetchProgress, FileProblem, RowFile, TextSummary,
};
pub use token::{Candidate, Cut, MergeStep, TokenSummary, TokenizerSummary, VocabularyEntry, WrittenToken};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// The CPU, with our own code.
    #[default]
    Cpu,
    Gpu,
    /// A software implementation of a GPU on the CPU.
    Software,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceSummary {
    /// Value for [`Command::ChooseDevice`](crate::Command::ChooseDevice) that selects it.
    pub request: String,
    pub name: String,
    pub kind: DeviceType,
    /// Driver, graphics API and features, in one line.
    pub details: String,
    /// Why it was chosen, or what a better device lacks and how to enable it, in a sentence or two.
    pub why: String,
    /// Maximum memory for a model in bytes, if the device reports it.
    pub memory: Option<u64>,
    /// Maximum size in bytes of a buffer binding.
    pub binding: Option<u64>,
    /// Maximum size in bytes of a buffer.
    pub buffer: Option<u64>,
    /// Whether it supports timestamps, to time kernels.
    pub timestamps: bool,
    pub mixed_precision: bool,
    /// For a run's device: kernels measured to be faster than the default ones, by shape bucket (`linear 1024x128x512`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tuned_kernels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSummary {
    /// A path natively; in a browser, [`Self::BROWSER`], or `memory` if the browser blocks storage.
    pub place: String,
    /// Whether the data persists after the tab is closed.
    pub lasting: bool,
    /// Bytes used, if known.
    pub used: Option<u64>,
    /// Total capacity in bytes, if known.
    pub quota: Option<u64>,
}

impl StorageSummary {
    pub const BROWSER: &str = "this browser";

    /// Whether a browser keeps the data, and may delete it.
    pub fn is_of_browser(&self) -> bool {
        self.place == Self::BROWSER
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProjectSummary {
    /// Folder name, or natively the path of a folder elsewhere.
    pub id: String,
    pub name: String,
    /// Unix time in seconds of the last change.
    pub updated: u64,
    /// Size on disk.
    pub bytes: u64,
    pub runs: usize,
    /// The run shown: the best on a text, else the latest that took a step. Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// That run's [`RunSummary::validation`].
    pub val_loss: Option<f32>,
    /// Mean bytes per token of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_token: Option<f64>,
    /// That run's training loss over its whole length, thinned to at most 60 points.
    pub curve: Vec<f32>,
    /// That run's last sample.
    pub sample: String,
    /// Completed and planned steps of the latest run, if the program that trained it ended unexpectedly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<(u64, u64)>,
    /// Whether it has its own moderation classifier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub classifier: bool,
    /// Whether it is deleted (and can be restored).
    pub deleted: bool,
    /// Why it cannot be opened, if it is damaged or of another version; fields that could not be read are then empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
