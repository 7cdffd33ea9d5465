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
    /// Its data, of which the catalogue has a checksum: tiny-shakespeare, the-verdict, sms-spam, book-instructions, book-preferences; fetched
    /// unless said, as `glasshouse data fetch NAME` does
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// What spam, sft and dpo begin with: GPT-2 as a Hugging Face folder, or its address; dpo begins with the project's latest `sft` run unless said
    #[arg(long, value_name = "DIR|ADDRESS", conflicts_with = "resume")]
    pub weights: Option<String>,
    /// Change a setting of an exercise, as in `train`, which then gives no verdict; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", conflicts_with = "resume")]
    pub set: Vec<String>,
    /// auto (a real GPU, else the CPU), cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Threads of the CPU executor; all cores unless said
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Another length than the published run's, which then gives no verdict
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Continue the project's latest run, which is this one and was broken off, to its verdict
    #[arg(long, conflicts_with_all = ["data", "steps"])]
    pub resume: bool,
    /// Folder of the project; where there is one, the run is a new one in it unless resumed
    #[arg(long, value_name = "DIR", default_value = "glasshouse-reproduce")]
    pub project: PathBuf,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

/// The published runs that can be repeated: presets of the same names, and exercises of Raschka 2024, "Build a large language model (from
/// scratch)".
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PublishedRun {
    /// nanoGPT's shakespeare-char on a laptop: validation loss 1.88
    NanogptCpu,
    /// nanoGPT's shakespeare-char on a GPU: best validation loss 1.4697
    NanogptGpu,
    /// The book's chapter 5: a GPT-2 memorises a short story
    Verdict,
    /// Its chapter 6: GPT-2 tells spam from other messages, test accuracy 95.67 %
    Spam,
    /// Its chapter 7: GPT-2 medium follows instructions, validation loss 0.657
    Sft,
    /// And prefers polite answers, by DPO: validation loss 0.610
    Dpo,
}
