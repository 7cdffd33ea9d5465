//! Arguments of `generate` and `chat`.

use super::{DEFAULT_PROJECT, ModerationArguments, PrecisionArgument};
use clap::Args;
use glasshouse_engine::protocol::CheckpointChoice;
use std::path::PathBuf;

/// How the next token is drawn, shared by `generate` and `chat`.
#[derive(Args, Clone, Debug)]
pub struct SamplingArguments {
    /// Tokens to write at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_tokens: usize,
    /// Divides the logits; lower is safer, 0 always takes the likeliest
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Always take the likeliest token (the same as --temperature 0)
    #[arg(long)]
    pub greedy: bool,
    /// Draw among the k likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,
    /// Draw among the likeliest tokens that reach this probability together; 1 is all
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f32,
    /// Leave out tokens less likely than this share of the likeliest
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true)]
    pub min_p: f32,
    /// Above 1, tokens of the window become less likely
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Stop before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// What of it is not shown
    #[command(flatten)]
    pub moderation: ModerationArguments,
    /// What a GPU reads weights as
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "auto")]
    pub precision: PrecisionArgument,
    /// Choose a real GPU's kernels by its kind alone, instead of timing variants for up to two seconds
    #[arg(long)]
    pub no_autotune: bool,
}

/// Which trained model, shared by `generate`, `chat`, `export` and `tokenizer`.
#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// Folder of the project
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run by number, name or title; the latest unless said
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best")]
    pub checkpoint: CheckpointChoice,
}

/// `generate`.
#[derive(Args, Debug)]
pub struct GenerateArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// What the text begins with
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub prompt: String,
    /// How tokens are drawn
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// Write so many texts at once, under the seeds from --seed on, each as it would be by itself: on the CPU bit for bit, on a GPU but for
    /// rounding
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub samples: Option<u16>,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// `classify`.
#[derive(Args, Debug)]
pub struct ClassifyArguments {
    /// Which model: a run whose objective is classify, or a reward model
    #[command(flatten)]
    pub model: ModelArguments,
    /// A text; may be repeated
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    pub text: Vec<String>,
    /// Texts of a file: JSON Lines with a field `text`, or a table (.csv) with such a column; where it has labels, too, says how many
    /// are right
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// `chat`.
#[derive(Args, Debug)]
pub struct ChatArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// How tokens are drawn
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// What the model is told first of all, where it has a chat template
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Go on from the text itself, even if the model has a chat template
    #[arg(long, conflicts_with = "system")]
    pub no_template: bool,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
}
