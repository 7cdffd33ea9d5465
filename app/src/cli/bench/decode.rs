//! `glasshouse bench decode`: measures a device's speed of prefill and decoding.

use super::{MachineArguments, measured};
use crate::cli::arguments::{ConfigArguments, FormatArguments};
use crate::cli::settings::{run_config, usage};
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::bench::DecodeMeasurement;
use glasshouse_engine::protocol::quantity::{bytes, counted, tokens_per_second};
use glasshouse_engine::protocol::{Bench, BenchReport, Command};

pub(super) fn decode(arguments: &BenchDecodeArguments) -> Result<()> {
    let BenchDecodeArguments { prompt_tokens, tokens, repeats, ref texts, .. } = *arguments;
    let config = run_config(&arguments.config, "nanogpt-cpu")?;
    let context_length = config.model.context_length;
    if let Some(prompt_tokens) = prompt_tokens.filter(|tokens| !(1..=context_length).contains(tokens)) {
        return Err(usage(format!(
            "--prompt-tokens must be between 1 and the context length, {context_length} (got {prompt_tokens})"
        )));
    }
    if tokens == Some(0) || repeats == 0 {
        return Err(usage("--tokens and --repeats must be at least 1"));
    }
    if texts.contains(&0) {
        return Err(usage("--texts takes numbers, each at least 1"));
    }
    let options = arguments.machine.options()?;
    let weights = arguments.weights.format;
    let config = Box::new(config);
    let command = Command::Bench(Bench::Decode {
        config,
        repeats,
        prompt_tokens,
        tokens,
        weights,
        batches: texts.clone(),
    });
    // Tokens per second of a single text, once measured.
    let mut single = None;
    measured(options, command, arguments.json, |report, _| match report {
        BenchReport::Decode(decode) => {
            if decode.batch == 1 {
                single = Some(decode.generated_tokens_per_s);
            }
            print(&decode, single)
        }
        _ => Ok(()),
    })
}

fn print(measured: &DecodeMeasurement, single: Option<f64>) -> Result<()> {
    let DecodeMeasurement { ms_per_token, ms_fastest, ms_slowest, prompt_tokens, .. } = measured;
    let DecodeMeasurement { config, device, weights, .. } = measured;
    say!("{config} on {device}, weights in {}, {}", weights.name(), bytes(measured.bytes))?;
    say!(
        "prefill of {}: {:.2} ms to the first token (TTFT), {}",
        counted(*prompt_tokens as u64, "token"),
        measured.ms_first_token,
        tokens_per_second(measured.prompt_tokens_per_s)
    )?;
    say!(
        "{} after it: {ms_per_token:.3} ms each ({ms_fastest:.3} to {ms_slowest:.3}, {}), {}",
        counted(measured.generated_tokens as u64, "token"),
        counted(measured.repeats as u64, "passage"),
        tokens_per_second(measured.generated_tokens_per_s)
    )?;
    if measured.batch > 1 {
        let compared =
            single.map(|single| format!(", {:.2} times one", measured.generated_tokens_per_s / single));
        let texts = counted(measured.batch as u64, "text");
        say!("{texts} at once: one token each in that time{}", compared.unwrap_or_default())?;
    }
    if measured.tokens_past_window > 0 {
        say!(
            "{} of them are past the context length of {}: a full window keeps its newest half, which is read again",
            measured.tokens_past_window,
            measured.context_length
        )?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct BenchDecodeArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Tokens of the prompt [default: half the context, at most 512]
    #[arg(long, value_name = "N")]
    pub prompt_tokens: Option<usize>,
    /// Tokens to generate after the first [default: the rest of the context, at most 128]
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// Batch sizes: one number, or several to compare
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1")]
    pub texts: Vec<usize>,
    /// Number of timed repetitions
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    #[command(flatten)]
    pub weights: FormatArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
