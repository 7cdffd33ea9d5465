//! Arguments of `evaluate`.

use super::{MeasuringArguments, ModelArguments};
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::evaluation::MAX_RESAMPLES;
use std::path::PathBuf;

/// Options that `--script` excludes.
const SCRIPT_TAKES_NO: [&str; 9] =
    ["run", "runs", "suite", "against", "with_results", "card", "documents", "stride", "json"];

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct EvaluateArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Runs to compare, separated by commas; paired by document and row
    #[arg(long, value_name = "RUN,RUN", value_delimiter = ',', conflicts_with = "run")]
    pub runs: Vec<String>,
    /// Another model for the same text and rows: a run, a Hugging Face folder, a GGUF file, or an address; may be repeated
    #[arg(long, value_name = "RUN|DIR|FILE.gguf|ADDRESS")]
    pub against: Vec<String>,
    /// Task file: JSON Lines with known answers; may be repeated
    #[arg(long, value_name = "FILE")]
    pub task: Vec<PathBuf>,
    /// Metrics, separated by commas; may be repeated [default: by kind of row]
    ///
    /// Answers: exact_match, f1, bleu, chrf, rouge, rouge:stemmer, rule, rule:numeric, rule:regex=EXPRESSION (extends to the end of the
    /// list). Choices: acc (with acc_norm and acc_mutual_info), or the metrics of a set (bbq, mc2, stereotypes). Labels: acc,
    /// classification_report. Tags: entities, acc.
    #[arg(long = "metric", value_name = "NAME,NAME", requires = "task")]
    pub metrics: Vec<String>,
    /// Evaluate all families of instruction tasks (`corpus tasks`), in held-out wordings
    #[arg(long, value_name = "NAME", value_enum)]
    pub suite: Option<SuiteName>,
    /// Maximum rows per task, from the start [default: all; 100 per family of a suite]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rows: Option<u32>,
    /// Maximum tokens of an answer [default: slightly more than the longest right answer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: Option<u32>,
    /// Maximum documents of the validation split [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub documents: Option<u32>,
    /// Stride between windows, in tokens [default: half the context length]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub stride: Option<u32>,
    /// Skip the validation text and its baselines
    #[arg(long)]
    pub no_likelihood: bool,
    /// Skip n-grams and compressors
    #[arg(long)]
    pub no_baselines: bool,
    /// Skip memorisation, which `audit` measures and a card shows
    #[arg(long)]
    pub no_memorisation: bool,
    /// Write the first model's card as an HTML file
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Replace an existing card or script
    #[arg(long)]
    pub force: bool,
    /// Write a Python script that answers the tasks with a transformers model, such as T5, and evaluate nothing
    #[arg(long, value_name = "DIR", requires = "task", conflicts_with_all = SCRIPT_TAKES_NO)]
    pub script: Option<PathBuf>,
    /// Results written by that script; may be repeated
    ///
    /// Either all files of one task, or one file for each task in their order.
    #[arg(long, value_name = "FILE", requires = "task")]
    pub with_results: Vec<PathBuf>,
    /// Names of the results in tables, in their order [default: their file names]
    #[arg(long, value_name = "NAME", requires = "with_results")]
    pub name: Vec<String>,
    /// Bootstrap resamples per interval
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RESAMPLES)))]
    pub resamples: u32,
    #[command(flatten)]
    pub measuring: MeasuringArguments,
    /// Print one JSON object per line: each evaluation, its memorisation audit, then each comparison
    #[arg(long)]
    pub json: bool,
}

/// Suites of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SuiteName {
    /// The project's own instruction tasks
    Tasks,
}

const AFTER_HELP: &str = r#"Rows of a task, one JSON object a line:
  {"prompt": "Who wrote it?", "answer": "Ada"}                          answered in free text; or several right "answers": [...]
  {"messages": [{"role": "user", "content": "2+2?"}], "answer": "4"}    a conversation; "check" as `corpus tasks` writes it
  {"prompt": "The sky is", "choices": ["blue", "red"], "answer": 0}     chosen by likelihood
  {"text": "I like it.", "label": "good"}                               labelled
  {"tokens": ["Ada", "wrote"], "tags": ["B-PER", "O"]}                  tagged
Tables group rows by "group", "template", "category", "subject" or "kind".
The default run is the latest trained one; imported models do not count.
Results are kept with the run, and the next evaluation of the same weights adds to them."#;
