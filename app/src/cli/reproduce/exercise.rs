//! The published runs (`exercises.toml`): data, base, settings, and published results.

use super::rows::{self, ExerciseRows};
use crate::cli::prelude::*;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exercise {
    /// Name on the command line.
    pub name: String,
    /// Its line of help.
    pub about: String,
    /// Where the figure was published.
    pub source: String,
    /// Catalogue name of the data.
    pub data: String,
    /// How the data become rows; `None` for plain text.
    pub rows: Option<RowFormat>,
    pub begins: Begins,
    pub objective: Objective,
    pub steps: u64,
    pub rate: Option<f64>,
    pub batch: Option<usize>,
    /// Settings in addition to [`COMMON`].
    #[serde(default)]
    pub sets: Vec<String>,
    pub figure: Figure,
    /// Differences from the published run, and their effect on the figure.
    #[serde(default)]
    pub differs: String,
    /// Conditions of the figure.
    #[serde(default)]
    pub note: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RowFormat {
    Spam,
    Instructions,
    Preferences,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Begins {
    /// Random weights, with the settings of the preset of this name.
    Preset,
    Fresh,
    /// GPT-2 weights provided by the user.
    Weights(Gpt2),
    /// The result of the exercise `sft`, unless weights are named.
    Tuned(Gpt2),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpt2 {
    /// Repository on the Hugging Face Hub.
    pub repository: String,
    pub layers: usize,
    pub width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    /// The text is memorised: the last evaluation's training loss, compared with the published one, is below 1, and the
    /// validation loss rose after its minimum.
    Memorised {
        train: f64,
        validation: f64,
    },
    /// Of the last evaluation.
    Loss(f64),
    /// The lowest of the run.
    BestLoss(f64),
    Accuracy(f64),
}

impl Figure {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Memorised { .. } => "training loss of a memorised text",
            Self::Loss(_) => "validation loss",
            Self::BestLoss(_) => "best validation loss",
            Self::Accuracy(_) => "test accuracy",
        }
    }

    pub(super) fn published(self) -> f64 {
        match self {
            Self::Memorised { train: figure, .. }
            | Self::Loss(figure)
            | Self::BestLoss(figure)
            | Self::Accuracy(figure) => figure,
        }
    }
}

/// Settings of the book's exercises.
pub(super) const COMMON: &[&str] = &[
    "train.decay=constant",
    "train.warmup_steps=0",
    "train.min_learning_rate=0",
    "train.beta1=0.9",
    "train.beta2=0.999",
    "train.eps=1e-8",
    "train.gradient_clipping=0",
    "train.accumulate=1",
    "train.sample_interval=0",
    "model.dropout={embedding=0.0, attention=0.0, residual=0.0}",
];

pub(super) static EXERCISES: LazyLock<Vec<Exercise>> = LazyLock::new(|| {
    // The file is part of the program, and tests use its runs.
    let file: BTreeMap<String, Vec<Exercise>> =
        toml::from_str(include_str!("exercises.toml")).unwrap_or_default();
    file.into_values().flatten().collect()
});

impl Exercise {
    pub(super) fn find(name: &str) -> Result<&'static Self> {
        let found = EXERCISES.iter().find(|exercise| exercise.name == name);
        found.with_context(|| format!("no published run is called {name}"))
    }

    pub(super) fn is_preset(&self) -> bool {
        self.begins == Begins::Preset
    }

    /// The shape of the published run's base model.
    pub(super) fn shape(&self) -> Option<&Gpt2> {
        match &self.begins {
            Begins::Preset | Begins::Fresh => None,
            Begins::Weights(of) | Begins::Tuned(of) => Some(of),
        }
    }
}

impl RowFormat {
    pub(super) fn rows(self, text: &str) -> Result<ExerciseRows> {
        match self {
            Self::Spam => rows::spam(text),
            Self::Instructions => rows::instructions(text),
            Self::Preferences => rows::preferences(text),
        }
    }
}
