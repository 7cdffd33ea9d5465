//! `glasshouse feedback`: feedback on replies from the Chat page.

use super::prelude::*;
use super::propose::{ProposeArguments, propose};
use crate::format;

/// Maximum characters of a message in the list.
const SHOWN: usize = 48;

pub(super) fn feedback(arguments: &FeedbackArguments) -> Result<()> {
    if let Some(pool) = &arguments.propose {
        return propose(pool, arguments);
    }
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, false).await?;
        let command = match (&arguments.export, arguments.remove) {
            (Some(to), _) => Export::Feedback { one: arguments.one }.to(Some(to.clone()), !arguments.force),
            (None, Some(number)) => {
                let (expected, rows) = (Vec::new(), Vec::new());
                Command::SpliceFeedback { at: Some(number - 1), removed: 1, expected, rows }
            }
            (None, None) => Command::ListFeedback,
        };
        let show = |event| {
            match event {
                Event::Exported(export) => export.files.iter().try_for_each(|file| say!("{file}"))?,
                Event::Feedback { rows } => list(&rows, arguments.json)?,
                _ => {}
            }
            Ok(())
        };
        engine.ask(command, shown(show)).await
    })
}

fn list(rows: &[Feedback], json: bool) -> Result<()> {
    if json {
        return rows.iter().try_for_each(say_json);
    }
    if rows.is_empty() {
        return Ok(say!("no feedback yet: rate a reply on the Chat page")?);
    }
    for (number, row) in (1..).zip(rows) {
        let kind = row.kind().map_or("", |kind| kind.title());
        let (run, asked) = (&row.run, short(row.asked()));
        let replies = row.replies().into_iter().map(short).collect::<Vec<_>>().join("  over  ");
        say!("{number:>4}  {kind:<12}  {run:<16}  {asked}  →  {replies}")?;
    }
    Ok(())
}

/// The first words of a text, on one line.
pub(super) fn short(text: &str) -> String {
    format::shortened(&format::in_one_line(text), SHOWN)
}

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
    #[arg(long, value_name = "N", value_parser = at_least(1), conflicts_with = "propose")]
    pub remove: Option<usize>,
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
