//! Exports for other programs.

use super::Command;
use crate::{CheckpointChoice, FloatFormat, WeightFormat};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Export {
    /// One `.glasshouse` file.
    Project { id: String },
    /// The last cleaning's report, as an HTML page.
    Report,
    /// Files in the formats of TRL's trainers.
    Feedback {
        /// Write all rows to one file in the project's own format.
        #[serde(default)]
        one: bool,
    },
    /// The model card of an evaluated run, as an HTML page.
    Card { run: String },
    Model {
        run: String,
        /// `None` means the best checkpoint.
        checkpoint: Option<CheckpointChoice>,
        #[serde(default)]
        format: ExportFormat,
    },
    /// A dictionary, as a folder for SAELens.
    Dictionary {
        run: String,
        /// Number of the dictionary in the run; `None` means the latest.
        dictionary: Option<u64>,
    },
    /// A folder for continuing a run on many GPUs.
    Bundle {
        run: Option<String>,
        /// Device that takes the verification steps; `None` means the chosen device.
        device: Option<String>,
        #[serde(default = "verified_steps")]
        steps: u64,
    },
}

impl Export {
    pub fn to(self, to: Option<PathBuf>, keep: bool) -> Command {
        Command::Export { what: self, to, keep }
    }

    /// As [`Command::label`].
    pub(super) fn label(&self) -> Option<&'static str> {
        Some(match self {
            Self::Project { .. } => "packing the project",
            Self::Card { .. } => super::EVALUATING,
            Self::Model { .. } => "exporting the model",
            Self::Bundle { .. } => "writing the bundle",
            Self::Report | Self::Feedback { .. } | Self::Dictionary { .. } => return None,
        })
    }
}

/// Default number of verification steps of a bundle.
pub const VERIFIED_STEPS: u64 = 20;

fn verified_steps() -> u64 {
    VERIFIED_STEPS
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ExportFormat {
    /// A folder for `transformers`. By default, an imported model's weights have their original format if it still holds them exactly;
    /// others have 32 bits.
    HuggingFace {
        #[serde(default)]
        precision: Option<FloatFormat>,
    },
    /// A GGUF file for llama.cpp. By default, the matrices are stored as in the run, and those of a run in 32 bits in
    /// [`WeightFormat::PRESELECTED`]. With fewer than 6 bits, the head has 6.
    Gguf {
        #[serde(default)]
        quantization: Option<WeightFormat>,
    },
    /// Only the run's adapter, as a PEFT folder.
    Peft,
    /// One web page that runs the model in the visitor's browser: a file if its name ends in `.html`, else a folder for any static
    /// host. The page's template (`web/share`) is attached, unless an installed one is to be used.
    Page {
        /// Storage format of the matrices; a compressed run keeps its own.
        weights: WeightFormat,
        /// Add the README that makes the folder a static Space on Hugging Face.
        #[serde(default)]
        space: bool,
    },
    /// A small model in an address, for a Glasshouse page: the part after its `#`, attached to the answer as text.
    Link,
}

impl Default for ExportFormat {
    fn default() -> Self {
        Self::HuggingFace { precision: None }
    }
}

impl ExportFormat {
    pub const PAGE: Self = Self::Page { weights: WeightFormat::F16, space: false };
}

/// Ends the name of an exported link.
pub const LINK_ENDING: &str = ".link";
