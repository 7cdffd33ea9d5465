//! Arguments of `bench`.

use super::{ConfigArguments, thread_count};
use clap::{Args, Subcommand};
use glasshouse_engine::protocol::View;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time of a training step, on random tokens
    Step(BenchStepArguments),
    /// Prompt and generation tokens per second, with random weights
    Decode(BenchDecodeArguments),
    /// Throughput of every kernel of a training step, and its share of the device's peak
    Kernel(BenchKernelArguments),
    /// Time of each view of the lens, with random weights
    Inspect(BenchInspectArguments),
    /// Time and memory of a step for models of many sizes, compared with their estimates
    Scaling(BenchScalingArguments),
}

#[derive(Args, Debug)]
pub struct BenchStepArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Device: auto, cpu, gpu, burn-wgpu, burn-flex, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose GPU kernels by adapter kind instead of timing variants
    #[arg(long)]
    pub no_autotune: bool,
    /// Run every operation of a layer separately with the default kernels, to measure the gain of fusions
    #[arg(long)]
    pub unfused: bool,
    /// Number of timed steps
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub repeats: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct BenchDecodeArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose GPU kernels by adapter kind instead of timing variants
    #[arg(long)]
    pub no_autotune: bool,
    /// Tokens of the prompt [default: half the context, at most 512]
    #[arg(long, value_name = "N")]
    pub prompt_tokens: Option<usize>,
    /// Tokens to generate after the first [default: the rest of the context, at most 128]
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// Batch sizes: one number, or several to compare
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1")]
    pub texts: Vec<usize>,
    /// Number of timed repetitions
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct BenchKernelArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Only kernels whose name contains TEXT; matmul selects all linear layers
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose GPU kernels by adapter kind instead of timing variants
    #[arg(long)]
    pub no_autotune: bool,
    /// Print one JSON object per kernel
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct BenchInspectArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Views to time, as in tokens,attention [default: all]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub view: Vec<View>,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Timed answers per view after the first; one if they take seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    /// Print one JSON object per view as soon as it is timed, and one per model
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct BenchScalingArguments {
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Only small models, with less time for each
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON object per model, and one at the end
    #[arg(long)]
    pub json: bool,
}
