//! `glasshouse data`: the data bench on the command line.

use super::corpus::parse_size;
use super::prelude::*;
use super::report::print;
use super::train::try_next;
use glasshouse_corpus::output::{DROPPED_FILE, KEPT_FILE, REPORT_FILE, REPORT_PAGE};
use glasshouse_corpus::pipeline::{self, UNFINISHED};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_corpus::report::{self, CleaningReport};
use glasshouse_corpus::{script, shards};
use glasshouse_documents::SystemFiles;
use glasshouse_engine::protocol::blocks::Excerpt;
use glasshouse_engine::protocol::cleaning::{CleaningProgress, CleaningStart, CleaningStep, Phase, blocks};
use glasshouse_engine::tokenizer::Tokenizer;
use indicatif::ProgressBar;

pub(super) fn data(command: &DataCommand) -> Result<()> {
    match command {
        DataCommand::Clean(arguments) => clean(arguments),
        DataCommand::Inspect { folder, json } => inspect(folder, *json),
        DataCommand::Explain(arguments) => explain(arguments),
        DataCommand::Recipe { recipe } => Ok(say!("{}", named(recipe)?.to_toml()?.trim_end())?),
        DataCommand::Script { recipe } => Ok(say!("{}", script::datatrove(&named(recipe)?)?.trim_end())?),
        DataCommand::Export { folder, to, shard_size, tokenizer } => {
            export(folder, to, *shard_size, tokenizer.as_deref())
        }
        DataCommand::Catalogue(arguments) => super::fetch::catalogue(arguments.json),
        DataCommand::Fetch { name, to, json } => super::fetch::fetch(name, to.as_deref(), *json),
    }
}

/// Reports files that could not be read, entirely or in part.
pub(super) fn print_problems(problems: &[FileProblem]) {
    for FileProblem { name, reason, .. } in problems {
        report!("warning: {name} {reason}");
    }
}

/// A recipe by name; a misspelt name is a usage error.
pub(super) fn named(name: &str) -> Result<Recipe> {
    Recipe::named(name).map_err(|error| usage(format!("--recipe {name}: {error}")))
}

/// Like `named`, with the text in the given field.
fn named_for(name: &str, text_field: Option<&str>) -> Result<Recipe> {
    let mut recipe = named(name)?;
    if let Some(field) = text_field {
        recipe.reading.text_field = Some(field.to_owned());
    }
    Ok(recipe)
}

fn clean(arguments: &DataCleanArguments) -> Result<()> {
    let recipe = named_for(&arguments.recipe, arguments.text_field.as_deref())?;
    let command = Command::CleanFiles {
        inputs: arguments.input.clone(),
        out: arguments.out.clone(),
        recipe: recipe.to_toml()?,
        restart: arguments.restart,
        force: arguments.force,
    };
    let (json, restart) = (arguments.json, arguments.restart);
    let (mut bar, mut phase, mut percent, mut report) = (None, None, None, None);
    // A bar on a terminal, nothing in a pipe, phases and whole percents as JSON.
    let on_event = |event| {
        match event {
            Event::Cleaning(CleaningStep::Started { start }) => {
                begun(&start, json)?;
                let has_bar = !json && std::io::stderr().is_terminal();
                bar = has_bar.then(|| super::bar::bar(1, "{bar:28} {wide_msg}"));
            }
            Event::Cleaning(CleaningStep::Progress(progress)) => {
                let CleaningProgress { phase: now, done, total, documents, kept } = progress;
                let of_phase = Some((now, 100 * done / total.max(1)));
                // Ignore a closed stdout.
                if phase.replace(now) != Some(now) && json {
                    say!("{}", json!({ "event": "phase", "phase": now.name() })).ok();
                }
                if std::mem::replace(&mut percent, of_phase) != of_phase && json {
                    let progress = json!({
                        "event": "progress", "done": done, "total": total, "documents": documents, "kept": kept
                    });
                    say!("{progress}").ok();
                }
                bar.iter().for_each(|bar| show(bar, &progress));
            }
            Event::Cleaning(CleaningStep::Done { report: done }) => (bar, report) = (None, Some(done)),
            Event::Cleaning(CleaningStep::Stopped { documents: None }) => {
                bar = None;
                report!("the cleaning was stopped; nothing was changed");
            }
            Event::Cleaning(CleaningStep::Stopped { documents: Some(documents) }) => {
                bar = None;
                let (documents, without) =
                    (counted(documents, "document"), if restart { " without --restart" } else { "" });
                report!("the cleaning was stopped after {documents}; the same command{without} continues it");
            }
            _ => {}
        }
        Ok(())
    };
    drive(session::Options::default(), async |engine| {
        // An interrupt is no error here; the exit code reports it.
        engine.ask_until_signal(command, "stopping after the current files", on_event).await
    })?;
    report.map_or(Ok(()), |report| summary(arguments, &recipe, &report))
}

fn show(bar: &ProgressBar, progress: &CleaningProgress) {
    let CleaningProgress { phase, done, total, documents, kept } = progress;
    bar.set_length((*total).max(1));
    bar.set_position(*done);
    let of = match phase {
        Phase::Reading => format!("{} of {}", bytes(*done), bytes(*total)),
        _ => format!("{} of {} {}", count(*done), count(*total), things(*total, "document")),
    };
    let read = format!("{} {} read", count(*documents), things(*documents, "document"));
    bar.set_message(format!("{} {of} · {read} · {} kept", phase.name(), count(*kept)));
}

fn summary(arguments: &DataCleanArguments, recipe: &Recipe, report: &CleaningReport) -> Result<()> {
    if arguments.json {
        let stages = report.stages.iter().map(|stage| {
            json!({
                "name": stage.about.name, "documents": stage.removed.documents, "words": stage.removed.words,
                "edited": stage.edited.before.documents,
            })
        });
        let line = json!({
            "event": "done", "documents": report.raw.documents, "kept": report.kept.documents, "dropped": report.dropped(),
            "bytes": report.raw.bytes, "kept_bytes": report.kept.bytes, "held_out": report.held_out.documents,
            "warnings": report.warnings(), "troubles": report.troubles.count,
            "memory_bytes_per_document": pipeline::bytes_per_document(recipe), "stages": stages.collect::<Vec<_>>(),
        });
        return Ok(say!("{line}")?);
    }
    let out = arguments.out.display();
    print(&blocks::summary(report))?;
    say!("\n{out}/{KEPT_FILE:13}   the kept documents")?;
    say!("{out}/{DROPPED_FILE:13}   the dropped documents, each with the reason")?;
    say!("{out}/{REPORT_PAGE:13}   the report, to read or print")?;
    let out = quoted(&arguments.out);
    let inspect = format!("glasshouse data inspect {out}");
    let next = if report.kept.documents > 0 {
        (format!("glasshouse train --data {out} --project my"), "train on the kept documents")
    } else {
        let again = "glasshouse data clean … --recipe raw --force";
        (again.to_owned(), "nothing was kept; `raw` drops nothing")
    };
    Ok(say!("\n{}", try_next(&[(inspect, "the report in the terminal"), next]))?)
}

/// Reports the progress of the interrupted cleaning that this one resumes.
fn begun(start: &CleaningStart, json: bool) -> Result<()> {
    let (event, text) = match start {
        CleaningStart::New => return Ok(()),
        CleaningStart::Resumed { documents } => (
            json!({ "event": "resumed", "documents": documents }),
            format!("resuming after the {} read by a stopped cleaning", counted(*documents, "document")),
        ),
        CleaningStart::StartedOver { reason } => (
            json!({ "event": "started_over", "reason": reason }),
            format!("the stopped cleaning cannot be continued: {reason}"),
        ),
    };
    Ok(if json { say!("{event}") } else { say!("{text}") }?)
}

fn read_report(folder: &Path) -> Result<CleaningReport> {
    let path = folder.join(REPORT_FILE);
    let unfinished = pipeline::is_unfinished(&SystemFiles, folder);
    let text = match std::fs::read_to_string(&path) {
        Err(_) if unfinished => bail!("{}: the folder holds {UNFINISHED}", folder.display()),
        text => {
            text.with_context(|| format!("{}: not a folder of `glasshouse data clean`", path.display()))?
        }
    };
    if unfinished {
        report!("note: the folder also holds {UNFINISHED}; this is the previous report");
    }
    CleaningReport::from_json(&text).map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))
}

fn inspect(folder: &Path, json: bool) -> Result<()> {
    let report = read_report(folder)?;
    match json {
        true => say_json(&report),
        false => Ok(print(&blocks::blocks(&report, &report::diff::words))?),
    }
}

fn explain(arguments: &DataExplainArguments) -> Result<()> {
    let DataExplainArguments { id, input, recipe, text_field, .. } = arguments;
    let recipe = named_for(recipe, text_field.as_deref())?;
    let preview = pipeline::PreparedRecipe::new(recipe, &SystemFiles)?;
    let compared = pipeline::compare(&SystemFiles, &preview, input, id, &async || ());
    let compared = pollster::block_on(compared)?;
    if arguments.json {
        return say_json(&compared);
    }
    say!("{}\n", printable(&compared.id))?;
    for verdict in &compared.verdicts {
        let off = if verdict.on { "" } else { " (off)" };
        let reason = if verdict.reason.is_empty() { String::new() } else { format!(": {}", verdict.reason) };
        say!("  {:<24} {}{off}{}", verdict.stage, verdict.verdict.name(), printable(&reason))?;
    }
    say!("")?;
    let text = Excerpt { text: compared.changes, ..Excerpt::default() }.plain();
    Ok(text.lines().try_for_each(|line| say!("{}", printable(line)))?)
}

fn export(folder: &Path, to: &Path, shard_size: u64, tokenizer: Option<&Path>) -> Result<()> {
    let tokenizer = tokenizer.map(Tokenizer::load).transpose()?;
    let mut count = |text: &str| {
        let tokens = tokenizer.as_ref().map(|tokenizer| tokenizer.encode(text)).transpose();
        let tokens = tokens.map_err(|error| glasshouse_documents::Error::Refused(error.to_string()));
        Ok(tokens?.map(|tokens| tokens.len() as u64))
    };
    for path in shards::export(&SystemFiles, folder, to, shard_size, &mut count)? {
        say!("{}", path.display())?;
    }
    Ok(())
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Clean files and folders into kept.jsonl, dropped.jsonl with reasons, report.json and report.html
    Clean(DataCleanArguments),
    /// Print a cleaning's report: counts by rule, source and language, samples, lengths
    Inspect {
        /// Folder of the cleaning
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Print the report as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show the result of every rule for one document, and the document before and after
    Explain(DataExplainArguments),
    /// Print a recipe as TOML, to edit it
    Recipe {
        /// Recipe: fineweb, gopher, c4, light, raw, or a TOML file
        #[arg(value_name = "NAME")]
        recipe: String,
    },
    /// Print a recipe as a datatrove script in Python, for a cluster
    Script {
        /// Recipe: fineweb, gopher, c4, light, raw, or a TOML file
        #[arg(long, value_name = "NAME")]
        recipe: String,
    },
    /// Export the kept documents in shards of JSON Lines, for other pipelines
    Export {
        /// Folder of the cleaning
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Shards to write: NAME.jsonl.gz, NAME.jsonl.zst or NAME.jsonl becomes NAME-00000.jsonl.gz and so on
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Bytes of a shard before compression
        #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = parse_size)]
        shard_size: u64,
        /// tokenizer.json that counts the tokens of each document [default: token_count is left out]
        #[arg(long, value_name = "FILE")]
        tokenizer: Option<PathBuf>,
    },
    /// List the public corpora for `data fetch`
    Catalogue(JsonArguments),
    /// Download and verify a public corpus; interrupted downloads are resumed
    Fetch {
        /// Name from `glasshouse data catalogue`, or hf://OWNER/NAME[@REVISION][/PATH]
        #[arg(value_name = "NAME")]
        name: String,
        /// Folder to write [default: the user's cache folder]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// Print JSON Lines
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub struct DataCleanArguments {
    /// Files and folders to clean; - reads standard input (text or JSONL)
    ///
    /// Text, Markdown, HTML, JSON, JSONL, CSV, Parquet, PDF, Word, EPUB, WARC, dumps, code; also as .gz, .zst, .bz2 and .zip
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder to write: new, or from an earlier cleaning
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Recipe: fineweb, gopher, c4, light (for your own files), raw (drops and alters nothing), or a TOML file
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// Field or column with the text, with dots for nested fields [default: text or content]
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Start over instead of continuing a stopped cleaning
    #[arg(long)]
    pub restart: bool,
    /// Replace another cleaning, or write to a folder with other files
    #[arg(long)]
    pub force: bool,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct DataExplainArguments {
    /// Document id, from kept.jsonl or dropped.jsonl
    #[arg(value_name = "ID")]
    pub id: String,
    /// Files and folders that were cleaned
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Recipe, or a cleaned folder's recipe.toml
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// Field or column with the text, as given for the cleaning
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
