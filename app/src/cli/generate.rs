//! `glasshouse generate`: one text from a trained model, or several at once.

use super::arguments::{FormatArguments, ModelArguments, help};
use super::driver::{Engine, drive};
use super::moderate::ModerationArguments;
use super::moderate::moderation;
use super::report::joined;
use super::settings::{session_options, usage};
use super::{interrupt, samples, trained};
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::setting::Settings as _;
use glasshouse_engine::protocol::{Command, Event, GenerateConfig, Output};
use std::io::Write as _;
use std::sync::atomic::Ordering;

pub(super) fn generate_config(arguments: &SamplingArguments) -> Result<GenerateConfig> {
    let drawn = arguments.drawn.config();
    checked(GenerateConfig {
        max_tokens: arguments.max_tokens,
        temperature: if arguments.greedy { 0.0 } else { drawn.temperature },
        seed: arguments.seed,
        stop: arguments.stop.clone(),
        weights: arguments.weights.format,
        moderation: Box::new(moderation(&arguments.moderation)?),
        ..drawn
    })
}

/// Refuses invalid settings by the names of their options.
pub(super) fn checked(config: GenerateConfig) -> Result<GenerateConfig> {
    config.validate().map_err(|mut invalid| {
        invalid.field = format!("--{}", invalid.field.replace('_', "-"));
        usage(invalid.to_string())
    })?;
    Ok(config)
}

pub(super) fn stop_by_signal(engine: &Engine) -> Result<&'static interrupt::Flags> {
    let signals = interrupt::flags("stopping")?;
    let sender = engine.sender();
    signals.when_raised(move |_| {
        sender.send(Command::Cancel { request: 0 });
    });
    Ok(signals)
}

pub(super) fn generate(arguments: &GenerateArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    let options = session_options(&arguments.device, None, arguments.sampling.no_autotune)?;
    if let Some(count) = arguments.samples {
        return samples::samples(arguments, options, config, usize::from(count));
    }
    drive(options, async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        let signals = stop_by_signal(engine)?;
        let (prompt, json) = (&arguments.prompt, arguments.json);
        let mut model = serde_json::Value::Null;
        let sender = engine.sender();
        let show = |event| {
            let mut output = std::io::stdout().lock();
            match event {
                Event::ModelOpened { run, step, device, weights, .. } => {
                    model = serde_json::json!({
                        "run": run, "step": step, "device": device, "weights": weights.name(),
                    });
                }
                Event::Written { prompt: true, .. } => {
                    if !json {
                        write!(output, "{}", prompt.trim_start_matches('\n'))?;
                    }
                    if signals.stop.load(Ordering::SeqCst) {
                        sender.send(Command::Cancel { request: 0 });
                    }
                }
                Event::Written { tokens: written, text, .. } => {
                    if json {
                        let ids: Vec<u32> = written.iter().map(|token| token.id).collect();
                        let line = serde_json::json!({ "event": "tokens", "ids": ids, "text": text });
                        writeln!(output, "{line}")?;
                    } else {
                        write!(output, "{text}")?;
                    }
                }
                Event::Completed { completion } if json => {
                    let line = serde_json::json!({
                        "event": "done",
                        "text": completion.text,
                        "prompt": prompt,
                        "tokens": completion.ids.len(),
                        "ending": completion.ending,
                        "moderated": completion.moderated,
                        "seconds": completion.seconds,
                        "tokens_per_s": completion.tokens_per_s,
                    });
                    writeln!(output, "{}", joined(line, &model))?;
                }
                Event::Completed { completion } => {
                    writeln!(output)?;
                    trained::tell_moderated(&completion.moderated);
                }
                event => trained::note(&event),
            }
            Ok(output.flush()?)
        };
        let command =
            Command::Generate { source, prompt: prompt.as_str().into(), config, output: Output::Tokens };
        engine.ask(command, show).await
    })
}

/// How the next token is drawn.
#[derive(Args, Clone, Copy, Debug)]
pub struct DrawnArguments {
    #[arg(long, value_name = "X", help = help(GenerateConfig::setting("temperature")), default_value_t = GenerateConfig::default().temperature, allow_negative_numbers = true)]
    pub temperature: f32,
    #[arg(long, value_name = "K", help = help(GenerateConfig::setting("top_k")), default_value_t = GenerateConfig::default().top_k)]
    pub top_k: usize,
    #[arg(long, value_name = "P", help = help(GenerateConfig::setting("top_p")), default_value_t = GenerateConfig::default().top_p, allow_negative_numbers = true)]
    pub top_p: f32,
    #[arg(long, value_name = "P", help = help(GenerateConfig::setting("min_p")), default_value_t = GenerateConfig::default().min_p, allow_negative_numbers = true)]
    pub min_p: f32,
    #[arg(long, value_name = "X", help = help(GenerateConfig::setting("repetition_penalty")), default_value_t = GenerateConfig::default().repetition_penalty, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
}

impl DrawnArguments {
    pub(super) fn config(self) -> GenerateConfig {
        let Self { temperature, top_k, top_p, min_p, repetition_penalty } = self;
        GenerateConfig { temperature, top_k, top_p, min_p, repetition_penalty, ..GenerateConfig::default() }
    }
}

/// How a text is generated, shared by `generate` and `chat`.
#[derive(Args, Clone, Debug)]
pub struct SamplingArguments {
    #[arg(long, value_name = "N", help = help(GenerateConfig::setting("max_tokens")), default_value_t = GenerateConfig::default().max_tokens)]
    pub max_tokens: usize,
    #[command(flatten)]
    pub drawn: DrawnArguments,
    /// Always take the likeliest token (same as --temperature 0)
    #[arg(long)]
    pub greedy: bool,
    #[arg(long, value_name = "N", help = help(GenerateConfig::setting("seed")), default_value_t = GenerateConfig::default().seed)]
    pub seed: u64,
    /// Stop before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    #[command(flatten)]
    pub moderation: ModerationArguments,
    #[command(flatten)]
    pub weights: FormatArguments,
    /// Choose GPU kernels by adapter kind instead of timing variants (up to two seconds)
    #[arg(long)]
    pub no_autotune: bool,
}

#[derive(Args, Debug)]
pub struct GenerateArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Prompt
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub prompt: String,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// Generate N texts in one batch, with consecutive seeds from --seed
    ///
    /// Each text is the same as when generated separately with its seed: bit for bit on the CPU, up to rounding on a GPU.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub samples: Option<u16>,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}
