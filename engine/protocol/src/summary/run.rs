//! Runs, their checkpoints, and models to import as runs.

use super::TextSummary;
use crate::setting::choices;
use crate::{CheckpointChoice, EnergyUse};
use serde::{Deserialize, Serialize};

choices! {
    #[derive(PartialOrd, Ord)]
    pub enum RunState = Created {
        /// Created; no step done yet.
        Created = "created";
        /// Being trained. A run's record also says so if the program died during training.
        Running = "running";
        /// The program that trained it ended unexpectedly; it can be resumed. Never stored in a record.
        Interrupted = "interrupted";
        /// Stopped on request; it can be resumed.
        Stopped = "stopped";
        /// Ended by early stopping: its evaluations stopped improving. It can be resumed.
        StoppedEarly = "stopped_early", "stopped early";
        Finished = "finished";
        /// An error ended it; it can be resumed from its last checkpoint.
        Failed = "failed";
        /// An imported model without training steps.
        Imported = "imported";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Folder name, `3-nanogpt-cpu`.
    pub name: String,
    /// The user's title, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The user's tags, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub state: RunState,
    /// Imported only for comparison; never counts as the project's latest run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_comparison: bool,
    /// The other run whose weights it started from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<crate::Start>,
    pub learns_from: crate::LearnsFrom,
    pub step: u64,
    pub steps: u64,
    pub parameters: u64,
    pub val_loss: Option<f32>,
    pub best_val_loss: Option<f32>,
    pub seconds: f64,
    /// Unix time of creation in seconds.
    pub created: u64,
    pub device: String,
    /// The error that ended it, if any.
    pub error: Option<String>,
    pub notes: String,
    /// Name of the preset that it started from, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preset: String,
    /// What differs from that preset, as `learning rate 0.0003`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Shape in a few words: `4 layers · width 128 · context length 64`.
    pub shape: String,
    /// Labels of a classifier, or a single one for a reward model; empty for a language model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Oldest first.
    pub checkpoints: Vec<CheckpointSummary>,
    /// Estimated training time in seconds.
    pub estimated_seconds: Option<f64>,
    /// Energy of the training, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyUse>,
}

impl RunSummary {
    /// Whether it is a language model: its head predicts tokens.
    pub fn writes(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether it is a reward model ([`crate::ModelConfig::scores`]).
    pub fn scores(&self) -> bool {
        self.labels.len() == 1
    }

    /// Whether it is a classifier with several labels.
    pub fn classifies(&self) -> bool {
        self.labels.len() > 1
    }

    /// The state in words; models imported for comparison are marked as such.
    pub fn state_words(&self) -> &'static str {
        if self.for_comparison { "imported for comparison" } else { self.state.title() }
    }

    /// Whether a user's input names this run: by number (`3`), full name (`3-nanogpt-cpu`), or name without the number.
    pub fn is_called(&self, name: &str) -> bool {
        let parts = self.name.split_once('-');
        self.name == name || parts.is_some_and(|(number, label)| number == name || label == name)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointSummary {
    pub file: String,
    pub step: u64,
    /// Validation loss at that step, if it was evaluated.
    pub val_loss: Option<f32>,
    /// Whether its loss is the lowest so far.
    pub best: bool,
    /// Whether training can resume from it: it has the optimizer state. Milestones hold only weights.
    pub resumable: bool,
    pub bytes: u64,
}

impl CheckpointSummary {
    /// How commands and settings refer to it: by file name.
    pub fn choice(&self) -> CheckpointChoice {
        CheckpointChoice::File(self.file.clone())
    }
}

/// A run on its training device, ready to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedRun {
    pub config: crate::RunConfig,
    pub resumes: bool,
    /// Size of its text, if recorded with the tokens.
    pub text: Option<TextSummary>,
    pub parameters: u64,
    pub trained_parameters: u64,
    pub flops_per_token: f64,
    /// Memory use on its device in bytes.
    pub bytes: u64,
    pub device: String,
    /// Whether the device is a GPU, whose driver may compile kernels in the first steps.
    pub on_gpu: bool,
    /// Why its precision was chosen, if it was chosen just now.
    pub settled: Option<String>,
    /// Summary of the timings that chose the device's kernels.
    pub tuned: Option<String>,
    /// Warnings about model size, run length and text.
    pub proportions: Vec<String>,
    /// A prompt to try; the samples' prompt if the vocabulary contains it.
    pub prompt: String,
}

/// A pretrained model that can be imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundModel {
    /// Handle for [`ModelSource::Looked`](crate::ModelSource::Looked).
    pub number: u64,
    /// Name of its folder or file.
    pub name: String,
    /// Its `transformers` class.
    pub class: String,
    pub parameters: u64,
    /// Bytes of its weights in the source.
    pub bytes: u64,
    pub shape: String,
    pub context_length: usize,
    /// Context length of the import if none is requested.
    pub default_context: usize,
    /// Further remarks, one line each.
    pub notices: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_was_imported_to_compare_with_says_so_and_another_does_not() {
        let mut run = RunSummary { state: RunState::Imported, for_comparison: true, ..RunSummary::default() };
        assert_eq!(run.state_words(), "imported for comparison");
        run.for_comparison = false;
        assert_eq!(run.state_words(), "imported");
    }
}
