//! What can be typed after `bench`.

use super::{ConfigArguments, thread_count};
use clap::{Args, Subcommand};
use glasshouse_engine::protocol::View;

/// `bench`.
#[derive(Args, Debug)]
pub struct BenchArguments {
    /// What to measure
    #[command(subcommand)]
    pub command: BenchCommand,
}

/// Subcommands of `bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time of a training step, on random tokens
    Step(BenchStepArguments),
    /// Prompt and generation tokens per second, with random weights
    Decode(BenchDecodeArguments),
    /// What every kernel of a training step reaches, and its share of the device's peak
    Kernel(BenchKernelArguments),
    /// Time of each view of the lens, with random weights
    Inspect(BenchInspectArguments),
    /// Time and memory of a step for models of many sizes, beside their estimates
    Scaling(BenchScalingArguments),
}

/// `bench step`.
#[derive(Args, Debug)]
pub struct BenchStepArguments {
    /// The run's starting point and changes to it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// auto, cpu, gpu, burn-wgpu, burn-flex, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose a GPU's kernels by its kind alone, instead of timing variants first
    #[arg(long)]
    pub no_autotune: bool,
    /// Run every operation of a layer by itself on a GPU, with its default kernels (as --no-autotune), to see what fusions gain
    #[arg(long)]
    pub unfused: bool,
    /// Timed steps
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub repeats: usize,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `bench decode`.
#[derive(Args, Debug)]
pub struct BenchDecodeArguments {
    /// The model, as a run has it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose a real GPU's kernels by its kind alone, instead of timing variants first
    #[arg(long)]
    pub no_autotune: bool,
    /// Tokens of the prompt; half a window, 512 at most, unless said
    #[arg(long, value_name = "N")]
    pub prompt_tokens: Option<usize>,
    /// Tokens to write after the first; what the window has room for, 128 at most, unless said
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// Texts that are written at once: one number, or several to compare
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1")]
    pub texts: Vec<usize>,
    /// Timed passages of prompt and text
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `bench kernel`.
#[derive(Args, Debug)]
pub struct BenchKernelArguments {
    /// The run's starting point and changes to it
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Only kernels with this in their name; matmul stands for all the linear layers'
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose a GPU's kernels by its kind alone, instead of timing variants first
    #[arg(long)]
    pub no_autotune: bool,
    /// One JSON object a kernel instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `bench inspect`.
#[derive(Args, Debug)]
pub struct BenchInspectArguments {
    /// The model, as a run has it; three of different sizes unless one is named
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Only these views: tokens,attention
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub view: Vec<View>,
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Timed answers of each view, after the first; one where they take seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    /// One JSON object a view as soon as it is timed, and one a model, instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `bench scaling`.
#[derive(Args, Debug)]
pub struct BenchScalingArguments {
    /// auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// The small models only, and less time for each
    #[arg(long)]
    pub quick: bool,
    /// One JSON object a model, and one in the end, instead of a table
    #[arg(long)]
    pub json: bool,
}
