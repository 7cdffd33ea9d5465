//! Arguments of `data`.

use super::{ConfigArguments, JsonArguments};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `data`.
#[derive(Args, Debug)]
pub struct DataArguments {
    /// What to do
    #[command(subcommand)]
    pub command: DataCommand,
}

/// Subcommands of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Clean files and folders: kept.jsonl, dropped.jsonl with reasons, report.json, report.html
    Clean(DataCleanArguments),
    /// Show a cleaning's report: counts by rule, source and language, samples, lengths
    Inspect(DataInspectArguments),
    /// Say what every rule makes of one document, and show it before and after
    Explain(DataExplainArguments),
    /// Train short runs on the raw and on the cleaned documents by several seeds, and compare their losses on the same held-out text
    Compare(Box<DataCompareArguments>),
    /// Print a recipe as TOML, to change it and clean by it
    Recipe(DataRecipeArguments),
    /// Print a recipe as a Python script for datatrove, which runs it on a cluster
    Script(DataScriptArguments),
    /// List the public corpora that `data fetch` knows
    Catalogue(JsonArguments),
    /// Download a public corpus: resumed where it was broken off, verified, kept
    Fetch(DataFetchArguments),
}

/// `data clean`.
#[derive(Args, Debug)]
pub struct DataCleanArguments {
    /// Files and folders: text, Markdown, HTML, JSON, JSONL, CSV, Parquet, PDF, WARC, dumps, code; .gz, .zst, .bz2 and .zip too; - for
    /// standard input (text or JSONL)
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder to write, new or of an earlier cleaning
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// fineweb, gopher, c4, light (for your own files), raw (drops and alters nothing), or a TOML file
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// The field or column that holds the text, with dots where it lies inside of others; else `text` or `content`
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Begin anew, even where a stopped cleaning of the same files by the same recipe can be continued
    #[arg(long)]
    pub restart: bool,
    /// Put this cleaning in the place of another one, or beside files that no cleaning wrote
    #[arg(long)]
    pub force: bool,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data inspect`.
#[derive(Args, Debug)]
pub struct DataInspectArguments {
    /// Folder of a cleaning
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `data explain`.
#[derive(Args, Debug)]
pub struct DataExplainArguments {
    /// The document's id, as kept.jsonl and dropped.jsonl have it
    #[arg(value_name = "ID")]
    pub id: String,
    /// The files and folders that were cleaned
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// The recipe; a cleaned folder's own is its recipe.toml
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub recipe: String,
    /// The field or column that holds the text, as it was named for the cleaning
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data compare`.
#[derive(Args, Debug)]
pub struct DataCompareArguments {
    /// The run's starting point and changes to it, the same for all runs
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The raw files and folders
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder of their cleaning
    #[arg(long, value_name = "DIR")]
    pub clean: PathBuf,
    /// Pairs of runs, each with a seed of its own: a difference within the noise of seeds is no difference
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub seeds: usize,
    /// Folder of the project that the runs are kept in
    #[arg(long, value_name = "DIR", default_value = "glasshouse-comparison")]
    pub project: PathBuf,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// `data recipe`.
#[derive(Args, Debug)]
pub struct DataRecipeArguments {
    /// fineweb, gopher, c4, light, raw, or a TOML file
    #[arg(value_name = "NAME")]
    pub recipe: String,
}

/// `data script`.
#[derive(Args, Debug)]
pub struct DataScriptArguments {
    /// fineweb, gopher, c4, light, raw, or a TOML file
    #[arg(long, value_name = "NAME")]
    pub recipe: String,
}

/// `data fetch`.
#[derive(Args, Debug)]
pub struct DataFetchArguments {
    /// Name in `glasshouse data catalogue`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder to keep it in; the cache folder of this user unless said
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// JSON lines instead of text
    #[arg(long)]
    pub json: bool,
}
