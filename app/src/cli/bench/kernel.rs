//! `glasshouse bench kernel`: measures every kernel of a training step.

use super::{MachineArguments, measured};
use crate::cli::arguments::ConfigArguments;
use crate::cli::settings::run_config;
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::bench::KernelMeasurement;
use glasshouse_engine::protocol::{Bench, BenchReport, Command};
use std::collections::BTreeMap;

pub(super) fn kernel(arguments: &BenchKernelArguments) -> Result<()> {
    let config = Box::new(run_config(&arguments.config, "nanogpt-cpu")?);
    let options = arguments.machine.options()?;
    let command = Command::Bench(Bench::Kernels { config, filter: arguments.filter.clone() });
    let mut kernels = Vec::new();
    measured(options, command, arguments.json, |report, _| {
        if let BenchReport::Kernel(kernel) = report {
            kernels.push(*kernel);
        }
        Ok(())
    })?;
    table(&kernels)
}

/// A line per kernel, in the order of the step.
fn table(measured: &[KernelMeasurement]) -> Result<()> {
    let Some(first) = measured.first() else { return Ok(()) };
    say!("{} on {}", first.config, first.device)?;
    say!(
        "measured peak: {:.0} GFLOP/s, {:.1} GB/s; share: the least possible time of a kernel at that peak, over its own\n",
        first.peak_gflop_per_s,
        first.peak_gb_per_s
    )?;
    let kernels = measured.iter().map(|line| line.kernel.len()).max().unwrap_or(0).max(6);
    let scopes = measured.iter().map(|line| line.scope.len()).max().unwrap_or(0).max(5);
    say!(
        "{:<kernels$}  {:<scopes$}  count        ms   ms/step  GFLOP/s    GB/s  share  shapes",
        "kernel",
        "first"
    )?;
    for line in measured {
        let gflops = line.gflop_per_s.map_or_else(|| "—".to_owned(), |rate| format!("{rate:.1}"));
        say!(
            "{:<kernels$}  {:<scopes$}  {:>5} {:>9.4} {:>9.3} {gflops:>8} {:>7.1} {:>4.0} %  {}",
            line.kernel,
            line.scope,
            line.count,
            line.ms,
            line.ms_per_step,
            line.gb_per_s,
            line.share_of_peak * 100.0,
            line.shapes
        )?;
    }
    let total: f64 = measured.iter().map(|line| line.ms_per_step).sum();
    say!("\n{total:.2} ms per step, sum of all kernels")?;
    choices(measured)
}

/// The candidates for each shape bucket.
fn choices(measured: &[KernelMeasurement]) -> Result<()> {
    let chosen: BTreeMap<&String, &KernelMeasurement> =
        measured.iter().filter_map(|line| Some((line.class.as_ref()?, line))).collect();
    let classes = chosen.keys().map(|class| class.len()).max().unwrap_or(0);
    if !chosen.is_empty() {
        say!("\nvariants, ms each; * is the choice: the first, unless another is at least 3 % faster")?;
    }
    for (class, line) in chosen {
        let texts = line.candidates.iter().map(|candidate| {
            let star = if line.chosen.as_ref() == Some(&candidate.choice) { "*" } else { "" };
            format!("{}{star} {:.4}", candidate.choice, candidate.ms)
        });
        say!("{class:<classes$}  {}", texts.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct BenchKernelArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Only kernels whose name contains TEXT; matmul selects all linear layers
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Print one JSON object per kernel
    #[arg(long)]
    pub json: bool,
}
