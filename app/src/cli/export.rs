//! `glasshouse export`: exports a trained model as a Hugging Face folder or a GGUF file, which it compares with the run.

use super::prelude::*;
use serde::Serialize;

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    check_not_here(&arguments.to, "an export")?;
    let format = format_of(arguments)?;
    let (mut has_labels, mut found) = (false, Report::default());
    drive(session::Options::default(), async |engine| {
        let ModelArguments { of, checkpoint } = &arguments.model;
        let (run, config) = trained::settings_of(engine, of).await?;
        has_labels = !config.model.labels.is_empty();
        let (checkpoint, to) = (Some(checkpoint.clone()), Some(arguments.to.clone()));
        let command = Export::Model { run, checkpoint, format }.to(to, !arguments.force);
        let show = |event| {
            match event {
                Event::Exported(export) => {
                    (found.files, found.verification) =
                        (export.files, export.verification.map(|found| *found));
                }
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
    found.upload =
        arguments.upload.as_deref().map(|repository| upload_of(&arguments.to, repository, "model"));
    if arguments.json {
        return say_json(&found);
    }
    found.files.iter().try_for_each(|file| say!("{file}"))?;
    found.verification.iter().try_for_each(|verification| say!("{verification}"))?;
    found.upload.iter().try_for_each(|command| say!("upload it with: {command}"))?;
    let to = arguments.to.display().to_string();
    match format {
        ExportFormat::HuggingFace { .. } => {
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

/// The format that was asked for, or that of the name.
fn format_of(arguments: &ExportArguments) -> Result<ExportFormat> {
    let ExportArguments { to, format, quantization, precision, .. } = arguments;
    let is_file = to.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let named = if is_file { ExportFormat::Gguf { quantization: None } } else { ExportFormat::default() };
    match format.unwrap_or(named) {
        ExportFormat::Gguf { .. } if precision.is_none() => {
            Ok(ExportFormat::Gguf { quantization: *quantization })
        }
        ExportFormat::HuggingFace { .. } if quantization.is_none() => {
            Ok(ExportFormat::HuggingFace { precision: *precision })
        }
        other if quantization.is_none() && precision.is_none() => Ok(other),
        ExportFormat::Gguf { .. } => misuse!("--precision is for Hugging Face folders; use --quantization"),
        ExportFormat::HuggingFace { .. } => misuse!(
            "--quantization is for GGUF files; name the file with .gguf at the end or add --format gguf, or choose --precision for a \
             Hugging Face folder"
        ),
        _ => misuse!("an adapter is written in f32, without --quantization and --precision"),
    }
}

/// Refuses to replace the current folder.
pub(super) fn check_not_here(to: &Path, what: &str) -> Result<()> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    if here.is_some() && here == std::fs::canonicalize(to).ok() {
        misuse!("{what} cannot replace the current folder; name a new one in it with --to");
    }
    Ok(())
}

/// The command of `huggingface_hub` that uploads a file or the contents of a folder.
pub(super) fn upload_of(to: &Path, repository: &str, kind: &str) -> String {
    let inside = if to.is_dir() { ".".into() } else { quoted(Path::new(to.file_name().unwrap_or_default())) };
    format!("hf upload {repository} {} {inside} --repo-type {kind}", quoted(to))
}

/// Checks a repository's name.
pub(super) fn repository(name: &str) -> Result<String, &'static str> {
    let found = HubAddress::parse(name).filter(|own| own.repository == name);
    found.map(|own| own.repository).ok_or("a repository is OWNER/NAME, such as me/my-book")
}

/// The answer as JSON.
#[derive(Debug, Default, Serialize)]
struct Report {
    files: Vec<String>,
    /// Only for GGUF files.
    verification: Option<Verification>,
    notices: Vec<String>,
    /// The command that uploads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
}

#[derive(Args, Debug)]
pub struct ExportArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder to write, or file for GGUF
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// Format of the export [default: gguf if PATH ends in .gguf, otherwise huggingface]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub format: Option<ExportFormat>,
    /// Matrix type of a GGUF file [default: the run's own, or q8_0 for runs in 32 bits]
    #[arg(long, value_name = "TYPE", value_parser = quantizations())]
    pub quantization: Option<WeightFormat>,
    /// Precision of a Hugging Face folder [default: that of the imported model, or f32]
    #[arg(long, value_name = "TYPE", value_parser = choice::<FloatFormat>())]
    pub precision: Option<FloatFormat>,
    /// Print the command that uploads the export to this repository on Hugging Face
    #[arg(long, value_name = "OWNER/NAME", value_parser = repository)]
    pub upload: Option<String>,
    /// Replace an existing export
    #[arg(long)]
    pub force: bool,
    /// Print the files, and the comparison of a GGUF file with the run, as JSON
    #[arg(long)]
    pub json: bool,
}

fn formats() -> impl TypedValueParser<Value = ExportFormat> {
    let gguf = ExportFormat::Gguf { quantization: None };
    one_of([
        ("huggingface", "Folder for transformers".to_owned(), ExportFormat::default()),
        ("gguf", "File for llama.cpp".to_owned(), gguf),
        ("peft", "The run's adapter, as a folder for PEFT".to_owned(), ExportFormat::Peft),
    ])
}

fn quantizations() -> impl TypedValueParser<Value = WeightFormat> {
    one_of(WeightFormat::EXPORTED.map(|format| (format.name(), format.about().to_owned(), format)))
}
