//! `glasshouse bench`: measures this machine's speed. A step's speed comes with proof that the measured steps also trained.

use super::prelude::*;
use glasshouse_engine::protocol::bench::{KernelMeasurement, ScalingCell};

/// Models whose views are timed by default: 0.9, 3.2 and 15 million parameters.
const MODELS: &[&str] = &["first-stories", "llama-tiny", "stories-15m"];

/// Fields that are not printed as text: the kind of report, and what the list of variants has.
const HIDDEN: &[&str] = &["bench", "class", "candidates", "chosen", "groups", "bound"];

pub(super) fn bench(command: &BenchCommand) -> Result<()> {
    let configured = |config| run_config(config, "nanogpt-cpu").map(Box::new);
    match command {
        BenchCommand::Step { config, machine, unfused, repeats } => {
            measured(machine, *unfused, Bench::Step { config: configured(config)?, repeats: *repeats })
        }
        BenchCommand::Decode { config, machine, prompt_tokens, tokens, texts, repeats, weights } => {
            let config = configured(config)?;
            let (prompt_tokens, context) = (*prompt_tokens, config.model.context_length);
            if let Some(prompt_tokens) = prompt_tokens.filter(|tokens| *tokens > context) {
                misuse!(
                    "--prompt-tokens must be between 1 and the context length, {context} (got {prompt_tokens})"
                );
            }
            let (tokens, repeats, weights, batches) = (*tokens, *repeats, weights.format, texts.clone());
            let bench = Bench::Decode { config, repeats, prompt_tokens, tokens, weights, batches };
            measured(machine, false, bench)
        }
        BenchCommand::Kernel { config, filter, machine } => {
            measured(machine, false, Bench::Kernels { config: configured(config)?, filter: filter.clone() })
        }
        BenchCommand::Inspect { config, view, machine, repeats } => {
            let is_named = config.preset.is_some() || config.config.is_some() || config.layers.is_some();
            for model in MODELS.iter().take(if is_named { 1 } else { MODELS.len() }) {
                let config = Box::new(run_config(config, model)?);
                measured(machine, false, Bench::Inspect { config, repeats: *repeats, views: view.clone() })?;
            }
            Ok(())
        }
        BenchCommand::Scaling { machine, quick } => {
            measured(machine, false, Bench::Scaling { quick: *quick })
        }
    }
}

/// Runs a measurement, and prints its reports: as JSON each at once, as text together, even after an error.
fn measured(machine: &MachineArguments, unfused: bool, bench: Bench) -> Result<()> {
    let options = session::Options { unfused, ..machine.device.options() };
    drive(options, async |engine| {
        let mut reports = Vec::new();
        let on_event = |event| {
            let Event::Bench { report, tuning } = event else { return Ok(()) };
            if machine.json {
                return say_json(&report);
            }
            if let Some(tuning) = tuning {
                say!("{tuning}")?;
            }
            match &report {
                // Some take seconds.
                BenchReport::View(time) => {
                    let part = time.part.map_or_else(String::new, |part| format!(", {}", part.title()));
                    let tokens = counted(time.prompt_tokens as u64, "token");
                    report!("{}{part}, {tokens}: {:.1} ms", time.view, time.ms);
                }
                BenchReport::Scaling(cell) => {
                    let ScalingCell { size, ms_per_step, skipped, .. } = &**cell;
                    let layers = counted(size.layers as u64, "layer");
                    let ms = ms_per_step.map(|ms| format!("{ms:.2} ms per step"));
                    let found = skipped.as_deref().or(ms.as_deref()).unwrap_or(NOTHING);
                    report!("{layers}, width {}: {found}", size.width);
                }
                BenchReport::Step(step) if unfused && !step.unfused => {
                    report!("note: --unfused is for a GPU; {} has no fusions to leave out", step.device);
                }
                _ => {}
            }
            reports.push(report);
            Ok(())
        };
        let asked = engine.ask_until_signal(Command::Bench(bench), "stopping", shown(on_event)).await;
        if !reports.is_empty() {
            report::print_rows(&blocks(&reports)?, usize::MAX)?;
        }
        asked
    })
}

/// Reports of a kind together, in the order of their kinds.
fn blocks(reports: &[BenchReport]) -> Result<Vec<Block>> {
    // The report of a model repeats those of its views.
    let is_whole = reports.iter().any(|report| matches!(report, BenchReport::Inspect(_)));
    let parts = reports.iter().filter(|report| !is_whole || !matches!(report, BenchReport::View(_)));
    let values = parts.map(serde_json::to_value).collect::<Result<Vec<Value>, _>>()?;
    let kinds = values.chunk_by(|one, other| one["bench"] == other["bench"]);
    let mut blocks: Vec<Block> = kinds.flat_map(|kind| report::records(kind, HIDDEN)).collect();
    let kernels = reports.iter().filter_map(picked!(BenchReport::Kernel(kernel) => &**kernel));
    let kernels: Vec<&KernelMeasurement> = kernels.collect();
    if !kernels.is_empty() {
        let total: f64 = kernels.iter().map(|kernel| kernel.ms_per_step).sum();
        let share = "share of peak: a kernel's minimum time at the measured peak, divided by its time";
        blocks.push(Block::Note(format!("{total:.2} ms per step, sum of all kernels; {share}")));
        blocks.push(Block::Table(variants(&kernels)));
    }
    Ok(blocks)
}

/// The timed variants of each shape bucket.
fn variants(kernels: &[&KernelMeasurement]) -> Table {
    let classes: BTreeMap<&String, &KernelMeasurement> =
        kernels.iter().filter_map(|kernel| Some((kernel.class.as_ref()?, *kernel))).collect();
    let rows = classes.into_iter().map(|(class, kernel)| {
        let texts = kernel.candidates.iter().map(|candidate| {
            let star = if kernel.chosen.as_ref() == Some(&candidate.choice) { "*" } else { "" };
            format!("{}{star} {:.4}", candidate.choice, candidate.ms)
        });
        [class.as_str().into(), texts.collect::<Vec<_>>().join("  ").into()]
    });
    let about = "ms each; * marks the chosen one: the first, unless another is at least 3 % faster";
    Table { about: about.to_owned(), ..Table::new("Variants", ["shapes", "variants"], rows) }
}

/// Device and output of every benchmark.
#[derive(Args, Debug)]
pub struct MachineArguments {
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print each report as one JSON object, as soon as it is measured
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time of a training step on random tokens; also takes --device burn-wgpu and burn-flex
    Step {
        #[command(flatten)]
        config: ConfigArguments,
        #[command(flatten)]
        machine: MachineArguments,
        /// Run every operation of a layer separately with the default kernels, to measure the gain of fusions
        #[arg(long)]
        unfused: bool,
        /// Number of timed steps
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least(1))]
        repeats: usize,
    },
    /// Prompt and generation tokens per second, with random weights
    Decode {
        #[command(flatten)]
        config: ConfigArguments,
        #[command(flatten)]
        machine: MachineArguments,
        /// Tokens of the prompt [default: half the context, at most 512]
        #[arg(long, value_name = "N", value_parser = at_least(1))]
        prompt_tokens: Option<usize>,
        /// Tokens to generate after the first [default: the rest of the context, at most 128]
        #[arg(long, value_name = "N", value_parser = at_least(1))]
        tokens: Option<usize>,
        /// Batch sizes: one number, or several to compare
        #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1", value_parser = at_least(1))]
        texts: Vec<usize>,
        /// Number of timed repetitions
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least(1))]
        repeats: usize,
        #[command(flatten)]
        weights: FormatArguments,
    },
    /// Throughput of every kernel of a training step, and its share of the device's peak
    Kernel {
        #[command(flatten)]
        config: ConfigArguments,
        /// Only kernels whose name contains TEXT; matmul selects all linear layers
        #[arg(long, value_name = "TEXT", default_value = "")]
        filter: String,
        #[command(flatten)]
        machine: MachineArguments,
    },
    /// Time of each view of the lens, with random weights
    Inspect {
        #[command(flatten)]
        config: ConfigArguments,
        /// Views to time, as in tokens,attention [default: all]
        #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
        view: Vec<View>,
        #[command(flatten)]
        machine: MachineArguments,
        /// Timed answers per view after the first; one if they take seconds
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least(1))]
        repeats: usize,
    },
    /// Time and memory of a step for models of many sizes, compared with their estimates
    Scaling {
        #[command(flatten)]
        machine: MachineArguments,
        /// Only small models, with less time for each
        #[arg(long)]
        quick: bool,
    },
}
