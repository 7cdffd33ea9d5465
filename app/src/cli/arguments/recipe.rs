//! What can be typed after `recipe`.

use super::{DEFAULT_PROJECT, thread_count};
use clap::Args;
use glasshouse_engine::protocol::Start;
use glasshouse_engine::protocol::recipes::RECIPES;
use std::path::PathBuf;

/// What says how to train: nothing where a run is measured alone.
const MEASURE_TAKES_NO: [&str; 7] = ["from", "steps", "batch_size", "lr", "adapter", "seed", "set"];

/// And where an example is written.
const EXAMPLE_TAKES_NO: [&str; 11] =
    ["data", "measure", "from", "steps", "batch_size", "lr", "adapter", "seed", "set", "device", "threads"];

/// `recipe`.
#[derive(Args, Debug)]
#[command(after_help = list())]
pub struct RecipeArguments {
    /// Which recipe; the list of them all unless said
    pub name: Option<String>,
    /// Your own rows, of which a tenth is held out to measure by; generated rows unless said
    #[arg(long, value_name = "FILE", requires = "name")]
    pub data: Option<PathBuf>,
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, requires = "name")]
    pub project: PathBuf,
    /// What to begin with, as in `train`: a run of the project, a Hugging Face folder, a GGUF file, or an address
    #[arg(
        long,
        value_name = "RUN[:CHECKPOINT]|DIR|FILE.gguf|ADDRESS",
        default_value = Start::LATEST,
        requires = "name"
    )]
    pub from: String,
    /// Write an example of its data, ten rows, and train nothing
    #[arg(long, value_name = "FILE", requires = "name", conflicts_with_all = EXAMPLE_TAKES_NO)]
    pub example: Option<PathBuf>,
    /// Measure a run, by number, name or title, and train nothing: by the rows that were held out of its data, generated ones where it
    /// learned no data of the recipe, or with --data all rows of the file
    #[arg(long, value_name = "RUN", requires = "name", conflicts_with_all = MEASURE_TAKES_NO)]
    pub measure: Option<String>,
    /// Optimizer steps; the recipe's, or that of the run which it begins with, unless said
    #[arg(long, value_name = "N", requires = "name")]
    pub steps: Option<u64>,
    /// Batch size, as in `train`
    #[arg(long, value_name = "N", requires = "name")]
    pub batch_size: Option<usize>,
    /// Peak learning rate; the recipe's unless said
    #[arg(long, value_name = "X", allow_negative_numbers = true, requires = "name")]
    pub lr: Option<f64>,
    /// Train an adapter and freeze the model, as in `train`: lora
    #[arg(long, value_name = "KIND", requires = "name")]
    pub adapter: Option<String>,
    /// Seed of batches and dropout
    #[arg(long, value_name = "N", requires = "name")]
    pub seed: Option<u64>,
    /// Set any field of the run's TOML, as in `train`; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", requires = "name")]
    pub set: Vec<String>,
    /// auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", requires = "name")]
    pub device: Option<String>,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count, requires = "name")]
    pub threads: Option<usize>,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// A recipe a line, with what it is for.
fn list() -> String {
    let widest = RECIPES.iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    let line = |name: &str, learns: &str| format!("  {name:<widest$}  {learns}\n");
    let lines: String = RECIPES.iter().map(|recipe| line(recipe.name, recipe.learns)).collect();
    format!("Recipes:\n{lines}")
}
