//! Arguments of `generate` and `chat`.

use super::{DEFAULT_PROJECT, ModerationArguments, PrecisionArgument};
use clap::Args;
use glasshouse_engine::protocol::CheckpointChoice;
use std::path::PathBuf;

/// How the next token is drawn, shared by `generate` and `chat`.
#[derive(Args, Clone, Debug)]
pub struct SamplingArguments {
    /// Maximum tokens to generate
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_tokens: usize,
    /// Temperature, which divides the logits; 0 is greedy
    #[arg(long, value_name = "X", default_value_t = 0.8, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Always take the likeliest token (same as --temperature 0)
    #[arg(long)]
    pub greedy: bool,
    /// Sample from the k likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,
    /// Sample from the likeliest tokens with this total probability; 1 is all
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    pub top_p: f32,
    /// Exclude tokens below this share of the highest probability
    #[arg(long, value_name = "P", default_value_t = 0.0, allow_negative_numbers = true)]
    pub min_p: f32,
    /// Penalty for tokens in the context window; 1 is none
    #[arg(long, value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
    /// Sampling seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Stop before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    #[command(flatten)]
    pub moderation: ModerationArguments,
    /// Precision in which a GPU reads weights
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "auto")]
    pub precision: PrecisionArgument,
    /// Choose GPU kernels by adapter kind instead of timing variants (up to two seconds)
    #[arg(long)]
    pub no_autotune: bool,
}

/// Which trained model, shared by `generate`, `chat`, `export` and `tokenizer`.
#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Checkpoint: best, latest, or the path of a checkpoint file
    #[arg(long, value_name = "WHICH", default_value = "best")]
    pub checkpoint: CheckpointChoice,
}

#[derive(Args, Debug)]
pub struct GenerateArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Prompt
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub prompt: String,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// Generate N texts in one batch, with consecutive seeds from --seed
    ///
    /// Each text is the same as when generated separately with its seed: bit for bit on the CPU, up to rounding on a GPU.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub samples: Option<u16>,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ClassifyArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Text to classify; may be repeated
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    pub text: Vec<String>,
    /// File of texts: JSON Lines with a field `text`, or a table (.csv) with that column
    ///
    /// If the file has labels, the accuracy is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ChatArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// System message, for models with a chat template
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Continue the plain text, even if the model has a chat template
    #[arg(long, conflicts_with = "system")]
    pub no_template: bool,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
}
