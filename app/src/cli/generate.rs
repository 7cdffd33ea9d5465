//! `glasshouse generate`: one text from a trained model.

use super::arguments::{GenerateArguments, SamplingArguments};
use super::settings::{checked_device, usage};
use super::{interrupt, trained, writing};
use anyhow::Result;
use glasshouse_engine::generate::{Decoder, Opening, Piece};
use glasshouse_engine::protocol::GenerateConfig;
use std::io::Write as _;
use std::sync::atomic::Ordering;

/// The request that the arguments describe.
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
    };
    config.validate().map_err(|mut invalid| {
        invalid.field = format!("--{}", invalid.field.replace('_', "-"));
        usage(invalid.to_string())
    })?;
    Ok(config)
}

pub(super) fn generate(arguments: &GenerateArguments) -> Result<()> {
    pollster::block_on(run(arguments))
}

async fn run(arguments: &GenerateArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    let model = trained::load(&arguments.model)?;
    let tokenizer = &model.tokenizer;
    for character in tokenizer.unknown_characters(&arguments.prompt) {
        tell!("note: {character:?} is not in the model's vocabulary and is left out");
    }
    let opening =
        Opening { precision: config.precision, tuning: arguments.sampling.tuning(), ..Opening::default() };
    let device = checked_device(&arguments.device)?;
    let (mut decoder, warning) =
        Decoder::open(device, &model.config.model, &model.parameters, &opening).await?;
    if let Some(warning) = warning {
        tell!("note: {warning}");
    }
    let stop = &interrupt::flags("stopping; press Ctrl-C again to stop at once")?.stop;
    if !arguments.json {
        let mut output = std::io::stdout();
        write!(output, "{}", arguments.prompt.trim_start_matches('\n'))?;
        output.flush()?;
    }
    let json = arguments.json;
    let mut show = |piece: &Piece| {
        let mut output = std::io::stdout().lock();
        if json {
            let line = serde_json::json!({ "event": "tokens", "ids": piece.tokens, "text": piece.text });
            writeln!(output, "{line}")?;
        } else {
            write!(output, "{}", piece.text)?;
        }
        output.flush()?;
        Ok(!stop.load(Ordering::SeqCst))
    };
    let written = writing::write(&mut decoder, tokenizer, &arguments.prompt, &config, &mut show).await?;
    if json {
        let line = serde_json::json!({
            "event": "done",
            "text": written.text,
            "prompt": arguments.prompt,
            "tokens": written.tokens.len(),
            "ending": written.ending,
            "seconds": written.seconds,
            "tokens_per_s": written.tokens_per_s,
            "device": decoder.device_name(),
            "precision": decoder.precision().name(),
            "run": model.run.name(),
            "step": model.info.step,
        });
        say!("{line}")?;
    } else {
        say!("")?;
    }
    Ok(())
}
