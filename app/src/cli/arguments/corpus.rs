//! Arguments of `corpus`.

use super::parse_size;
use clap::{Args, Subcommand};
use glasshouse_engine::data::tasks::{LEVELS, TaskKind};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Print short children's stories from a seeded grammar
    Stories(CorpusStoriesArguments),
    /// Write a folder of instruction tasks with checkable answers, as JSON Lines
    Tasks(CorpusTasksArguments),
}

#[derive(Args, Debug)]
pub struct CorpusStoriesArguments {
    /// Amount of text, as in 500KB or 2MB (10³ and 10⁶ bytes); ends with a whole story
    #[arg(long, value_name = "SIZE", default_value = "2MB", value_parser = parse_size)]
    pub bytes: u64,
    /// Seed of the generator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Args, Debug)]
pub struct CorpusTasksArguments {
    /// Seed of the generator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Training rows; validation and held-out rows are a twentieth each, at least 200
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub count: u64,
    /// Kinds of task, separated by commas [default: all]
    ///
    /// story, summary, classification, tagging, rewriting, arithmetic, ordering, translation, refusal, conversation
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = task_kind)]
    pub kinds: Vec<TaskKind>,
    /// Highest level to include, from 1, the easiest
    #[arg(long, value_name = "N", default_value_t = LEVELS, value_parser = clap::value_parser!(u8).range(1..=i64::from(LEVELS)))]
    pub level: u8,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace existing tasks
    #[arg(long)]
    pub force: bool,
}

fn task_kind(text: &str) -> Result<TaskKind, String> {
    TaskKind::from_name(text.trim()).ok_or_else(|| {
        let names: Vec<&str> = TaskKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected {}", names.join(", "))
    })
}
