//! Runs, their checkpoints, and models to import as runs.

use super::TextSummary;
use crate::quantity::{counted, whole};
use crate::setting::choices;
use crate::{CheckpointChoice, EnergyUse, Objective, TrainEvent};
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
    #[serde(default)]
    pub objective: Objective,
    pub step: u64,
    pub steps: u64,
    pub parameters: u64,
    /// Training loss of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f32>,
    /// Validation loss of the last evaluation, and its step.
    pub val_loss: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_step: Option<u64>,
    /// Validation loss of the best checkpoint, and its step.
    pub best_val_loss: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_step: Option<u64>,
    /// The set that its evaluations draw from; `None` if their loss is not a mean over tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Mean bytes per token of its text; `None` if it learns rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_token: Option<f64>,
    /// Planned memory on its device in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
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

/// The held-out set of a run's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Windows of a text, or examples.
    pub rows: u64,
    /// Tokens whose loss counts.
    pub tokens: u64,
}

/// Tokens below which a mean loss cannot choose between checkpoints. The losses of single tokens of a small model have a standard
/// deviation of about 2 nats, so that the mean of 400 has a standard error of 0.1 nats, which is what neighbouring evaluations differ by.
pub const MIN_HELD_OUT_TOKENS: u64 = 400;

impl HeldOut {
    /// Whether it is large enough to choose the best checkpoint by.
    pub fn chooses(&self) -> bool {
        self.tokens >= MIN_HELD_OUT_TOKENS
    }
}

impl std::fmt::Display for HeldOut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, {}", counted(self.tokens, "held-out token"), counted(self.rows, "row"))
    }
}

/// A validation loss with the weights that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidationLoss {
    /// In nats per token.
    pub loss: f32,
    /// Step of the weights, if known.
    pub step: Option<u64>,
    /// Whether they are the best checkpoint's.
    pub best: bool,
}

impl ValidationLoss {
    /// The weights: `best, step 140`, or `step 20`.
    pub fn at(&self) -> String {
        let step = self.step.map(|step| format!("step {}", whole(step)));
        self.best.then(|| "best".to_owned()).into_iter().chain(step).collect::<Vec<_>>().join(", ")
    }
}

impl RunSummary {
    /// Up to `most` checkpoints after training began, evenly spaced, with the last; the initial weights of a run without others.
    pub fn spread_checkpoints(&self, most: usize) -> Vec<CheckpointSummary> {
        let mut checkpoints = self.checkpoints.clone();
        checkpoints.sort_by_key(|own| own.step);
        checkpoints.dedup_by_key(|own| own.step);
        if checkpoints.len() > 1 {
            checkpoints.retain(|own| own.step > 0);
        }
        let (all, count) = (checkpoints.len(), most.min(checkpoints.len()));
        (1..=count).map(|at| checkpoints[at * all / count - 1].clone()).collect()
    }

    /// The validation loss that represents the run everywhere: the best checkpoint's, or until there is one the last evaluation's. It is
    /// not called the best if the held-out text is too short to choose by.
    pub fn validation(&self) -> Option<ValidationLoss> {
        let best = self.held_out.is_none_or(|own| own.chooses());
        let best = self.best_val_loss.map(|loss| ValidationLoss { loss, step: self.best_step, best });
        best.or_else(|| Some(ValidationLoss { loss: self.val_loss?, step: self.val_step, best: false }))
    }

    /// Completed steps and all steps: `230 / 650`.
    pub fn progress(&self) -> String {
        format!("{} / {}", whole(self.step), whole(self.steps))
    }

    /// Completed share of the steps.
    pub fn share(&self) -> f32 {
        self.step as f32 / self.steps.max(1) as f32
    }

    /// A loss in nats per token as bits per byte of the run's text; `None` if it learns rows.
    pub fn bits_per_byte(&self, nats: f64) -> Option<f64> {
        let bytes = self.bytes_per_token.filter(|bytes| *bytes > 0.0)?;
        Some(nats / std::f64::consts::LN_2 / bytes)
    }

    /// The best run on a text, which represents a project: the one with the lowest bits per byte, if `bytes_per_token` is known, since
    /// losses per token of different tokenizers cannot be compared. Runs without a loss come last, newer before older ones.
    pub fn best_text<'a>(runs: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        let trained = |run: &&'a Self| run.steps > 0 && (run.step > 0 || run.validation().is_some());
        let texts = runs.into_iter().filter(trained).filter(|run| run.objective.learns_text());
        let loss = |run: &Self| {
            let nats = f64::from(run.validation().map_or(f32::INFINITY, |shown| shown.loss));
            run.bits_per_byte(nats).unwrap_or(nats)
        };
        let own: Vec<&Self> = texts.filter(|run| !run.for_comparison).collect();
        own.into_iter().rev().min_by(|one, other| loss(one).total_cmp(&loss(other)))
    }

    /// Updates the numbers with an event of its training.
    pub fn follow(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Step { step, loss, .. } => (self.step, self.train_loss) = (*step, Some(*loss)),
            TrainEvent::Eval { step, val_loss, best, .. } => {
                (self.val_loss, self.val_step) = (Some(*val_loss), Some(*step));
                if *best {
                    (self.best_val_loss, self.best_step) = (Some(*val_loss), Some(*step));
                }
            }
            TrainEvent::Guard(report) if report.went_back() => {
                self.step = report.step;
                let is_gone = |at: Option<u64>| at.is_some_and(|at| at > report.step);
                if is_gone(self.val_step) {
                    (self.val_loss, self.val_step) = (None, None);
                }
                if is_gone(self.best_step) {
                    (self.best_val_loss, self.best_step) = (None, None);
                }
            }
            TrainEvent::Done { step, .. } => self.step = *step,
            _ => {}
        }
    }

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

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Planned memory on its device in bytes.
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
    fn a_run_is_represented_by_its_best_checkpoint_and_before_by_its_last_evaluation() {
        let mut run = RunSummary { bytes_per_token: Some(2.0), ..RunSummary::default() };
        assert_eq!(run.validation(), None);
        let evaluated = |step, val_loss, best| TrainEvent::Eval {
            step,
            train_loss: 1.0,
            val_loss,
            best,
            preference: None,
        };
        run.follow(&evaluated(0, 5.5, false));
        assert_eq!(run.validation().map(|shown| (shown.loss, shown.at())), Some((5.5, "step 0".to_owned())));
        run.follow(&evaluated(140, 3.0, true));
        run.follow(&evaluated(160, 3.5, false));
        let shown = run.validation().map(|shown| (shown.loss, shown.at()));
        assert_eq!(shown, Some((3.0, "best, step 140".to_owned())));
        assert_eq!((run.val_loss, run.val_step), (Some(3.5), Some(160)));
        assert_eq!(run.bits_per_byte(2.0 * std::f64::consts::LN_2), Some(1.0));
    }

    #[test]
    fn a_model_that_was_imported_to_compare_with_says_so_and_another_does_not() {
        let mut run = RunSummary { state: RunState::Imported, for_comparison: true, ..RunSummary::default() };
        assert_eq!(run.state_words(), "imported for comparison");
        run.for_comparison = false;
        assert_eq!(run.state_words(), "imported");
    }
}
