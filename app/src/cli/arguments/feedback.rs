//! `glasshouse feedback`.

use super::DEFAULT_PROJECT;
use clap::Args;
use std::path::PathBuf;

/// `feedback`.
#[derive(Args, Debug)]
pub struct FeedbackArguments {
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Write all rows to a folder: chat.jsonl, preferences.jsonl and labels.jsonl, as TRL's trainers read them
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["remove", "json"])]
    pub export: Option<PathBuf>,
    /// Write one file, feedback.jsonl, as the project has it
    #[arg(long, requires = "export")]
    pub one: bool,
    /// Take the place of an earlier export
    #[arg(long, requires = "export")]
    pub force: bool,
    /// Remove a row, by its number in the list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub remove: Option<u32>,
    /// Print each row as a line of JSON
    #[arg(long)]
    pub json: bool,
}
