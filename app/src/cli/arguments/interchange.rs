//! Arguments of `import`, `merge`, `export`, `handover` and `bring-back`.

use super::{DEFAULT_PROJECT, ModelArguments};
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::{Quantization, VERIFIED_STEPS};
use std::path::PathBuf;

/// `import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// Folder with config.json, model.safetensors (or its shards) and tokenizer.json; or a GGUF file; or the address of
    /// either, as huggingface.co/OWNER/NAME
    #[arg(value_name = "DIR|FILE.gguf|ADDRESS")]
    pub from: PathBuf,
    /// Project folder; made if there is none
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Context length to shorten the model's to [default: 2048, or the model's own]
    #[arg(long, value_name = "TOKENS")]
    pub context_length: Option<usize>,
}

/// `handover`.
#[derive(Args, Debug)]
pub struct HandoverArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run, by number, name or title; the latest unless said
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Steps to take here, which `verify` compares with
    #[arg(long, value_name = "N", default_value_t = VERIFIED_STEPS, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub steps: u64,
    /// Where they are taken: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Replace a bundle that is there, and what was trained in it
    #[arg(long)]
    pub force: bool,
}

/// `bring-back`.
#[derive(Args, Debug)]
pub struct BringBackArguments {
    /// The bundle
    #[arg(value_name = "DIR")]
    pub bundle: PathBuf,
    /// Where train.py wrote metrics and checkpoints (its --out) [default: the bundle's folder `out`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of the project that the run is of
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
}

/// `merge`.
#[derive(Args, Debug)]
pub struct MergeArguments {
    /// Which run's adapter
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder of an adapter that PEFT wrote (adapter_config.json, adapter_model.safetensors), to add to the run's weights
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Remove that adapter from weights that it was added to
    #[arg(long, requires = "adapter")]
    pub undo: bool,
}

/// `export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder to write, or file for GGUF
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// What to write: a folder for transformers, a file for llama.cpp, or an adapter for PEFT
    #[arg(long, value_name = "FORMAT", default_value = "huggingface")]
    pub format: FormatName,
    /// How a GGUF file stores matrices [default: q8_0]
    #[arg(long, value_name = "TYPE")]
    pub quantization: Option<QuantizationName>,
    /// Replace an export that is there already
    #[arg(long)]
    pub force: bool,
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// A folder that transformers opens
    Huggingface,
    /// A file that llama.cpp opens
    Gguf,
    /// The run's adapter alone, as a folder that PEFT opens over the model that the run began with
    Peft,
}

/// How a GGUF file stores matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QuantizationName {
    /// 32 bits per weight, as trained
    F32,
    /// 16 bits per weight
    F16,
    /// 8 bits per weight, and a scale for every 32
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits per weight, and a scale for every 32; the head in 6 bits
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<QuantizationName> for Quantization {
    fn from(name: QuantizationName) -> Self {
        match name {
            QuantizationName::F32 => Self::F32,
            QuantizationName::F16 => Self::F16,
            QuantizationName::Q8_0 => Self::Q8_0,
            QuantizationName::Q4_0 => Self::Q4_0,
        }
    }
}
