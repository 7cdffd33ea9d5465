//! From what was typed to a run's configuration: preset, file or dial first, then the changes in the order of their weight.

use super::arguments::ConfigArguments;
use anyhow::{Context as _, Result, anyhow};
use glasshouse_engine::protocol::{RunConfig, TokenizerKind, names, presets};
use std::path::{Path, PathBuf};

/// A mistake in what was typed: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Wraps a message as a mistake in what was typed.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow!(Usage(message.into()))
}

/// The run that the arguments describe; `otherwise` is the preset where none is named.
pub fn run_config(arguments: &ConfigArguments, otherwise: &str) -> Result<RunConfig> {
    let mut config = if let Some(file) = &arguments.config {
        config_file(file)?
    } else if let Some(depth) = arguments.depth {
        presets::from_depth(depth).map_err(usage)?
    } else {
        presets::preset(arguments.preset.as_deref().unwrap_or(otherwise)).map_err(usage)?
    };
    if let Some(kind) = &arguments.tokenizer {
        config.tokenizer.kind = tokenizer_kind(kind)?;
    }
    if let Some(vocabulary) = arguments.vocab {
        config.tokenizer.vocabulary = vocabulary;
        config.model.vocabulary = vocabulary;
    }
    if let Some(steps) = arguments.steps {
        config.train.steps = steps;
        config.train.decay_steps = config.train.decay_steps.min(steps);
        if config.train.warmup_steps >= steps {
            // A run that ends before its warm-up would never reach its learning rate.
            config.train.warmup_steps = steps / 10;
        }
    }
    if let Some(batch) = arguments.batch {
        config.train.batch = batch;
    }
    if let Some(seed) = arguments.seed {
        config.seed = seed;
    }
    if let Some(precision) = arguments.precision {
        config.train.precision = precision.precision();
    }
    for assignment in &arguments.set {
        config.set(assignment).map_err(|reason| usage(format!("--set {assignment}: {reason}")))?;
    }
    config.validate().map_err(|invalid| usage(invalid.to_string()))?;
    Ok(config)
}

/// What was typed that a run does not have already, each with what the run has. The precision is not looked at: a run may go on in
/// another.
pub fn differing(arguments: &ConfigArguments, data: &[PathBuf], run: &RunConfig) -> Result<Vec<String>> {
    let mut others = Vec::new();
    let mut compare = |name: &str, typed: Option<String>, has: String| {
        if let Some(typed) = typed.filter(|typed| *typed != has) {
            others.push(format!("--{name} is {typed} where the run has {has}"));
        }
    };
    let preset = |name: &String| presets::preset(name).map(|config| config.preset).map_err(usage);
    compare("preset", arguments.preset.as_ref().map(preset).transpose()?, run.preset.clone());
    let derived = |depth| presets::from_depth(depth).map(|config| config.preset).map_err(usage);
    compare("depth", arguments.depth.map(derived).transpose()?, run.preset.clone());
    let kind = arguments.tokenizer.as_deref().map(tokenizer_kind).transpose()?;
    compare("tokenizer", kind.map(|kind| format!("{kind:?}")), format!("{:?}", run.tokenizer.kind));
    compare("vocab", arguments.vocab.map(|typed| typed.to_string()), run.tokenizer.vocabulary.to_string());
    compare("steps", arguments.steps.map(|typed| typed.to_string()), run.train.steps.to_string());
    compare("batch", arguments.batch.map(|typed| typed.to_string()), run.train.batch.to_string());
    compare("seed", arguments.seed.map(|typed| typed.to_string()), run.seed.to_string());
    let typed: Vec<String> = data.iter().map(|path| path.display().to_string()).collect();
    compare("data", (!typed.is_empty()).then(|| typed.join(" ")), run.data.paths.join(" "));
    if let Some(file) = &arguments.config {
        // The text decides these, the device is chosen anew, and the precision may change.
        let mut typed = config_file(file)?;
        typed.model.vocabulary = run.model.vocabulary;
        typed.data.mixture.clone_from(&run.data.mixture);
        typed.device.clone_from(&run.device);
        typed.train.precision = run.train.precision;
        if typed != *run {
            others.push(format!("--config {} says other than its run.toml", file.display()));
        }
    }
    for assignment in &arguments.set {
        let mut changed = run.clone();
        changed.set(assignment).map_err(|reason| usage(format!("--set {assignment}: {reason}")))?;
        if changed != *run {
            others.push(format!("--set {assignment} is not what the run has"));
        }
    }
    Ok(others)
}

fn config_file(file: &Path) -> Result<RunConfig> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    RunConfig::from_toml(&text).map_err(|reason| usage(format!("{}: {reason}", file.display())))
}

/// Refuses a device that would match every adapter.
pub fn checked_device(device: &str) -> Result<&str> {
    if device.trim().is_empty() {
        return Err(usage("--device takes auto, cpu, gpu, burn-wgpu, or part of an adapter's name"));
    }
    Ok(device)
}

/// The tokenizer kind of that name, or an error that suggests the nearest.
pub fn tokenizer_kind(name: &str) -> Result<TokenizerKind> {
    Ok(match name.to_ascii_lowercase().replace('-', "_").as_str() {
        "byte" => TokenizerKind::Byte,
        "char" => TokenizerKind::Char,
        "bpe" => TokenizerKind::Bpe,
        "word_piece" | "wordpiece" => TokenizerKind::WordPiece,
        "unigram" => TokenizerKind::Unigram,
        _ => {
            let known = ["byte", "char", "bpe", "word_piece", "unigram"];
            return Err(usage(names::unknown("tokenizer", name, known.into_iter())));
        }
    })
}
