//! `glasshouse corpus`: generates stories and instruction tasks.

use super::export::check_not_here;
use super::prelude::*;
use glasshouse_engine::data::stories;
use glasshouse_engine::data::task_folder::write_folder;
use glasshouse_engine::data::tasks::{LEVELS, TaskKind, TaskOptions};
use std::io::BufWriter;

pub(super) fn corpus(command: &CorpusCommand) -> anyhow::Result<()> {
    match command {
        CorpusCommand::Stories { bytes, seed } => {
            let mut output = BufWriter::new(terminal::out());
            stories::write_corpus(*bytes, *seed, &mut output)?;
            Ok(output.flush()?)
        }
        CorpusCommand::Tasks(arguments) => write_tasks(arguments),
    }
}

fn write_tasks(arguments: &CorpusTasksArguments) -> anyhow::Result<()> {
    let CorpusTasksArguments { seed, count, kinds, level, to, force } = arguments;
    check_not_here(to, "tasks")?;
    let options = TaskOptions { seed: *seed, count: *count, kinds: kinds.clone(), level: *level };
    let written = write_folder(&options, to, *force)?;
    for (file, rows) in &written.rows {
        say!("{}: {}", to.join(file).display(), counted(*rows, "row"))?;
    }
    Ok(say!("format, checks and levels: {}", to.join("README.md").display())?)
}

#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Print short children's stories from a seeded grammar
    Stories {
        /// Amount of text, as in 500KB or 2MB (10³ and 10⁶ bytes); ends with a whole story
        #[arg(long, value_name = "SIZE", default_value = "2MB", value_parser = parse_size)]
        bytes: u64,
        /// Seed of the generator
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
    /// Write a folder of instruction tasks with checkable answers, as JSON Lines
    Tasks(CorpusTasksArguments),
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
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = |text: &str| TaskKind::named("kind of task", text.trim()))]
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

/// Parses a size such as `2MB`, `500 KB` or `1048576` as bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        _ => return Err(format!("`{unit}` is not a unit of size; use B, KB, MB or GB")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is not a size; use one such as 2MB"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large; use one such as 2GB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_units() {
        assert_eq!(parse_size("2MB"), Ok(2_000_000));
        assert_eq!(parse_size("500 kb"), Ok(500_000));
        assert_eq!(parse_size("17"), Ok(17));
        assert!(parse_size("2 miles").is_err());
        assert!(parse_size("99999999999GB").unwrap_err().ends_with("; use one such as 2GB"));
    }
}
