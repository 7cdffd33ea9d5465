//! What can be typed after `reproduce`.

use super::thread_count;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `reproduce`.
#[derive(Args, Debug)]
pub struct ReproduceArguments {
    /// Which run
    #[arg(value_enum)]
    pub run: PublishedRun,
    /// tinyshakespeare; fetched unless said, as `glasshouse data fetch tiny-shakespeare` does
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Another length than the published run's, which then gives no verdict
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Go on with the project's latest run, which was broken off, to its verdict
    #[arg(long, conflicts_with_all = ["data", "steps"])]
    pub resume: bool,
    /// Folder of the project; where there is one, the run is a new one in it unless resumed
    #[arg(long, value_name = "DIR", default_value = "glasshouse-reproduce")]
    pub project: PathBuf,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// The published runs that can be repeated: presets of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PublishedRun {
    /// nanoGPT's shakespeare-char on a laptop: validation loss 1.88
    NanogptCpu,
    /// nanoGPT's shakespeare-char on a GPU: best validation loss 1.4697
    NanogptGpu,
}
