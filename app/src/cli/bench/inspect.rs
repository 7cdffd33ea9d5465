//! `glasshouse bench inspect`: how long each view of the lens takes.

use super::{measured, session_options};
use crate::cli::arguments::BenchInspectArguments;
use crate::cli::output::count;
use crate::cli::settings::{run_config, usage};
use anyhow::Result;
use glasshouse_engine::protocol::bench::{InspectMeasurement, ViewTime};
use glasshouse_engine::protocol::quantity::counted;
use glasshouse_engine::protocol::{BenchReport, Command};

/// What is measured where no model is named: 0.9, 3.2 and 15 million parameters.
const MODELS: &[&str] = &["first-stories", "llama-tiny", "stories-15m"];

pub(super) fn inspect(arguments: &BenchInspectArguments) -> Result<()> {
    let BenchInspectArguments { config: chosen, view, repeats, .. } = arguments;
    if *repeats == 0 {
        return Err(usage("--repeats must be at least 1"));
    }
    let options = session_options(&arguments.device, arguments.threads, false)?;
    let is_named = chosen.preset.is_some() || chosen.config.is_some() || chosen.layers.is_some();
    for model in MODELS.iter().take(if is_named { 1 } else { MODELS.len() }) {
        let config = Box::new(run_config(chosen, model)?);
        let command = Command::BenchInspect { config, repeats: *repeats, views: view.clone() };
        measured(options.clone(), command, arguments.json, |report, _| match report {
            BenchReport::Inspect(measured) => print(&measured),
            _ => Ok(()),
        })?;
    }
    Ok(())
}

/// A row a view, and a pair of columns a prompt.
fn print(measured: &InspectMeasurement) -> Result<()> {
    let InspectMeasurement { config, device, times, .. } = measured;
    let mut prompts: Vec<usize> = times.iter().map(|time| time.prompt_tokens).collect();
    prompts.dedup();
    say!("{config}, {} parameters, on {device}", count(measured.parameters as f64))?;
    say!(
        "ms of an answer after the first, median of {}, and of the first; a training text of {} tokens",
        measured.repeats,
        count(measured.text_tokens as f64)
    )?;
    let heads =
        prompts.iter().map(|prompt| format!("{:>12} {:>9}", counted(*prompt as u64, "token"), "first"));
    say!("{:<22}{}", "view", heads.collect::<String>())?;
    let named = |time: &ViewTime| match &time.part {
        Some(part) => format!("{}, {part}", time.view),
        None => time.view.to_string(),
    };
    for row in times.iter().filter(|time| Some(&time.prompt_tokens) == prompts.first()) {
        let same = times.iter().filter(|time| time.view == row.view && time.part == row.part);
        let cells = same.map(|time| format!("{:>12.1} {:>9.1}", time.ms, time.ms_first));
        say!("{:<22}{}", named(row), cells.collect::<String>())?;
    }
    Ok(say!("")?)
}
