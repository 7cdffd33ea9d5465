//! `glasshouse bench`: measures this machine's speed. A step's speed comes with proof that the measured steps also trained.

mod decode;
mod inspect;
mod kernel;
mod scaling;

use super::arguments::{ConfigArguments, thread_count};
use super::driver::drive;
use super::settings::{run_config, session_options, usage};
use super::trained;
use anyhow::Result;
use clap::{Args, Subcommand};
use decode::BenchDecodeArguments;
use glasshouse_engine::protocol::bench::StepMeasurement;
use glasshouse_engine::protocol::quantity::{bytes, counted, flops, percent, tokens_per_second};
use glasshouse_engine::protocol::{Bench, BenchReport, Command, Event};
use glasshouse_engine::session;
use inspect::BenchInspectArguments;
use kernel::BenchKernelArguments;
use scaling::BenchScalingArguments;

pub(super) fn bench(command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Step(arguments) => step(arguments),
        BenchCommand::Decode(arguments) => decode::decode(arguments),
        BenchCommand::Scaling(arguments) => scaling::scaling(arguments),
        BenchCommand::Kernel(arguments) => kernel::kernel(arguments),
        BenchCommand::Inspect(arguments) => inspect::inspect(arguments),
    }
}

fn step(arguments: &BenchStepArguments) -> Result<()> {
    if arguments.repeats == 0 {
        return Err(usage("--repeats must be at least 1"));
    }
    let config = Box::new(run_config(&arguments.config, "nanogpt-cpu")?);
    let options = arguments.machine.options()?;
    let unfused = arguments.unfused;
    let options = session::Options { unfused, ..options };
    let command = Command::Bench(Bench::Step { config, repeats: arguments.repeats });
    measured(options, command, arguments.json, |report, tuning| match report {
        BenchReport::Step(step) => {
            if unfused && !step.unfused {
                tell!("note: --unfused is for a GPU; {} has no fusions to leave out", step.device);
            }
            print(&step, tuning.as_deref())
        }
        _ => Ok(()),
    })
}

/// Runs a measurement in the engine, and prints its reports as JSON lines or with `print`.
fn measured(
    options: session::Options,
    command: Command,
    json: bool,
    mut print: impl FnMut(BenchReport, Option<String>) -> Result<()>,
) -> Result<()> {
    drive(options, async |engine| {
        let show = |event| match event {
            Event::Bench { report, .. } if json => Ok(say!("{}", serde_json::to_string(&report)?)?),
            Event::Bench { report, tuning } => print(report, tuning),
            event => {
                trained::note(&event);
                Ok(())
            }
        };
        engine.ask_until_signal(command, "stopping", show).await
    })
}

fn print(measured: &StepMeasurement, tuning: Option<&str>) -> Result<()> {
    let StepMeasurement { ms_per_step, ms_fastest, ms_slowest, loss_first, loss_last, .. } = measured;
    say!("{} on {}", measured.config, measured.device)?;
    if let Some(tuning) = tuning {
        say!("{tuning}")?;
    }
    if measured.unfused {
        say!("every operation of a layer, unfused")?;
    }
    say!(
        "{ms_per_step:.2} ms per step ({ms_fastest:.2} to {ms_slowest:.2}, {})",
        counted(measured.repeats as u64, "step")
    )?;
    say!(
        "{} · {} · {}",
        tokens_per_second(measured.tokens_per_s),
        flops(measured.flops_per_s),
        bytes(measured.bytes)
    )?;
    if let (Some(overhead), Some(warm)) =
        (measured.launch_overhead_us_per_dispatch, measured.launch_overhead_warm_us_per_dispatch)
    {
        say!(
            "launch overhead {overhead:.2} µs per dispatch ({warm:.2} if recorded just before), {} dispatches",
            measured.dispatches_per_step
        )?;
    }
    if let (Some(together), Some(idle)) = (measured.ms_per_step_together, measured.idle_share) {
        say!(
            "{together:.2} ms per step when submitted back to back; the device idles {} of that",
            percent(idle)
        )?;
    }
    say!("loss {loss_first:.4} to {loss_last:.4} on one repeated batch")?;
    Ok(())
}

/// What is measured, shared by all benchmarks.
#[derive(Args, Debug)]
pub struct MachineArguments {
    /// Device: auto, cpu, gpu, or part of an adapter's name; for `step` also burn-wgpu or burn-flex
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads of the CPU executor [default: all cores]
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub threads: Option<usize>,
    /// Choose GPU kernels by adapter kind instead of timing variants
    #[arg(long)]
    pub no_autotune: bool,
}

impl MachineArguments {
    fn options(&self) -> Result<session::Options> {
        session_options(&self.device, self.threads, self.no_autotune)
    }
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time of a training step, on random tokens
    Step(BenchStepArguments),
    /// Prompt and generation tokens per second, with random weights
    Decode(BenchDecodeArguments),
    /// Throughput of every kernel of a training step, and its share of the device's peak
    Kernel(BenchKernelArguments),
    /// Time of each view of the lens, with random weights
    Inspect(BenchInspectArguments),
    /// Time and memory of a step for models of many sizes, compared with their estimates
    Scaling(BenchScalingArguments),
}

#[derive(Args, Debug)]
pub struct BenchStepArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Run every operation of a layer separately with the default kernels, to measure the gain of fusions
    #[arg(long)]
    pub unfused: bool,
    /// Number of timed steps
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub repeats: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
