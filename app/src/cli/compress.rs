//! `glasshouse compress`: creates a run of smaller weights, and measures what that costs.

use super::arguments::ModelArguments;
use super::driver::drive;
use super::report::aligned;
use super::settings::{session_options, usage};
use super::trained;
use anyhow::Result;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::quantity::{bytes, percent, tokens_per_second};
use glasshouse_engine::protocol::{
    Bench, BenchReport, Command, Compressed, Compression, Event, PruneScore, PruneSettings, PrunedMatrix,
    RunChange, SparsityPattern, WeightFormat,
};
use serde_json::json;

pub(super) fn compress(arguments: &CompressArguments) -> Result<()> {
    let method = arguments.method()?;
    let options = session_options(&arguments.device, arguments.threads, false)?;
    drive(options, async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        let (run, config) = trained::settings_of(engine, project, run.clone()).await?;
        let (checkpoint, documents) = (Some(checkpoint.clone()), arguments.documents);
        let command = RunChange::Compress { checkpoint, method: method.clone(), documents }.to(&run);
        let pick = |event| match event {
            Event::Compressed { compressed } => Some(compressed),
            event => {
                trained::note(&event);
                None
            }
        };
        let compressed = engine.ask_for(command, pick).await?;
        let mut speeds = Vec::new();
        // A classifier decodes nothing.
        if let Compression::Store { weights } = method
            && config.model.labels.is_empty()
        {
            for weights in [WeightFormat::F32, weights] {
                let (config, weights) = (Box::new(config.clone()), Some(weights));
                let (prompt_tokens, tokens, batches) = (None, None, Vec::new());
                let command = Command::Bench(Bench::Decode {
                    config,
                    repeats: 3,
                    prompt_tokens,
                    tokens,
                    weights,
                    batches,
                });
                let pick = |event| match event {
                    Event::Bench { report: BenchReport::Decode(measured), .. } => {
                        Some(measured.generated_tokens_per_s)
                    }
                    _ => None,
                };
                match engine.ask_for(command, pick).await {
                    Ok(speed) => speeds.push(speed),
                    // The run is there all the same.
                    Err(error) => tell!("note: the speed of decoding is not known: {error:#}"),
                }
            }
        }
        if arguments.json {
            let mut found = json!(*compressed);
            found["from"] = json!(run);
            found["tokens_per_s"] = json!(speeds);
            say!("{found}")?;
            return Ok(());
        }
        print(&run, &compressed, &speeds)
    })
}

fn print(from: &str, compressed: &Compressed, speeds: &[f64]) -> Result<()> {
    let [whole, now] = compressed.bytes;
    if compressed.matrices.is_empty() {
        let times = whole as f64 / now.max(1) as f64;
        say!("{}: the weights of {from} in {}, {times:.1} times smaller", compressed.run, bytes(now))?;
    } else {
        say!("{}: the weights of {from}, pruned", compressed.run)?;
        let head = ["matrix", "weights", "zeros"].map(str::to_owned).to_vec();
        let row = |matrix: &PrunedMatrix| {
            vec![matrix.name.clone(), matrix.weights.to_string(), percent(matrix.sparsity())]
        };
        let rows: Vec<_> = std::iter::once(head).chain(compressed.matrices.iter().map(row)).collect();
        say!("{}", aligned(&rows, &[false, true, true]))?;
    }
    if let Some(losses) = compressed.losses() {
        say!("{losses}")?;
    }
    if let [before, after] = speeds {
        say!("decoding {} before, {} after", tokens_per_second(*before), tokens_per_second(*after))?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct CompressArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// How the weights become smaller
    #[arg(long, value_name = "METHOD", default_value = "q8_0")]
    pub method: MethodName,
    /// With magnitude and wanda: where zeros may be [default: unstructured]
    #[arg(long, value_name = "PATTERN")]
    pub pattern: Option<PatternName>,
    /// With magnitude and wanda: fraction of each block matrix's weights to set to zero [default: 0.5]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub sparsity: Option<f64>,
    /// Windows of training text that wanda reads [default: 64]
    #[arg(long, value_name = "N")]
    pub windows: Option<usize>,
    /// Validation documents for the losses [default: all]
    #[arg(long, value_name = "N")]
    pub documents: Option<usize>,
    /// Device to measure on: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl CompressArguments {
    fn method(&self) -> Result<Compression> {
        let Self { pattern, sparsity, windows, .. } = *self;
        let stored = match self.method {
            MethodName::F16 => WeightFormat::F16,
            MethodName::Q8_0 => WeightFormat::Q8_0,
            MethodName::Q4_0 => WeightFormat::Q4_0,
            MethodName::Magnitude => return self.pruning(PruneScore::Magnitude),
            MethodName::Wanda => return self.pruning(PruneScore::Wanda),
        };
        if pattern.is_some() || sparsity.is_some() || windows.is_some() {
            return Err(usage("--pattern, --sparsity and --windows are for --method magnitude or wanda"));
        }
        Ok(Compression::Store { weights: stored })
    }

    fn pruning(&self, score: PruneScore) -> Result<Compression> {
        let default = PruneSettings::default();
        let settings = PruneSettings {
            score,
            pattern: self.pattern.map_or(default.pattern, PatternName::into),
            sparsity: self.sparsity.unwrap_or(default.sparsity),
            windows: self.windows.unwrap_or(default.windows),
        };
        settings.validate().map_err(|error| usage(error.to_string()))?;
        Ok(Compression::Prune(settings))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// Store 16 bits per weight
    F16,
    /// Store 8 bits per weight, and a scale per 32 weights
    #[value(name = "q8_0")]
    Q8_0,
    /// Store 4 bits per weight, and a scale per 32 weights
    #[value(name = "q4_0")]
    Q4_0,
    /// Prune the smallest weights of each matrix
    Magnitude,
    /// Prune the smallest products of weight and input norm in each row
    Wanda,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PatternName {
    /// Anywhere
    Unstructured,
    /// Two in every four consecutive weights of a row
    #[value(name = "2:4")]
    TwoOfFour,
}

impl From<PatternName> for SparsityPattern {
    fn from(name: PatternName) -> Self {
        match name {
            PatternName::Unstructured => Self::Unstructured,
            PatternName::TwoOfFour => Self::TwoOfFour,
        }
    }
}
