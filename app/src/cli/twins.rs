//! `glasshouse data compare`: short runs on the raw and on the cleaned documents, a pair for each of several seeds, measured on
//! the same held-out documents in their cleaned and raw form.

use super::arguments::{ConfigArguments, TrainArguments};
use super::settings::{check_device, run_config, usage};
use super::{report, train};
use anyhow::{Context as _, Result};
use clap::Args;
use glasshouse_corpus::{SystemFiles, twins};
use glasshouse_engine::metrics::comparison::{MAX_PAIRS, compare_runs};
use glasshouse_engine::project::Project;
use glasshouse_engine::protocol::evaluation::{Better, blocks};
use glasshouse_engine::protocol::quantity::things;
use glasshouse_engine::protocol::{RunSummary, TokenizerKind};
use glasshouse_engine::training::held_out_loss;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Default steps of each run.
const STEPS: u64 = 300;
/// The held-out texts: folder name and description.
const HELD_OUT: [(&str, &str); 2] =
    [("clean", "held-out documents, cleaned"), ("raw", "held-out documents, raw")];

/// Losses of a pair of runs with one seed, in nats per byte: the raw and the clean run on each held-out text.
struct RunPair {
    seed: u64,
    runs: [String; 2],
    losses: [[f64; 2]; 2],
}

pub(super) fn compare(arguments: &DataCompareArguments) -> Result<()> {
    if arguments.config.tokenizer.is_some() {
        return Err(usage(
            "all runs use the byte tokenizer, to make their losses comparable; leave --tokenizer out",
        ));
    }
    if !(2..=MAX_PAIRS).contains(&arguments.seeds) {
        return Err(usage(format!("--seeds must be from 2 to {MAX_PAIRS} (got {})", arguments.seeds)));
    }
    // Report mistakes in the settings before anything is read.
    let config = run_config(&settings(arguments, None).config, "nanogpt-cpu")?;
    if !config.train.objective.is_text() {
        let objective = config.train.objective;
        return Err(usage(format!(
            "all runs train on the documents as text, not with the objective {objective}; leave it out"
        )));
    }
    let first = config.seed;
    check_device(arguments.device.as_deref())?;
    let project = Project::open_or_create(&arguments.project)?;
    let [raw, held_out] = ["raw-documents", "raw-held-out"].map(|name| project.folder().join(name));
    let twin = twins::raw_twin(&SystemFiles, &arguments.input, &arguments.clean, &raw, &held_out)?;
    if !arguments.json {
        say!(
            "raw: {} {} for training, {} left out because they occur in the held-out text; {} held out in all runs\n",
            twin.documents,
            things(twin.documents as u64, "document"),
            twin.left_out,
            twin.held_out
        )?;
    }
    let train = [raw, arguments.clean.clone()];
    let measured = [arguments.clean.clone(), held_out];
    let pairs = (0..arguments.seeds as u64)
        .map(|number| pair(arguments, &project, first + number, &train, &measured))
        .collect::<Result<Option<Vec<_>>>>()?;
    let Some(pairs) = pairs else {
        // The exit code reports the signal.
        tell!("stopped before the comparison; the same command starts over");
        return Ok(());
    };
    tell(arguments, &pairs)
}

fn settings(arguments: &DataCompareArguments, seed: Option<u64>) -> TrainArguments {
    let mut config = arguments.config.clone();
    if config.preset.is_none() && config.config.is_none() && config.layers.is_none() {
        config.preset = Some("nanogpt-cpu".to_owned());
    }
    let steps = *config.steps.get_or_insert(STEPS);
    // Bytes are a vocabulary that suits both texts.
    config.tokenizer = Some(TokenizerKind::Byte);
    config.seed = seed.or(config.seed);
    // Evaluate only at the end, on the whole text.
    config.set.insert(0, format!("train.eval_interval={steps}"));
    TrainArguments {
        config,
        project: arguments.project.clone(),
        device: arguments.device.clone(),
        // All runs use the same kernels.
        no_autotune: true,
        json: arguments.json,
        ..TrainArguments::default()
    }
}

/// Trains a run on the raw and one on the cleaned documents with the same seed, and measures both; `None` if a run was
/// interrupted.
fn pair(
    arguments: &DataCompareArguments,
    project: &Project,
    seed: u64,
    train: &[PathBuf; 2],
    measured: &[PathBuf; 2],
) -> Result<Option<RunPair>> {
    let mut pair = RunPair { seed, runs: Default::default(), losses: [[f64::NAN; 2]; 2] };
    for (side, data) in train.iter().enumerate() {
        let settings = TrainArguments { data: vec![data.clone()], ..settings(arguments, Some(seed)) };
        let RunSummary { name, step, steps, .. } = train::to_the_end(&settings)?;
        if step < steps {
            return Ok(None);
        }
        let run = project.run(&name)?;
        for (losses, folder) in pair.losses.iter_mut().zip(measured) {
            let loss = pollster::block_on(held_out_loss(&run, folder))?;
            if let Some(own) = losses.get_mut(side) {
                *own = loss;
            }
        }
        if let Some(own) = pair.runs.get_mut(side) {
            *own = name;
        }
    }
    Ok(Some(pair))
}

/// Prints the differences of the pairs on each held-out text.
fn tell(arguments: &DataCompareArguments, pairs: &[RunPair]) -> Result<()> {
    let mut results = serde_json::Map::new();
    if !arguments.json {
        say!(
            "\nloss in nats per byte (lower is better), mean of {} seeds; 95 % confidence intervals are paired t",
            pairs.len()
        )?;
    }
    for (at, (key, title)) in HELD_OUT.into_iter().enumerate() {
        let losses: Vec<[f64; 2]> = pairs.iter().filter_map(|pair| pair.losses.get(at).copied()).collect();
        let found = compare_runs(["raw", "clean"], "loss", Better::Lower, &losses);
        let found = found.context("losses of fewer than two pairs")?;
        let (raw, clean) = (found.first_value, found.second_value);
        let difference = raw - clean;
        let [low, high] = found.difference.interval.context("a comparison without an interval")?;
        let better = (low > 0.0 || high < 0.0).then_some(if difference > 0.0 { "clean" } else { "raw" });
        if arguments.json {
            let result = json!({
                "raw": raw, "clean": clean, "difference": difference, "low": low, "high": high, "better": better,
            });
            results.insert(key.to_owned(), result);
            continue;
        }
        say!("\n{title}")?;
        report::print(&blocks::comparisons(&[found]))?;
    }
    if arguments.json {
        let runs = pairs.iter().map(|RunPair { seed, runs: [raw, clean], losses }| {
            let held_out = HELD_OUT
                .iter()
                .zip(losses)
                .map(|((key, _), [raw, clean])| ((*key).to_owned(), json!({ "raw": raw, "clean": clean })));
            let held_out: serde_json::Map<String, Value> = held_out.collect();
            json!({ "seed": seed, "raw": raw, "clean": clean, "held_out": held_out })
        });
        let runs: Vec<Value> = runs.collect();
        say!("{}", json!({ "event": "compared", "pairs": runs, "held_out": results }))?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct DataCompareArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Raw files and folders
    #[arg(long = "in", value_name = "PATH", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Folder with the cleaned documents
    #[arg(long, value_name = "DIR")]
    pub clean: PathBuf,
    /// Number of seeds, each with a pair of runs
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub seeds: usize,
    /// Project folder for the runs
    #[arg(long, value_name = "DIR", default_value = "glasshouse-comparison")]
    pub project: PathBuf,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}
