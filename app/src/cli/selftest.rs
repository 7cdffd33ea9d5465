//! `glasshouse selftest`: compares a device with the reference on this machine.

use super::prelude::*;
use glasshouse_engine::data::{self, Batches};
use glasshouse_engine::selftest;
use glasshouse_engine::selftest::losses::{self, LossesReport};
use serde::Serialize;
use std::fmt::Display;

pub(super) fn selftest(arguments: &SelftestArguments) -> Result<ExitCode> {
    let device = &arguments.device;
    let seconds = arguments.seconds.unwrap_or(f64::INFINITY);
    if arguments.variants {
        return variants(arguments, device, seconds);
    }
    if arguments.losses {
        let report = losses(arguments, device, seconds)?;
        return print(arguments.json, &report, report.passed());
    }
    let report = pollster::block_on(selftest::run(device, None))?;
    print(arguments.json, &report, report.passed())
}

#[cfg(feature = "oracle")]
fn variants(arguments: &SelftestArguments, device: &str, seconds: f64) -> Result<ExitCode> {
    let compared = glasshouse_parity::variants::run(device, seconds, &arguments.filter);
    let (report, warning) = pollster::block_on(compared)?;
    if let Some(warning) = warning {
        report!("note: {warning}");
    }
    print(arguments.json, &report, report.passed())
}

#[cfg(not(feature = "oracle"))]
fn variants(_: &SelftestArguments, _: &str, _: f64) -> Result<ExitCode> {
    anyhow::bail!("this build has no burn to compare kernels with; build one with the feature `oracle`")
}

fn print(json: bool, report: &(impl Serialize + Display), passed: bool) -> Result<ExitCode> {
    if json {
        say_json(report)?;
    } else {
        let hints: &[Hint] = if passed { &[] } else { &[Hint::Cpu] };
        say!("{}{}", report.to_string().trim_end(), hints::words(hints))?;
    }
    Ok(ExitCode::from(if passed { 0 } else { 1 }))
}

/// Trains in a temporary folder, which is removed afterwards.
fn losses(arguments: &SelftestArguments, device: &str, seconds: f64) -> Result<LossesReport> {
    let mut config = presets::preset(&arguments.preset).map_err(usage)?;
    config.data.paths = arguments.data.iter().map(|path| path.display().to_string()).collect();
    // Gradient accumulation would only take longer.
    config.train.accumulate = 1;
    let folder = std::env::temp_dir().join(format!("glasshouse-selftest-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let report = trained(arguments, config, device, seconds, &folder);
    std::fs::remove_dir_all(&folder).ok();
    report
}

fn trained(
    arguments: &SelftestArguments,
    mut config: RunConfig,
    device: &str,
    seconds: f64,
    folder: &Path,
) -> Result<LossesReport> {
    let prepared = data::prepare(&config, folder, &mut |_| {})?;
    prepared.complete(&mut config);
    let (batch, context) = (config.train.batch_size, config.model.context_length);
    let batches = Batches::windows(&prepared.store, config.seed, batch, context)?;
    Ok(pollster::block_on(losses::run(device, &config, &batches, arguments.steps, seconds))?)
}

#[derive(Args, Debug)]
pub struct SelftestArguments {
    /// Device: auto, cpu, gpu, burn-wgpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name, default_value = "auto")]
    pub device: String,
    /// Test every kernel variant of a GPU, operation by operation
    #[arg(long, conflicts_with = "losses")]
    pub variants: bool,
    /// With --variants, only operations whose name contains TEXT
    #[arg(long, value_name = "TEXT", default_value = "", requires = "variants")]
    pub filter: String,
    /// Train the same run in every precision and kernel tier of a GPU, and compare the losses
    #[arg(long)]
    pub losses: bool,
    /// With --losses, the preset to train
    #[arg(long, value_name = "NAME", default_value = "nanogpt-cpu", requires = "losses")]
    pub preset: String,
    /// With --losses, the number of steps
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..), requires = "losses")]
    pub steps: u64,
    /// With --losses, the training text [default: the built-in stories]
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "losses")]
    pub data: Vec<PathBuf>,
    /// With --variants or --losses, start nothing new after N seconds
    #[arg(long, value_name = "N")]
    pub seconds: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
