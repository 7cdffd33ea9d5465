//! `glasshouse corpus`: generates stories and instruction tasks.

use super::arguments::{CorpusCommand, CorpusStoriesArguments, CorpusTasksArguments};
use super::settings::usage;
use glasshouse_engine::data::stories;
use glasshouse_engine::data::task_folder::write_folder;
use glasshouse_engine::data::tasks::TaskOptions;
use glasshouse_engine::protocol::quantity::counted;
use std::io::{BufWriter, Write as _};

pub(super) fn corpus(command: &CorpusCommand) -> anyhow::Result<()> {
    match command {
        CorpusCommand::Stories(arguments) => print_stories(arguments),
        CorpusCommand::Tasks(arguments) => write_tasks(arguments),
    }
}

fn print_stories(arguments: &CorpusStoriesArguments) -> anyhow::Result<()> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    stories::write_corpus(arguments.bytes, arguments.seed, &mut output)?;
    output.flush()?;
    Ok(())
}

fn write_tasks(arguments: &CorpusTasksArguments) -> anyhow::Result<()> {
    let CorpusTasksArguments { seed, count, kinds, level, to, force } = arguments;
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    if here.is_some() && here == std::fs::canonicalize(to).ok() {
        return Err(usage("tasks cannot replace the current folder; name a new one in it with --to"));
    }
    let options = TaskOptions { seed: *seed, count: *count, kinds: kinds.clone(), level: *level };
    let written = write_folder(&options, to, *force)?;
    for (file, rows) in &written.rows {
        say!("{}: {}", to.join(file).display(), counted(*rows, "row"))?;
    }
    say!("format, checks and levels: {}", to.join("README.md").display())?;
    Ok(())
}
