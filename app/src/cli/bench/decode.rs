//! `glasshouse bench decode`: how fast a device reads a prompt and writes on.

use crate::cli::arguments::BenchDecodeArguments;
use crate::cli::output::{bytes, rate};
use crate::cli::settings::{checked_device, run_config, usage};
use anyhow::Result;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::measure::{DecodeMeasurement, Passage, measure_decode};

pub(super) async fn decode(arguments: &BenchDecodeArguments) -> Result<()> {
    let config = run_config(&arguments.config, "nanogpt-cpu")?;
    let device = checked_device(&arguments.device)?;
    let context_length = config.model.context_length;
    let default = Passage::of(&config.model);
    let prompt_tokens = arguments.prompt_tokens.unwrap_or(default.prompt_tokens);
    if prompt_tokens == 0 || prompt_tokens > context_length {
        return Err(usage(format!(
            "--prompt-tokens {prompt_tokens} must lie between 1 and the context length, {context_length} tokens"
        )));
    }
    let room = (context_length - prompt_tokens).clamp(1, default.tokens.max(1));
    let passage =
        Passage { prompt_tokens, tokens: arguments.tokens.unwrap_or(room), repeats: arguments.repeats };
    if passage.tokens == 0 || passage.repeats == 0 {
        return Err(usage("--tokens and --repeats must be at least 1"));
    }
    let tuning = if arguments.no_autotune { Tuning::Default } else { Tuning::before_a_run() };
    let (measured, warning) = measure_decode(&config, device, arguments.threads, &tuning, passage).await?;
    super::tell(&measured, warning, arguments.json, print)
}

fn print(measured: &DecodeMeasurement) -> Result<()> {
    let DecodeMeasurement { ms_per_token, ms_fastest, ms_slowest, prompt_tokens, .. } = measured;
    let DecodeMeasurement { config, device, precision, .. } = measured;
    say!("{config} on {device}, weights in {precision}, {}", bytes(measured.bytes))?;
    say!(
        "prompt of {prompt_tokens} tokens: {:.2} ms to the first token, {}",
        measured.ms_first_token,
        rate(measured.prompt_tokens_per_s)
    )?;
    say!(
        "{} tokens after it: {ms_per_token:.3} ms each ({ms_fastest:.3} to {ms_slowest:.3}, {} passages), {}",
        measured.generated_tokens,
        measured.repeats,
        rate(measured.generated_tokens_per_s)
    )?;
    if measured.tokens_past_window > 0 {
        say!(
            "{} of them lie past the context length of {}, whose last window is read again for each",
            measured.tokens_past_window,
            measured.context_length
        )?;
    }
    Ok(())
}
