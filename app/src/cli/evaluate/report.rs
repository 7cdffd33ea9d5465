//! An evaluation as text: values with their intervals in columns, sentences below.

use glasshouse_engine::evaluation::card::number;
use glasshouse_engine::protocol::evaluation::{
    Baseline, Calibration, Cell, Likelihood, Metric, Table, TaskReport,
};
use glasshouse_engine::protocol::quantity::{counted, whole};
use glasshouse_engine::protocol::{Audit, Comparison, Evaluation};
use std::io::Result;

/// Lines of a table that are printed, and characters of a cell.
const LINES: usize = 12;
const WIDTH: usize = 48;

/// Prints what was found of a model.
pub(super) fn evaluation(found: &Evaluation) -> Result<()> {
    let model = &found.model;
    say!("\n{} · {} at step {}", model.title, found.checkpoint, found.step)?;
    say!("  {} parameters · {} · {}", whole(model.parameters), model.shape, model.tokenizer)?;
    say!("  {}", model.about)?;
    say!("  evaluated on {} in {:.1} s", found.device, found.seconds)?;
    if let Some(text) = &found.likelihood {
        likelihood(text, &found.baselines)?;
    }
    if let Some(seen) = &found.contamination {
        say!(
            "  {} of {} share {} words in a row with the training text ({:.2} % of all such passages)",
            whole(seen.found),
            counted(seen.looked_up, "document"),
            seen.n,
            seen.share * 100.0
        )?;
    }
    for task in &found.tasks {
        report(task)?;
    }
    if !found.limits.is_empty() {
        say!("\nWhat to know before believing it")?;
        found.limits.iter().try_for_each(|limit| say!("  * {limit}"))?;
    }
    Ok(())
}

/// Prints what a model writes from memory.
pub(super) fn memorisation(audit: &Audit) -> Result<()> {
    for section in &audit.sections {
        say!("\n{}", section.title)?;
        if let Some(reason) = &section.skipped {
            say!("  Not looked at: {reason}.")?;
            continue;
        }
        say!("  {}", section.sample)?;
        metrics(&section.metrics)?;
        section.limits.iter().try_for_each(|limit| say!("  * {limit}"))?;
    }
    Ok(())
}

fn likelihood(text: &Likelihood, baselines: &[Baseline]) -> Result<()> {
    say!(
        "\nText: {} · {}, {} tokens, {} bytes · windows of {} tokens, one every {} · {} tokens per second",
        text.split,
        counted(text.documents, "document"),
        whole(text.tokens),
        whole(text.bytes),
        text.window,
        text.stride,
        whole(text.tokens_per_s as u64)
    )?;
    metrics(&text.metrics)?;
    if let Some(Calibration { ece, temperature, checked: [plain, fitted], .. }) = &text.calibration {
        say!(
            "  calibration error {}; with the temperature {temperature:.3}, of half of the documents, {} on the others in the place of {}",
            value(ece),
            value(fitted),
            value(plain)
        )?;
    }
    if !baselines.is_empty() {
        say!("\nBaselines on the same text")?;
        let head = ["", "bits per byte", "perplexity", "less the model's"].map(str::to_owned).to_vec();
        let line = |baseline: &Baseline| {
            let perplexity = baseline.perplexity.map(number).unwrap_or_default();
            let difference = baseline.difference.as_ref().map(with_interval).unwrap_or_default();
            vec![baseline.name.clone(), with_interval(&baseline.bits_per_byte), perplexity, difference]
        };
        columns(&std::iter::once(head).chain(baselines.iter().map(line)).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn report(task: &TaskReport) -> Result<()> {
    say!("\nTask {} · {}, {}", task.name, task.kind, counted(task.rows, "row"))?;
    task.about.iter().try_for_each(|sentence| say!("  {sentence}"))?;
    if task.beside.is_empty() {
        metrics(&task.metrics)?;
    } else {
        beside(task)?;
    }
    if let Some(seen) = task.contamination.as_ref().filter(|seen| seen.found > 0) {
        let rows = counted(seen.looked_up, "row");
        say!("  {} of {rows} share {} words in a row with the training text", whole(seen.found), seen.n)?;
    }
    for (line, reason) in task.broken.iter().take(LINES) {
        say!("  line {line} left out: {reason}")?;
    }
    if task.broken.len() > LINES {
        say!("  … and {} more", counted((task.broken.len() - LINES) as u64, "line"))?;
    }
    task.tables.iter().try_for_each(table)
}

/// The model's metrics with those of others in columns of their own, and the paired differences below.
fn beside(task: &TaskReport) -> Result<()> {
    let names = task.beside.iter().map(|other| other.name.clone());
    let head: Vec<String> = [String::new(), "the model".to_owned()].into_iter().chain(names).collect();
    let line = |metric: &Metric| {
        let theirs = task.beside.iter().map(|other| {
            let same = other.metrics.iter().find(|theirs| theirs.name == metric.name);
            same.map(with_interval).unwrap_or_default()
        });
        [metric.name.clone(), with_interval(metric)].into_iter().chain(theirs).collect()
    };
    columns(&std::iter::once(head).chain(task.metrics.iter().map(line)).collect::<Vec<_>>())?;
    for other in &task.beside {
        say!("  {}: {}", other.name, other.about)?;
        for difference in &other.differences {
            say!("    {} less its own, paired by row: {}", difference.name, with_interval(difference))?;
        }
        for (line, reason) in other.broken.iter().take(3) {
            say!("    line {line} of its results: {reason}")?;
        }
        if other.broken.len() > 3 {
            say!("    … and {} more", counted((other.broken.len() - 3) as u64, "line"))?;
        }
    }
    Ok(())
}

/// Prints how models compare.
pub(super) fn comparisons(comparisons: &[Comparison]) -> Result<()> {
    if comparisons.is_empty() {
        return say!(
            "\nThe models have nothing in common that was evaluated: no same text, and no same rows"
        );
    }
    say!("\nCompared, paired")?;
    for one in comparisons {
        let (first, second) = (number(one.first_value), number(one.second_value));
        // Where they cannot be compared, the verdict says why.
        let difference =
            one.difference.value.map(|_| format!("; difference {}", with_interval(&one.difference)));
        let difference = difference.unwrap_or_default();
        say!("  {}: {} {first}, {} {second}{difference}", one.what, one.first, one.second)?;
        say!("    {}", one.verdict)?;
    }
    Ok(())
}

fn metrics(all: &[Metric]) -> Result<()> {
    let line = |metric: &Metric| {
        let of = format!("{} {}", whole(metric.count), metric.of);
        vec![metric.name.clone(), with_interval(metric), of, metric.signature.clone().unwrap_or_default()]
    };
    columns(&all.iter().map(line).collect::<Vec<_>>())
}

fn table(table: &Table) -> Result<()> {
    say!("\n  {}{}", table.title, if table.about.is_empty() { "" } else { ":" })?;
    if !table.about.is_empty() {
        say!("  {}", table.about)?;
    }
    let rows = table.rows.iter().take(LINES).map(|row| row.iter().map(cell).collect::<Vec<_>>());
    columns(&std::iter::once(table.columns.clone()).chain(rows).collect::<Vec<_>>())?;
    if table.rows.len() > LINES {
        say!("  … and {} more; --json has all of them", counted((table.rows.len() - LINES) as u64, "row"))?;
    }
    Ok(())
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Count(count) => whole(*count),
        Cell::Number(value) => format!("{value:.3}"),
        Cell::Text(text) => short(text),
        Cell::Metric(metric) => with_interval(metric),
        Cell::Passage(passage) => {
            short(&format!("{}{}", passage.prompt, if passage.token.is_empty() { "" } else { " …" }))
        }
    }
}

/// A text in a line, its end where it is too long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = line.chars().count();
    if count <= WIDTH {
        return line;
    }
    let end: String = line.chars().skip(count - WIDTH + 1).collect();
    format!("…{end}")
}

fn value(metric: &Metric) -> String {
    metric.value.map_or_else(|| "not finite".to_owned(), number)
}

fn with_interval(metric: &Metric) -> String {
    match metric.interval {
        Some([low, high]) => format!("{} [{}, {}]", value(metric), number(low), number(high)),
        None => value(metric),
    }
}

/// Prints rows with their columns below each other.
fn columns(rows: &[Vec<String>]) -> Result<()> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say!("  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_intervals_and_as_many_digits_as_help() {
        let metric = Metric {
            name: "perplexity".to_owned(),
            value: Some(12.3456),
            interval: Some([9.87654, 123.456]),
            ..Metric::default()
        };
        assert_eq!(with_interval(&metric), "12.35 [9.8765, 123.5]");
        assert_eq!(with_interval(&Metric::default()), "not finite");
        let long = "word ".repeat(40);
        assert_eq!(short(&long).chars().count(), WIDTH);
        assert!(short(&long).starts_with('…') && short(" a\nb ") == "a b");
    }
}
