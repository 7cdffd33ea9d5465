//! `glasshouse feedback`.

use super::DEFAULT_PROJECT;
use clap::Args;
use glasshouse_engine::protocol::{CheckpointChoice, Uncertainty};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct FeedbackArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Write all rows to a folder
    ///
    /// chat.jsonl, preferences.jsonl and labels.jsonl, in the formats of TRL's trainers, and texts.jsonl with labelled texts.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["remove", "json", "propose"])]
    pub export: Option<PathBuf>,
    /// With --export, write the project's feedback.jsonl as a single file
    #[arg(long, requires = "export")]
    pub one: bool,
    /// Replace an earlier export
    #[arg(long, requires = "export")]
    pub force: bool,
    /// Remove a row by its number in the list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "propose")]
    pub remove: Option<u32>,
    /// Print each row as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Propose what to answer or label next from a file: diverse prompts on which the model is uncertain
    ///
    /// The file has JSON Lines with `prompt`, `messages` or `text`; for a run with labels, texts as in `classify`.
    #[arg(long, value_name = "FILE")]
    pub propose: Option<PathBuf>,
    #[command(flatten)]
    pub proposing: ProposeArguments,
}

/// How `feedback --propose` looks.
#[derive(Args, Debug)]
pub struct ProposeArguments {
    /// Number of proposals
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), requires = "propose")]
    pub count: u32,
    /// Uncertainty measure: entropy, disagreement or margin [default: margin for a run with labels, else entropy]
    ///
    /// entropy of the answer's tokens (on the CPU), disagreement of several answers, or margin between the likeliest labels
    #[arg(long, value_name = "MEASURE", value_parser = uncertainty, requires = "propose")]
    pub measure: Option<Uncertainty>,
    /// Answers per prompt for disagreement
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=64), requires = "propose")]
    pub samples: u32,
    /// Maximum tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 64, requires = "propose")]
    pub max_tokens: usize,
    /// Run: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN", requires = "propose")]
    pub run: Option<String>,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best", requires = "propose")]
    pub checkpoint: CheckpointChoice,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto", requires = "propose")]
    pub device: String,
    /// Write the proposals to a new file, to be answered or labelled and trained on
    #[arg(long, value_name = "FILE", requires = "propose")]
    pub to: Option<PathBuf>,
}

fn uncertainty(name: &str) -> Result<Uncertainty, String> {
    let found = Uncertainty::ALL.into_iter().find(|known| known.name() == name);
    found.ok_or_else(|| format!("expected {}", Uncertainty::ALL.map(Uncertainty::name).join(", ")))
}
