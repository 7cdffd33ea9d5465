//! Runs and their checkpoints, and models that become runs.

use super::TextSummary;
use crate::CheckpointChoice;
use serde::{Deserialize, Serialize};

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
    /// Ended by early stopping: its evaluations got no better. It can be resumed.
    StoppedEarly,
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
            Self::StoppedEarly => "stopped early",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Imported => "imported",
        }
    }
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
    /// It was imported to compare others with, and is never the project's latest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_comparison: bool,
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
    /// What it classifies texts by, or one alone of a run that scores them; none of a run that writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointSummary>,
    /// Seconds that it was estimated to take.
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

    /// Whether it classifies texts by labels.
    pub fn classifies(&self) -> bool {
        self.labels.len() > 1
    }

    /// Its state in words, with what an imported model is for.
    pub fn state_words(&self) -> &'static str {
        if self.for_comparison { "imported to compare" } else { self.state.word() }
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

impl CheckpointSummary {
    /// How commands and settings name it: by its file.
    pub fn choice(&self) -> CheckpointChoice {
        CheckpointChoice::File(self.file.clone())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_was_imported_to_compare_with_says_so_and_another_does_not() {
        let mut run = RunSummary { state: RunState::Imported, for_comparison: true, ..RunSummary::default() };
        assert_eq!(run.state_words(), "imported to compare");
        run.for_comparison = false;
        assert_eq!(run.state_words(), "imported");
    }
}
