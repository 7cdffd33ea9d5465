//! Arguments of `import`, `merge`, `export` and `bundle`.

use super::{DEFAULT_PROJECT, ModelArguments};
use clap::{Args, Subcommand, ValueEnum};
use glasshouse_engine::protocol::{Quantization, VERIFIED_STEPS};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct ImportArguments {
    /// Model to import: a Hugging Face folder, a GGUF file, or the address of either
    ///
    /// A folder has config.json, model.safetensors (or its shards) and tokenizer.json. An address is written as huggingface.co/OWNER/NAME.
    #[arg(value_name = "DIR|FILE.gguf|ADDRESS")]
    pub from: PathBuf,
    /// Project folder; created if missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Context length to keep [default: 2048, or the model's own]
    #[arg(long, value_name = "TOKENS")]
    pub context_length: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Export a run as a bundle
    Export(BundleExportArguments),
    /// Import a run that was trained with a bundle
    Import(BundleImportArguments),
}

#[derive(Args, Debug)]
pub struct BundleExportArguments {
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Run: number, name or title [default: the latest]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Steps to compute here, for comparison by `verify`
    #[arg(long, value_name = "N", default_value_t = VERIFIED_STEPS, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub steps: u64,
    /// Device for these steps: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Replace an existing bundle and its training results
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct BundleImportArguments {
    /// Bundle folder
    #[arg(value_name = "DIR")]
    pub bundle: PathBuf,
    /// Folder with train.py's metrics and checkpoints (its --out) [default: the bundle's folder `out`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
}

#[derive(Args, Debug)]
pub struct MergeArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder of a PEFT adapter to add (adapter_config.json, adapter_model.safetensors)
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Subtract that adapter from weights that contain it
    #[arg(long, requires = "adapter")]
    pub undo: bool,
}

#[derive(Args, Debug)]
pub struct ExportArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder to write, or file for GGUF
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// Format of the export
    #[arg(long, value_name = "FORMAT", default_value = "huggingface")]
    pub format: FormatName,
    /// Matrix type of a GGUF file [default: q8_0]
    #[arg(long, value_name = "TYPE")]
    pub quantization: Option<QuantizationName>,
    /// Replace an existing export
    #[arg(long)]
    pub force: bool,
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// Folder for transformers
    Huggingface,
    /// File for llama.cpp
    Gguf,
    /// The run's adapter, as a folder for PEFT
    Peft,
}

/// How a GGUF file stores matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QuantizationName {
    /// 32 bits per weight, as trained
    F32,
    /// 16 bits per weight
    F16,
    /// 8 bits per weight, and a scale per 32 weights
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits per weight, and a scale per 32 weights; the head in 6 bits
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
