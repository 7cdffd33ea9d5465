//! What can be typed after `evaluate`.

use super::{MeasuringArguments, ModelArguments};
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::evaluation::MAX_RESAMPLES;
use std::path::PathBuf;

/// What evaluates models, and a program for others does not.
const SCRIPT_TAKES_NO: [&str; 9] =
    ["run", "runs", "suite", "against", "with_results", "card", "documents", "stride", "json"];

/// `evaluate`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct EvaluateArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// Several runs with commas between them, which are compared, paired by document and by row
    #[arg(long, value_name = "RUN,RUN", value_delimiter = ',', conflicts_with = "run")]
    pub runs: Vec<String>,
    /// Another model on the same text and rows: a run of the project, a Hugging Face folder, a GGUF file, or an address; may be repeated
    #[arg(long, value_name = "RUN|DIR|FILE.gguf|ADDRESS")]
    pub against: Vec<String>,
    /// Rows whose right answers are known, JSON Lines; may be repeated
    #[arg(long, value_name = "FILE")]
    pub task: Vec<PathBuf>,
    /// How answers are measured, with commas between: exact, f1, bleu, chrf, rouge (rouge:stemmer of the stems of words), rule
    /// (rule:numeric, rule:regex=EXPRESSION, which goes on to the list's end); of choices accuracy, and a set's own (bbq, mc2,
    /// stereotypes); of labels accuracy, report; of tags entities, accuracy. May be repeated. What fits the rows unless said
    #[arg(long = "metric", value_name = "NAME,NAME", requires = "task")]
    pub metrics: Vec<String>,
    /// Every family of the project's own instruction tasks (`corpus tasks`), in wordings that no training rows have
    #[arg(long, value_name = "NAME", value_enum)]
    pub suite: Option<SuiteName>,
    /// Rows of each task at most, the first ones; of a suite's families 100 unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rows: Option<u32>,
    /// Tokens of an answer at most; those of the longest right answer and some more unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: Option<u32>,
    /// Documents of the validation split at most; all unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub documents: Option<u32>,
    /// Tokens by which windows follow one another; half the context length unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub stride: Option<u32>,
    /// Leave out how well the validation text is predicted, and the baselines with it
    #[arg(long)]
    pub no_likelihood: bool,
    /// Leave out n-grams and compressors
    #[arg(long)]
    pub no_baselines: bool,
    /// Leave out how much of the training text the model writes from memory, which `audit` finds out and a card shows
    #[arg(long)]
    pub no_memorisation: bool,
    /// Write the first model's card: one page of HTML
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Put the card, or the program, in the place of one that is there
    #[arg(long)]
    pub force: bool,
    /// Write a Python program over transformers that answers the tasks with a model that does not run here, such as T5, and evaluate nothing
    #[arg(long, value_name = "DIR", requires = "task", conflicts_with_all = SCRIPT_TAKES_NO)]
    pub script: Option<PathBuf>,
    /// Results that such a program wrote: all of one task, or one file for each of several tasks, in their order
    #[arg(long, value_name = "FILE", requires = "task")]
    pub with_results: Vec<PathBuf>,
    /// What results are called in tables, in their order; their files' names unless said
    #[arg(long, value_name = "NAME", requires = "with_results")]
    pub name: Vec<String>,
    /// Resamples of each interval's bootstrap
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RESAMPLES)))]
    pub resamples: u32,
    /// What figures are computed with
    #[command(flatten)]
    pub measuring: MeasuringArguments,
    /// One JSON object per line instead of text: each evaluation, behind it the audit of what it memorised, then each comparison
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
  {"prompt": "Who wrote it?", "answer": "Ada"}                          answered in free text; several right ones: "answers": [...]
  {"messages": [{"role": "user", "content": "2+2?"}], "answer": "4"}    a conversation; "check" as `corpus tasks` writes it
  {"prompt": "The sky is", "choices": ["blue", "red"], "answer": 0}     chosen by likelihood
  {"text": "I like it.", "label": "good"}                               labelled
  {"tokens": ["Ada", "wrote"], "tags": ["B-PER", "O"]}                  tagged
Tables tell rows apart by "group", "template", "category", "subject" or "kind".
Unless a run is named, it is the latest that was trained, and not one that was imported.
What is found is kept with its run; the next evaluation of the same weights adds to it."#;
