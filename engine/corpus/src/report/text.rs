//! The report for a terminal: plain lines of at most a hundred columns, without colours, so that it can be redirected and
//! searched.
//!
//! Control characters are removed from untrusted texts: a document must not move the cursor or colour the screen.

use std::fmt::{self, Write as _};

use super::{CleaningReport, CorpusTable, Unit, number, rows};

/// Maximum columns of a line; untrusted texts are truncated.
const WIDTH: usize = 100;
/// Maximum columns of a stage's or row's title.
const TITLE: usize = 34;
const ROWS: usize = 12;
const TROUBLES: usize = 5;
/// Columns of the longest bar of a histogram.
const BAR: usize = 40;

/// Summary of a cleaning: what each stage removed, copies and personal data found, and the result.
pub fn summary(report: &CleaningReport) -> String {
    account(report, false)
}

/// The full report for a terminal: the [`summary`] with tables, a histogram of lengths and samples.
pub fn details(report: &CleaningReport) -> String {
    account(report, true)
}

fn account(report: &CleaningReport, whole: bool) -> String {
    let mut lines = Lines(String::new());
    for warning in report.warnings() {
        lines.put(format_args!("warning: {warning}\n"));
    }
    head(&mut lines, report);
    stages(&mut lines, report);
    findings(&mut lines, report);
    if whole {
        report.tables.iter().for_each(|table| grid(&mut lines, table, ROWS));
        if let Some(table) = report.table("length") {
            histogram(&mut lines, table);
        }
        samples(&mut lines, report);
    }
    troubles(&mut lines, report);
    lines.0
}

fn head(lines: &mut Lines, report: &CleaningReport) {
    lines.put(format_args!(
        "{} of {} kept ({}) with the recipe {}",
        number::whole(report.kept.documents),
        number::counted(report.raw.documents, "document"),
        number::percent(number::ratio(report.kept.documents, report.raw.documents)),
        plain(&report.recipe.name, 40),
    ));
    lines.put(format_args!(
        "{} of {} of text, {} of {} words, from {}",
        number::bytes(report.kept.bytes),
        number::bytes(report.raw.bytes),
        number::count(report.kept.words),
        number::count(report.raw.words),
        number::counted(report.inputs.len() as u64, "file"),
    ));
}

/// The stages that did something, and the number of the others.
fn stages(lines: &mut Lines, report: &CleaningReport) {
    grid(lines, &rows::steps(report), usize::MAX);
    let idle = report.stages.iter().filter(|stage| !stage.acted() && !stage.about.is_off).count();
    if idle > 0 && report.stages.iter().any(super::Stage::acted) {
        lines.put(format_args!("{} found nothing", number::counted(idle as u64, "further step")));
    }
}

fn findings(lines: &mut Lines, report: &CleaningReport) {
    if !report.duplicates.is_empty() {
        lines.put(format_args!(""));
    }
    for found in &report.duplicates {
        lines.put(format_args!(
            "{}: {} of {} in all",
            plain(&found.title, TITLE),
            number::counted(found.clusters, "group"),
            number::counted(found.documents, "document"),
        ));
    }
    grid(lines, &rows::personal(report), usize::MAX);
}

/// A table with numbers aligned right.
fn grid(lines: &mut Lines, table: &CorpusTable, most: usize) {
    if table.columns.is_empty() || table.rows.is_empty() {
        return;
    }
    lines.put(format_args!(
        "{}{}",
        if table.title.is_empty() { "" } else { "\n" },
        plain(&table.title, WIDTH)
    ));
    let mut lettering =
        vec![table.columns.iter().map(|column| plain(&column.title, TITLE)).collect::<Vec<_>>()];
    for row in table.rows.iter().take(most) {
        let cells = table.columns.iter().zip(row);
        lettering.push(cells.map(|(column, cell)| plain(&cell.text(column.unit), TITLE)).collect());
    }
    let width = |place: usize| {
        lettering.iter().filter_map(|row| row.get(place)).map(|text| text.chars().count()).max()
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(|place| width(place).unwrap_or(0)).collect();
    for row in &lettering {
        let mut line = String::new();
        for ((text, &width), column) in row.iter().zip(&widths).zip(&table.columns) {
            line += &match column.unit {
                Unit::Text => format!("{text:<width$}  "),
                _ => format!("{text:>width$}  "),
            };
        }
        lines.put(format_args!("{}", line.trim_end()));
    }
    if let Some(rest) = table.rows.len().checked_sub(most).filter(|rest| *rest > 0) {
        lines.put(format_args!("  and {}", number::counted(rest as u64, "more row")));
    }
}

/// Lengths as bars: removed documents as dots, kept ones as hash signs.
fn histogram(lines: &mut Lines, table: &CorpusTable) {
    let columns = table.columns.iter().enumerate();
    let mut counts = columns.filter(|(_, column)| column.unit == Unit::Count).map(|(place, _)| place);
    let (Some(raw), Some(kept)) = (counts.next(), counts.next()) else { return };
    let value = |row: &[super::CorpusCell], place: usize| {
        row.get(place).and_then(super::CorpusCell::number).unwrap_or(0.0)
    };
    let most = table.rows.iter().map(|row| value(row, raw).max(value(row, kept))).fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    lines.put(format_args!("\nLengths: # kept, . removed"));
    for row in &table.rows {
        let columns = |place: usize| (value(row, place) / most * BAR as f64).round() as usize;
        let (all, stayed) = (columns(raw), columns(kept));
        let name = row.first().map(|cell| cell.text(Unit::Text)).unwrap_or_default();
        lines.put(format_args!(
            "{:>18}  {}{}",
            plain(&name, 18),
            "#".repeat(stayed),
            ".".repeat(all.saturating_sub(stayed))
        ));
    }
}

/// A few kept documents, and one removed by each stage.
fn samples(lines: &mut Lines, report: &CleaningReport) {
    if !report.samples.is_empty() {
        lines.put(format_args!("\nKept, for example"));
    }
    for sample in &report.samples {
        lines.put(format_args!(
            "  {} ({})",
            plain(&sample.id, 70),
            number::counted(sample.amount.words, "word")
        ));
        lines.put(format_args!("    {}", plain(&sample.excerpt, WIDTH - 4)));
    }
    let victims: Vec<_> = report
        .stages
        .iter()
        .filter_map(|stage| stage.victims.first().map(|victim| (stage, victim)))
        .collect();
    if !victims.is_empty() {
        lines.put(format_args!("\nRemoved, for example"));
    }
    for (stage, victim) in victims {
        lines.put(format_args!("  {}: {}", plain(&stage.about.title, TITLE), plain(&victim.id, 60)));
        lines.put(format_args!("    {}", plain(&victim.reason, WIDTH - 4)));
        lines.put(format_args!("    {}", plain(&victim.excerpt, WIDTH - 4)));
    }
}

fn troubles(lines: &mut Lines, report: &CleaningReport) {
    if report.troubles.count == 0 {
        return;
    }
    lines.put(format_args!(
        "\n{} could not be read, or only in part:",
        number::of(report.troubles.count, "file or record", "files or records")
    ));
    let kinds = report.troubles.by_kind();
    let shown = kinds.iter().take(TROUBLES);
    for kind in shown.clone() {
        let (place, reason) = (plain(&kind.first.place, 60), plain(&kind.first.reason, 2 * WIDTH));
        let more = match kind.count {
            1 => String::new(),
            count => format!(" and {} more of this kind", number::whole(count - 1)),
        };
        lines.put(format_args!("  {place}{more}: {reason}"));
    }
    let others = report.troubles.count - shown.map(|kind| kind.count).sum::<u64>().min(report.troubles.count);
    if others > 0 {
        lines.put(format_args!("  and {} of other kinds, in report.json", number::whole(others)));
    }
}

struct Lines(String);

impl Lines {
    fn put(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.0.write_fmt(line).ok();
        self.0.push('\n');
    }
}

/// A text on one line of at most `limit` characters: white space becomes a space; terminal control and bidirectional characters
/// are removed.
fn plain(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut letters = 0;
    let mut space = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            space = !line.is_empty();
            continue;
        }
        if letter.is_control()
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        {
            continue;
        }
        if letters + usize::from(space) + 1 >= limit {
            line.push('…');
            break;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
            letters += 1;
        }
        line.push(letter);
        letters += 1;
    }
    line
}

#[cfg(test)]
mod tests;
