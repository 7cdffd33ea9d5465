//! `glasshouse export`: exports a trained model as a Hugging Face folder or a GGUF file, which it compares with the run.

use super::arguments::ModelArguments;
use super::driver::drive;
use super::settings::usage;
use super::trained;
use anyhow::Result;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::{Command, Event, ExportFormat, Verification, WeightFormat};
use glasshouse_engine::session;
use serde::Serialize;
use std::path::PathBuf;

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    if here.is_some() && here == std::fs::canonicalize(&arguments.to).ok() {
        return Err(usage("an export cannot replace the current folder; name a new one in it with --to"));
    }
    let format = match (arguments.format, arguments.quantization) {
        (FormatName::Huggingface, None) => ExportFormat::HuggingFace,
        (FormatName::Peft, None) => ExportFormat::Peft,
        (FormatName::Huggingface | FormatName::Peft, Some(_)) => {
            return Err(usage(
                "--quantization is for --format gguf; the Hugging Face format is written in f32",
            ));
        }
        (FormatName::Gguf, name) => {
            ExportFormat::Gguf { quantization: name.map_or(WeightFormat::Q8_0, WeightFormat::from) }
        }
    };
    let (mut has_labels, mut found) = (false, Report::default());
    drive(session::Options::default(), async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        let (run, config) = trained::settings_of(engine, project, run.clone()).await?;
        has_labels = !config.model.labels.is_empty();
        let (checkpoint, to) = (Some(checkpoint.clone()), Some(arguments.to.clone()));
        let command = Command::ExportModel { run, checkpoint, format, to, keep: !arguments.force };
        let show = |event| {
            match event {
                Event::Exported { files, .. } => found.files = files,
                Event::ExportVerified { verification } => found.verification = Some(verification),
                event => {
                    trained::note(&event);
                    if let Event::Notice { text, .. } = event {
                        found.notices.push(text);
                    }
                }
            }
            Ok(())
        };
        engine.ask(command, show).await
    })?;
    if arguments.json {
        return Ok(say!("{}", serde_json::to_string(&found)?)?);
    }
    found.files.iter().try_for_each(|file| say!("{file}"))?;
    if let Some(verification) = &found.verification {
        say!("{verification}")?;
    }
    let to = arguments.to.display().to_string();
    match format {
        ExportFormat::HuggingFace => {
            let class = if has_labels { "SequenceClassification" } else { "CausalLM" };
            say!("open it with transformers: AutoModelFor{class}.from_pretrained({to:?})")?;
        }
        ExportFormat::Peft => say!("open it with PEFT: PeftModel.from_pretrained(base, {to:?})")?,
        ExportFormat::Gguf { .. } => {
            let modelfile = found.files.get(1).cloned().unwrap_or_default();
            say!(
                "open it with llama.cpp: llama-cli -m {to:?}; or Ollama: ollama create NAME -f {modelfile:?}"
            )?;
        }
        // `glasshouse share` writes these.
        ExportFormat::Page { .. } | ExportFormat::Link => {}
    }
    Ok(())
}

/// The answer as JSON.
#[derive(Debug, Default, Serialize)]
struct Report {
    files: Vec<String>,
    /// Only for GGUF files.
    verification: Option<Verification>,
    notices: Vec<String>,
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
    /// Print the files, and the comparison of a GGUF file with the run, as JSON
    #[arg(long)]
    pub json: bool,
}

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
    /// 4 bits per weight, and a scale per 32 weights; in GGUF, the head in 6 bits
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<QuantizationName> for WeightFormat {
    fn from(name: QuantizationName) -> Self {
        match name {
            QuantizationName::F32 => Self::F32,
            QuantizationName::F16 => Self::F16,
            QuantizationName::Q8_0 => Self::Q8_0,
            QuantizationName::Q4_0 => Self::Q4_0,
        }
    }
}
