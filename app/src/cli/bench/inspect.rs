//! `glasshouse bench inspect`: measures the time of each view of the lens.

use super::{MachineArguments, measured};
use crate::cli::arguments::ConfigArguments;
use crate::cli::settings::{run_config, usage};
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::bench::{InspectMeasurement, ViewPart, ViewTime};
use glasshouse_engine::protocol::quantity::{count, counted};
use glasshouse_engine::protocol::{Bench, BenchReport, Command, View};

/// Models measured by default: 0.9, 3.2 and 15 million parameters.
const MODELS: &[&str] = &["first-stories", "llama-tiny", "stories-15m"];

pub(super) fn inspect(arguments: &BenchInspectArguments) -> Result<()> {
    let BenchInspectArguments { config: chosen, view, repeats, .. } = arguments;
    if *repeats == 0 {
        return Err(usage("--repeats must be at least 1"));
    }
    let options = arguments.machine.options()?;
    let is_named = chosen.preset.is_some() || chosen.config.is_some() || chosen.layers.is_some();
    for model in MODELS.iter().take(if is_named { 1 } else { MODELS.len() }) {
        let config = Box::new(run_config(chosen, model)?);
        let command = Command::Bench(Bench::Inspect { config, repeats: *repeats, views: view.clone() });
        measured(options.clone(), command, arguments.json, |report, _| match report {
            // Some take seconds.
            BenchReport::View(time) => {
                let (view, tokens) =
                    (named(time.view, time.part), counted(time.prompt_tokens as u64, "token"));
                tell!("{view}, {tokens}: {:.1} ms", time.ms);
                Ok(())
            }
            BenchReport::Inspect(measured) => print(&measured),
            _ => Ok(()),
        })?;
    }
    Ok(())
}

/// A row per view, and a pair of columns per prompt, followed by the reasons for empty cells.
fn print(measured: &InspectMeasurement) -> Result<()> {
    let InspectMeasurement { config, device, times, unmeasured, .. } = measured;
    let timed = times.iter().map(|time| (time.view, time.part, time.prompt_tokens));
    let missing = unmeasured.iter().map(|view| (view.view, view.part, view.prompt_tokens));
    let (mut rows, mut prompts) = (Vec::new(), Vec::new());
    for (view, part, prompt) in timed.chain(missing) {
        if !rows.contains(&(view, part)) {
            rows.push((view, part));
        }
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    say!("{config}, {} parameters, on {device}", count(measured.parameters))?;
    say!(
        "ms per answer: the median of {} at most after the first, and the first; a training text of {} tokens",
        measured.repeats,
        count(measured.text_tokens)
    )?;
    let heads =
        prompts.iter().map(|prompt| format!("{:>12} {:>9}", counted(*prompt as u64, "token"), "first"));
    say!("{:<22}{}", "view", heads.collect::<String>())?;
    for (view, part) in rows {
        let cells = prompts.iter().map(|prompt| {
            let is_it =
                |time: &&ViewTime| (time.view, time.part, time.prompt_tokens) == (view, part, *prompt);
            match times.iter().find(is_it) {
                Some(time) => format!("{:>12.1} {:>9.1}", time.ms, time.ms_first),
                None => format!("{:>12} {:>9}", "–", "–"),
            }
        });
        say!("{:<22}{}", named(view, part), cells.collect::<String>())?;
    }
    for missing in unmeasured {
        let tokens = counted(missing.prompt_tokens as u64, "token");
        say!("{}, {tokens}: {}", named(missing.view, missing.part), missing.reason)?;
    }
    Ok(say!("")?)
}

fn named(view: View, part: Option<ViewPart>) -> String {
    let part = part.map(|part| format!(", {}", part.title())).unwrap_or_default();
    format!("{view}{part}")
}

#[derive(Args, Debug)]
pub struct BenchInspectArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Views to time, as in tokens,attention [default: all]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub view: Vec<View>,
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Timed answers per view after the first; one if they take seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub repeats: usize,
    /// Print one JSON object per view as soon as it is timed, and one per model
    #[arg(long)]
    pub json: bool,
}
