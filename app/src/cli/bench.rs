//! `glasshouse bench`: this machine's speed. A step's comes with the proof that what was timed also trained.

mod decode;
mod kernel;
mod scaling;

use super::arguments::{BenchCommand, BenchStepArguments};
use super::output::{bytes, count};
use super::settings::{checked_device, run_config, usage};
use anyhow::Result;
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::measure::{Extent, Measurement, measure};

pub(super) fn bench(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Step(arguments) => pollster::block_on(step(&arguments)),
        BenchCommand::Decode(arguments) => pollster::block_on(decode::decode(&arguments)),
        BenchCommand::Scaling(arguments) => pollster::block_on(scaling::scaling(&arguments)),
        BenchCommand::Kernel(arguments) => pollster::block_on(kernel::kernel(&arguments)),
    }
}

async fn step(arguments: &BenchStepArguments) -> Result<()> {
    if arguments.repeats == 0 {
        return Err(usage("--repeats must be at least 1"));
    }
    let config = run_config(&arguments.config, "nanogpt-cpu")?;
    let device = checked_device(&arguments.device)?;
    let extent = Extent::Steps(arguments.repeats as u64);
    let tuning = if arguments.no_autotune { Tuning::Default } else { Tuning::before_a_run() };
    let (measured, warning) = measure(&config, device, arguments.threads, extent, &tuning).await?;
    tell(&measured, warning, arguments.json, print)
}

/// Says what was measured: as a line of JSON, or as `print` puts it.
fn tell<T: serde::Serialize>(
    measured: &T,
    warning: Option<String>,
    json: bool,
    print: impl FnOnce(&T) -> Result<()>,
) -> Result<()> {
    if let Some(warning) = warning {
        tell!("note: {warning}");
    }
    if json { Ok(say!("{}", serde_json::to_string(measured)?)?) } else { print(measured) }
}

fn print(measured: &Measurement) -> Result<()> {
    let Measurement { ms_per_step, ms_fastest, ms_slowest, loss_first, loss_last, .. } = measured;
    say!("{} on {}", measured.config, measured.device)?;
    if let Some(tuning) = &measured.tuning {
        say!("{tuning}")?;
    }
    say!("{ms_per_step:.2} ms per step ({ms_fastest:.2} to {ms_slowest:.2}, {} steps)", measured.repeats)?;
    say!(
        "{} tok/s · {}FLOP/s · {}",
        count(measured.tokens_per_s),
        count(measured.flops_per_s),
        bytes(measured.bytes)
    )?;
    if let (Some(overhead), Some(rehearsed)) =
        (measured.launch_overhead_us_per_dispatch, measured.launch_overhead_rehearsed_us_per_dispatch)
    {
        say!(
            "launch overhead {overhead:.2} µs per dispatch ({rehearsed:.2} if recorded just before), {} dispatches",
            measured.dispatches_per_step
        )?;
    }
    if let (Some(together), Some(idle)) = (measured.ms_per_step_together, measured.idle_share) {
        say!(
            "{together:.2} ms per step sent one behind another; the device waits {:.1} % of that",
            idle * 100.0
        )?;
    }
    say!("loss {loss_first:.4} to {loss_last:.4} on one repeated batch")?;
    Ok(())
}
