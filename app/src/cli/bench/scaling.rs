//! `glasshouse bench scaling`: models of many sizes, measured beside their estimates.

use crate::cli::arguments::BenchScalingArguments;
use crate::cli::output::bytes;
use crate::cli::settings::checked_device;
use anyhow::Result;
use glasshouse_engine::measure::{Scaling, ScalingCell, measure_scaling};

pub(super) async fn scaling(arguments: &BenchScalingArguments) -> Result<()> {
    let device = checked_device(&arguments.device)?;
    if !arguments.json {
        say!("layers width context vocabulary batch   ms/step estimated  ratio      memory   ratio")?;
    }
    let mut show = |cell: &ScalingCell| {
        if arguments.json { say!("{}", serde_json::to_string(cell)?) } else { say!("{}", row(cell)) }
    };
    let (summary, warning) = measure_scaling(device, arguments.threads, arguments.quick, &mut show).await?;
    if let Some(warning) = warning {
        tell!("note: {warning}");
    }
    if arguments.json {
        say!("{}", serde_json::to_string(&summary)?)?;
        return Ok(());
    }
    print(&summary)
}

/// A cell as a row of the table.
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

fn print(summary: &Scaling) -> Result<()> {
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
