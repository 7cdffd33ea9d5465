//! Arguments of `data`.

use super::{ConfigArguments, JsonArguments};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Clean files and folders into kept.jsonl, dropped.jsonl with reasons, report.json and report.html
    Clean(DataCleanArguments),
    /// Print a cleaning's report: counts by rule, source and language, samples, lengths
    Inspect(DataInspectArguments),
    /// Show the result of every rule for one document, and the document before and after
    Explain(DataExplainArguments),
    /// Compare short runs on raw and cleaned documents, with several seeds, on the same held-out text
    Compare(Box<DataCompareArguments>),
    /// Print a recipe as TOML, to edit it
    Recipe(DataRecipeArguments),
    /// Print a recipe as a datatrove script in Python, for a cluster
    Script(DataScriptArguments),
    /// List the public corpora for `data fetch`
    Catalogue(JsonArguments),
    /// Download and verify a public corpus; interrupted downloads are resumed
    Fetch(DataFetchArguments),
}

#[derive(Args, Debug)]
pub struct DataCleanArguments {
    /// Files and folders to clean; - reads standard input (text or JSONL)
    ///
    /// Text, Markdown, HTML, JSON, JSONL, CSV, Parquet, PDF, WARC, dumps, code; also as .gz, .zst, .bz2 and .zip
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
pub struct DataInspectArguments {
    /// Folder of the cleaning
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print the report as one JSON object
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

#[derive(Args, Debug)]
pub struct DataCompareArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Raw files and folders
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder with the cleaned documents
    #[arg(long, value_name = "DIR")]
    pub clean: PathBuf,
    /// Number of seeds, each with a pair of runs
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub seeds: usize,
    /// Project folder for the runs
    #[arg(long, value_name = "DIR", default_value = "glasshouse-comparison")]
    pub project: PathBuf,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct DataRecipeArguments {
    /// Recipe: fineweb, gopher, c4, light, raw, or a TOML file
    #[arg(value_name = "NAME")]
    pub recipe: String,
}

#[derive(Args, Debug)]
pub struct DataScriptArguments {
    /// Recipe: fineweb, gopher, c4, light, raw, or a TOML file
    #[arg(long, value_name = "NAME")]
    pub recipe: String,
}

#[derive(Args, Debug)]
pub struct DataFetchArguments {
    /// Name from `glasshouse data catalogue`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder to write [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}
