//! `glasshouse data compare`: two short runs, on the raw and on the cleaned documents, measured on the same held-out text.

use super::arguments::{DataCompareArguments, EvaluationArgument, TrainArguments};
use super::settings::{run_config, usage};
use super::train;
use anyhow::Result;
use glasshouse_corpus::{SystemFiles, twins};
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::RunSummary;
use std::path::Path;

/// Steps of each run unless said otherwise.
const STEPS: u64 = 300;
/// Evaluations of each run.
const EVALUATIONS: u64 = 6;

pub(super) fn compare(arguments: &DataCompareArguments) -> Result<()> {
    if arguments.config.tokenizer.is_some() {
        return Err(usage(
            "both runs use the byte tokenizer, so that their losses mean the same; leave --tokenizer out",
        ));
    }
    // A mistake in the settings is told before anything is read.
    run_config(&settings(arguments).config, "nanogpt-cpu")?;
    let raw = Project::open_or_create(&arguments.project)?.folder().join("raw-documents");
    let twin = twins::raw_twin(&SystemFiles, &arguments.input, &arguments.clean, &raw)?;
    if !arguments.json {
        say!(
            "raw: {} documents train, {} are left out since held-out text stands in them; {} are held out in both runs\n",
            twin.documents,
            twin.left_out,
            twin.held_out
        )?;
    }
    let run = |data: &Path| -> Result<RunSummary> {
        train::to_the_end(&TrainArguments { data: vec![data.to_owned()], ..settings(arguments) })
    };
    let (raw, clean) = (run(&raw)?, run(&arguments.clean)?);
    tell(arguments, &raw, &clean)
}

/// What both runs share.
fn settings(arguments: &DataCompareArguments) -> TrainArguments {
    let mut config = arguments.config.clone();
    if config.preset.is_none() && config.config.is_none() && config.layers.is_none() {
        config.preset = Some("nanogpt-cpu".to_owned());
    }
    let steps = *config.steps.get_or_insert(STEPS);
    // Bytes: a vocabulary that both texts share, whatever is in them.
    config.tokenizer = Some("byte".to_owned());
    config.set.insert(0, format!("train.eval_interval={}", (steps / EVALUATIONS).max(1)));
    TrainArguments {
        config,
        project: arguments.project.clone(),
        device: arguments.device.clone(),
        eval: EvaluationArgument::Full,
        // Both runs shall have the same kernels.
        no_autotune: true,
        json: arguments.json,
        ..TrainArguments::default()
    }
}

fn tell(arguments: &DataCompareArguments, raw: &RunSummary, clean: &RunSummary) -> Result<()> {
    let best = |run: &RunSummary| run.best_val_loss.map(f64::from);
    let difference = best(raw).zip(best(clean)).map(|(raw, clean)| raw - clean);
    if arguments.json {
        let line = serde_json::json!({
            "event": "compared",
            "raw": { "run": raw.name, "val_loss": best(raw) },
            "clean": { "run": clean.name, "val_loss": best(clean) },
            "difference": difference,
        });
        return Ok(say!("{line}")?);
    }
    let shown = |loss: Option<f64>| loss.map_or("—".to_owned(), |loss| format!("{loss:.4}"));
    say!("\nloss on the same held-out text, in nats a byte (lower is better)")?;
    say!("  raw    {}   run {}", shown(best(raw)), raw.name)?;
    say!("  clean  {}   run {}", shown(best(clean)), clean.name)?;
    if let Some(difference) = difference {
        let verdict = match difference {
            difference if difference > 0.0 => "the cleaned text taught more",
            difference if difference < 0.0 => "the raw text taught more",
            _ => "no difference",
        };
        say!("  {:.4} apart: {verdict}", difference.abs())?;
    }
    Ok(())
}
