//! Arguments of `recipe`.

use super::{DEFAULT_PROJECT, thread_count};
use clap::Args;
use glasshouse_engine::protocol::Start;
use glasshouse_engine::protocol::recipes::RECIPES;
use std::path::PathBuf;

/// Training options, excluded by `--measure`.
const MEASURE_TAKES_NO: [&str; 7] = ["from", "steps", "batch_size", "lr", "adapter", "seed", "set"];

/// Options excluded by `--example`.
const EXAMPLE_TAKES_NO: [&str; 11] =
    ["data", "measure", "from", "steps", "batch_size", "lr", "adapter", "seed", "set", "device", "threads"];

#[derive(Args, Debug)]
#[command(after_help = list())]
pub struct RecipeArguments {
    /// Recipe [default: list all recipes]
    pub name: Option<String>,
    /// Your rows, a tenth of which is held out [default: generated rows]
    #[arg(long, value_name = "FILE", requires = "name")]
    pub data: Option<PathBuf>,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, requires = "name")]
    pub project: PathBuf,
    /// Model to start from: a run of the project, a Hugging Face folder, a GGUF file, or an address
    #[arg(
        long,
        value_name = "RUN[:CHECKPOINT]|DIR|FILE.gguf|ADDRESS",
        default_value = Start::LATEST,
        requires = "name"
    )]
    pub from: String,
    /// Write ten example rows and train nothing
    #[arg(long, value_name = "FILE", requires = "name", conflicts_with_all = EXAMPLE_TAKES_NO)]
    pub example: Option<PathBuf>,
    /// Measure a run and train nothing: number, name or title
    ///
    /// Measures on the held-out rows of the run's data, on generated rows if it was not trained with this recipe, or with --data on all rows of
    /// the file.
    #[arg(long, value_name = "RUN", requires = "name", conflicts_with_all = MEASURE_TAKES_NO)]
    pub measure: Option<String>,
    /// Optimizer steps [default: the recipe's, or that of the starting run]
    #[arg(long, value_name = "N", requires = "name")]
    pub steps: Option<u64>,
    /// Sequences per micro-batch
    #[arg(long, value_name = "N", requires = "name")]
    pub batch_size: Option<usize>,
    /// Peak learning rate [default: the recipe's]
    #[arg(long, value_name = "X", allow_negative_numbers = true, requires = "name")]
    pub lr: Option<f64>,
    /// Train an adapter and freeze the model: lora
    #[arg(long, value_name = "KIND", requires = "name")]
    pub adapter: Option<String>,
    /// Seed of batches and dropout
    #[arg(long, value_name = "N", requires = "name")]
    pub seed: Option<u64>,
    /// Set any field of run.toml, as in `train`; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", requires = "name")]
    pub set: Vec<String>,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", requires = "name")]
    pub device: Option<String>,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count, requires = "name")]
    pub threads: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// One line per recipe.
fn list() -> String {
    let widest = RECIPES.iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    let line = |name: &str, learns: &str| format!("  {name:<widest$}  {learns}\n");
    let lines: String = RECIPES.iter().map(|recipe| line(recipe.name, recipe.learns)).collect();
    format!("Recipes:\n{lines}")
}
