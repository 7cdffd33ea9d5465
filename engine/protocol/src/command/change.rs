//! Changes of projects, documents, settings, recipes and runs.

use super::Command;
use crate::cleaning::PersonalAction;
use crate::{CheckpointChoice, Compression, RunConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectChange {
    Rename(String),
    /// Copies the project with all its files, under this name.
    Duplicate(String),
    /// [`Self::Restore`] can undo this until the program ends or starts again.
    Delete,
    Restore,
}

impl ProjectChange {
    pub fn to(self, id: impl Into<String>) -> Command {
        Command::ChangeProject { id: id.into(), change: self }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DocumentsChange {
    /// Copies files. Their bytes are attached in the order of the names; natively, a name without bytes is the path of a file or folder
    /// to copy.
    Add {
        /// File names of a kind that the data bench reads, or paths of files and folders.
        names: Vec<String>,
    },
    /// Replaces all files with the attached ones for the next run; if that run is refused, the old files are restored.
    Replace {
        names: Vec<String>,
    },
    Remove {
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fit", rename_all = "snake_case")]
pub enum Fit {
    /// Reduces batch size, context length and layers until the run fits the device.
    ToDevice { config: Box<RunConfig> },
    /// Benchmarks the device briefly and sizes a first run on the built-in stories to last about `seconds`.
    First { seconds: f64 },
    /// Finds a learning rate by a range test on the project's text. Leaves no run behind. Answered by `RangeTested`s instead of `Fitted`.
    LearningRate { config: Box<RunConfig>, test: crate::RangeTest },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RecipeChange {
    /// `fineweb`, `gopher`, `c4`, `light` or `raw`.
    Preset { name: String },
    /// A whole recipe.
    Toml { toml: String },
    /// Switches a stage on or off.
    Stage {
        /// [`StageCard::name`](crate::cleaning::StageCard::name).
        stage: String,
        on: bool,
    },
    /// A number of a stage.
    Threshold {
        stage: String,
        /// Its name within the stage.
        threshold: String,
        value: f64,
    },
    /// The file of a stage; empty for none.
    File { stage: String, file: String },
    /// The action for a class of personal data.
    Personal { class: String, action: PersonalAction },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunChange {
    Notes(String),
    /// Empty removes the title.
    Title(String),
    Tags(Vec<String>),
    /// [`Self::Restore`] can undo this until the project is opened again. Refused while the run trains.
    Delete,
    Restore,
    /// Creates a new run that starts at this checkpoint, with the same settings and schedule.
    RestoreCheckpoint(CheckpointChoice),
    /// Creates a new run, without steps, from the weights with the run's adapter merged into them. Answered by `RunAdded` first.
    MergeAdapter {
        /// `None` means the best checkpoint.
        checkpoint: Option<CheckpointChoice>,
        /// Folder of a PEFT adapter to merge instead (native).
        adapter: Option<PathBuf>,
    },
    /// Creates a new run, without steps, from the weights made smaller, and measures size, speed and loss before and after. Answered by
    /// `Compressed` first, for every point of a frontier.
    Compress {
        /// `None` means the best checkpoint.
        checkpoint: Option<CheckpointChoice>,
        /// `None` measures a frontier: several methods, each compared with the original.
        method: Option<Compression>,
        /// Maximum number of validation documents for the losses; `None` takes all.
        documents: Option<usize>,
        /// Keep a frontier's points as runs; a single method's run is always kept.
        #[serde(default)]
        keep: bool,
    },
}

impl RunChange {
    pub fn to(self, run: impl Into<String>) -> Command {
        Command::ChangeRun { run: run.into(), change: self }
    }

    /// As [`Command::label`].
    pub(super) fn label(&self) -> Option<&'static str> {
        match self {
            Self::RestoreCheckpoint(_) => Some("restoring the checkpoint"),
            Self::MergeAdapter { .. } => Some("merging the adapter"),
            Self::Compress { .. } => Some("compressing the model"),
            _ => None,
        }
    }
}
