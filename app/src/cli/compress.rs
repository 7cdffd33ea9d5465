//! `glasshouse compress`: stores a run's matrices in fewer bits, and measures what that costs.

use super::arguments::ModelArguments;
use super::driver::{Engine, drive};
use super::settings::session_options;
use super::train::told;
use super::trained;
use anyhow::Result;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::evaluation::Metric;
use glasshouse_engine::protocol::quantity::{bytes, tokens_per_second};
use glasshouse_engine::protocol::{
    BenchReport, CheckpointChoice, Command, Comparison, EvaluateSettings, Event, RunConfig, WeightFormat,
    WeightSource,
};
use serde_json::json;

pub(super) fn compress(arguments: &CompressArguments) -> Result<()> {
    told(arguments.json, run(arguments))
}

fn run(arguments: &CompressArguments) -> Result<()> {
    let options = session_options(&arguments.device, arguments.threads, false)?;
    let weights = WeightFormat::from(arguments.method);
    drive(options, async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        let (from, config) = trained::settings_of(engine, project, run.clone()).await?;
        let command = Command::Compress { run: from.clone(), checkpoint: Some(checkpoint.clone()), weights };
        let pick = |event| match event {
            Event::Compressed { run, bytes } => Some((run, bytes)),
            event => {
                trained::note(&event);
                None
            }
        };
        let (run, sizes) = engine.ask_for(command, pick).await?;
        if !arguments.json {
            let [whole, now] = sizes;
            let times = whole as f64 / now.max(1) as f64;
            say!(
                "{run}: {from} in {}, {} in place of {} ({times:.1} times smaller)",
                weights.name(),
                bytes(now),
                bytes(whole)
            )?;
        }
        let measured = if arguments.no_measure {
            None
        } else {
            Some(measure(engine, arguments, [&from, &run], &config).await?)
        };
        let Some(Measured { losses, comparison, speeds }) = measured else {
            if arguments.json {
                say!(
                    "{}",
                    json!({ "event": "compressed", "run": run, "from": from, "weights": weights, "bytes": sizes })
                )?;
            }
            return Ok(());
        };
        if arguments.json {
            let found = json!({
                "event": "compressed", "run": run, "from": from, "weights": weights, "bytes": sizes,
                "loss": losses, "difference": comparison, "tokens_per_s": speeds,
            });
            say!("{found}")?;
            return Ok(());
        }
        if let [Some(before), Some(after)] = &losses {
            say!("loss before {}, after {}", before.with_interval(), after.with_interval())?;
        }
        if let Some(comparison) = comparison {
            say!("bits per byte, paired: {}; {}", comparison.signed(), comparison.verdict)?;
        }
        let [before, after] = speeds.map(tokens_per_second);
        say!("decoding before {before}, after {after}")?;
        Ok(())
    })
}

/// Before and after.
struct Measured {
    losses: [Option<Metric>; 2],
    comparison: Option<Comparison>,
    speeds: [f64; 2],
}

/// Loss on the validation split, and speed of decoding.
async fn measure(
    engine: &mut Engine,
    arguments: &CompressArguments,
    runs: [&String; 2],
    config: &RunConfig,
) -> Result<Measured> {
    let mut losses = [None, None];
    for (run, loss) in runs.iter().zip(&mut losses) {
        let checkpoint = match *run == runs[0] {
            true => arguments.model.checkpoint.clone(),
            false => CheckpointChoice::Best,
        };
        let settings = EvaluateSettings {
            baselines: false,
            text_of: Some(runs[0].clone()),
            ..EvaluateSettings::default()
        };
        let source = WeightSource::Checkpoint { run: (*run).clone(), checkpoint };
        let command = Command::Evaluate { source, settings: Box::new(settings) };
        let pick = |event| match event {
            Event::Evaluated { evaluation } => {
                Some(evaluation.likelihood.map(|likelihood| likelihood.metrics))
            }
            event => {
                trained::note(&event);
                None
            }
        };
        let metrics = engine.ask_for(command, pick).await?;
        *loss = metrics.and_then(|metrics| metrics.into_iter().find(|metric| metric.name == "loss"));
    }
    let command = Command::ReadEvaluations { runs: runs.map(Clone::clone).to_vec() };
    let pick =
        |event| if let Event::Evaluations { comparisons, .. } = event { Some(comparisons) } else { None };
    let comparisons = engine.ask_for(command, pick).await?;
    let comparison = comparisons.into_iter().find(|one| one.what == "bits_per_byte");
    let mut speeds = [0.0; 2];
    for (format, speed) in [WeightFormat::F32, arguments.method.into()].into_iter().zip(&mut speeds) {
        let command = Command::BenchDecode {
            config: Box::new(config.clone()),
            repeats: 3,
            prompt_tokens: None,
            tokens: None,
            weights: Some(format),
            batches: Vec::new(),
        };
        let pick = |event| match event {
            Event::Bench { report: BenchReport::Decode(measured), .. } => {
                Some(measured.generated_tokens_per_s)
            }
            _ => None,
        };
        *speed = engine.ask_for(command, pick).await?;
    }
    Ok(Measured { losses, comparison, speeds })
}

#[derive(Args, Debug)]
pub struct CompressArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Storage of the matrices; each weight is rounded to the nearest
    #[arg(long, value_name = "METHOD", value_enum)]
    pub method: Method,
    /// Device to measure on: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Do not measure loss and speed
    #[arg(long)]
    pub no_measure: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// 16 bits per weight
    F16,
    /// 8 bits per weight, and a scale per 32 weights
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits per weight, and a scale per 32 weights
    #[value(name = "q4_0")]
    Q4_0,
}

impl From<Method> for WeightFormat {
    fn from(method: Method) -> Self {
        match method {
            Method::F16 => Self::F16,
            Method::Q8_0 => Self::Q8_0,
            Method::Q4_0 => Self::Q4_0,
        }
    }
}
