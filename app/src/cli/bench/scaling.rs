//! `glasshouse bench scaling`: measures models of many sizes, and compares them with estimates.

use super::{MachineArguments, measured};
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::bench::{ScalingCell, ScalingSummary};
use glasshouse_engine::protocol::quantity::bytes;
use glasshouse_engine::protocol::{Bench, BenchReport, Command};

pub(super) fn scaling(arguments: &BenchScalingArguments) -> Result<()> {
    let options = arguments.machine.options()?;
    if !arguments.json {
        say!("layers width context vocabulary batch   ms/step estimated  ratio      memory   ratio")?;
    }
    let command = Command::Bench(Bench::Scaling { quick: arguments.quick });
    measured(options, command, arguments.json, |report, _| match report {
        BenchReport::Scaling(cell) => Ok(say!("{}", row(&cell))?),
        BenchReport::ScalingSummary(summary) => print(&summary),
        _ => Ok(()),
    })
}

fn row(cell: &ScalingCell) -> String {
    let size = cell.size;
    let place = format!(
        "{:>6} {:>5} {:>7} {:>10} {:>5}",
        size.layers, size.width, size.context_length, size.vocabulary, cell.batch_size
    );
    if let Some(reason) = &cell.skipped {
        return format!("{place}  left out: {reason}");
    }
    let number = |number: Option<f64>, digits: usize| {
        number.map_or_else(|| "—".to_owned(), |number| format!("{number:.digits$}"))
    };
    format!(
        "{place} {:>9} {:>9} {:>6} {:>11} {:>7}{}",
        number(cell.ms_per_step, 2),
        number(cell.ms_estimated, 2),
        number(cell.time_ratio, 2),
        bytes(cell.bytes.unwrap_or(0)),
        number(cell.bytes_ratio, 4),
        if cell.calibration { "  the estimate is fitted to it" } else { "" }
    )
}

fn print(summary: &ScalingSummary) -> Result<()> {
    let device = summary.device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default();
    say!(
        "\n{:.0} % of {} models{device} within 30 % of the estimated time, {:.0} % with exactly the bytes; {} left out",
        summary.within_30_percent * 100.0,
        summary.cells,
        summary.exact_bytes * 100.0,
        summary.skipped
    )?;
    Ok(())
}

#[derive(Args, Debug)]
pub struct BenchScalingArguments {
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Only small models, with less time for each
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON object per model, and one at the end
    #[arg(long)]
    pub json: bool,
}
