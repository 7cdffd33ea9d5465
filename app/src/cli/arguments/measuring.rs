//! Arguments of commands that evaluate models.

use super::thread_count;
use clap::Args;

/// What figures are computed with, shared by `evaluate` and `audit`.
#[derive(Args, Clone, Debug)]
pub struct MeasuringArguments {
    /// Seed of samples and bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Device: auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
}
