//! `glasshouse generate`: one text from a trained model, or several at once.

use super::arguments::{GenerateArguments, SamplingArguments};
use super::driver::{Engine, drive};
use super::moderate::moderation;
use super::settings::{session_options, usage};
use super::{interrupt, samples, trained};
use anyhow::Result;
use glasshouse_engine::protocol::{Command, Event, GenerateConfig, Output};
use std::io::Write as _;
use std::sync::atomic::Ordering;

/// The generation settings of the arguments.
pub(super) fn generate_config(arguments: &SamplingArguments) -> Result<GenerateConfig> {
    let config = GenerateConfig {
        max_tokens: arguments.max_tokens,
        temperature: if arguments.greedy { 0.0 } else { arguments.temperature },
        top_k: arguments.top_k,
        top_p: arguments.top_p,
        min_p: arguments.min_p,
        repetition_penalty: arguments.repetition_penalty,
        seed: arguments.seed,
        stop: arguments.stop.clone(),
        precision: arguments.precision.precision(),
        moderation: Box::new(moderation(&arguments.moderation)?),
        ..GenerateConfig::default()
    };
    config.validate().map_err(|mut invalid| {
        invalid.field = format!("--{}", invalid.field.replace('_', "-"));
        usage(invalid.to_string())
    })?;
    Ok(config)
}

/// Stops generation on a termination signal.
pub(super) fn stop_by_signal(engine: &Engine) -> Result<&'static interrupt::Flags> {
    let signals = interrupt::flags("stopping")?;
    let sender = engine.sender();
    signals.when_raised(move |_| {
        sender.send(Command::StopWriting { request: 0 });
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
                Event::ModelOpened { run, step, device, precision, .. } => {
                    model = serde_json::json!({
                        "run": run, "step": step, "device": device, "precision": precision.name(),
                    });
                }
                Event::Written { prompt: true, .. } => {
                    if !json {
                        write!(output, "{}", prompt.trim_start_matches('\n'))?;
                    }
                    if signals.stop.load(Ordering::SeqCst) {
                        sender.send(Command::StopWriting { request: 0 });
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
                    let mut line = serde_json::json!({
                        "event": "done",
                        "text": completion.text,
                        "prompt": prompt,
                        "tokens": completion.ids.len(),
                        "ending": completion.ending,
                        "moderated": completion.moderated,
                        "seconds": completion.seconds,
                        "tokens_per_s": completion.tokens_per_s,
                    });
                    if let (Some(line), Some(model)) = (line.as_object_mut(), model.as_object_mut()) {
                        line.append(model);
                    }
                    writeln!(output, "{line}")?;
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
