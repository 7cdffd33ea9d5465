//! Metrics and tables of evaluations and audits as text for a terminal.

use crate::format;
use glasshouse_engine::protocol::evaluation::{AuditSection, Cell, Metric, Table, metric_title};
use glasshouse_engine::protocol::quantity::{counted, figures, whole};
use serde_json::{Value, json};
use std::io::Result;

/// Line width of prose in characters.
const WIDTH: usize = 100;
/// Maximum rows of a table.
const ROWS: usize = 24;
/// Maximum characters of a text cell.
const CELL: usize = 44;

/// Prints an audit: for each topic the sample size, figures and tables, and the limitations.
pub(super) fn audited(sections: &[AuditSection]) -> Result<()> {
    for AuditSection { title, sample, metrics: figures, tables, limits, skipped, .. } in sections {
        say!("\n{title}\n{}", "=".repeat(title.chars().count()))?;
        if let Some(reason) = skipped {
            say!("{}", wrapped(&format!("Skipped: {reason}."), ""))?;
            continue;
        }
        say!("{}\n", wrapped(sample, ""))?;
        say!("{}", metrics(figures))?;
        for own in tables {
            say!("\n{}", table(own))?;
        }
        if !limits.is_empty() {
            say!("\nLimitations")?;
            limits.iter().try_for_each(|limit| say!("{}", wrapped(limit, "* ")))?;
        }
    }
    Ok(())
}

/// The JSON object `value` with an `event` field.
pub(super) fn with_event(event: &str, value: &Value) -> Value {
    joined(json!({ "event": event }), value)
}

/// A JSON object with the fields of another.
pub(super) fn joined(mut line: Value, more: &Value) -> Value {
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    line
}

/// Text wrapped to [`WIDTH`] characters, with a hanging indent after `mark`.
pub(super) fn wrapped(text: &str, mark: &str) -> String {
    let indent = mark.chars().count();
    let (mut lines, mut line, mut length) = (Vec::new(), mark.to_owned(), indent);
    for word in text.split_whitespace() {
        let own = word.chars().count();
        if length > indent && length + 1 + own > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            length = indent;
        }
        if length > indent {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += own;
    }
    lines.push(line);
    lines.join("\n")
}

/// A line per metric: title, value, interval, count, and how it was counted.
pub(super) fn metrics(metrics: &[Metric]) -> String {
    let row = |metric: &Metric| {
        let of = format!("of {} {}", whole(metric.count), metric.of);
        vec![
            metric_title(&metric.name),
            metric.with_interval(),
            of,
            metric.signature.clone().unwrap_or_default(),
        ]
    };
    aligned(&metrics.iter().map(row).collect::<Vec<_>>(), &[])
}

/// Indents non-empty lines by two spaces.
pub(super) fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { String::new() } else { format!("  {line}") };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A table with its title, and a line under the column titles.
pub(super) fn table(table: &Table) -> String {
    let Table { title, about, columns, rows } = table;
    let mut lines = vec![title.clone()];
    if !about.is_empty() {
        lines.push(wrapped(about, ""));
    }
    let is_number = |column: usize| {
        rows.iter().all(|row| matches!(row.get(column), Some(Cell::Count(_) | Cell::Number(_))))
    };
    let right: Vec<bool> = (0..columns.len()).map(is_number).collect();
    let head = columns.iter().map(|name| cut(name)).collect();
    let cells = rows.iter().take(ROWS).map(|row| row.iter().map(cell).collect());
    let all: Vec<Vec<String>> = std::iter::once(head).chain(cells).collect();
    let text = aligned(&all, &right);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    lines.extend([head.to_owned(), "-".repeat(widest)]);
    if !rest.is_empty() {
        lines.push(rest.to_owned());
    }
    if let more @ 1.. = rows.len().saturating_sub(ROWS) {
        lines.push(format!("… and {}, which --json has", counted(more as u64, "more row")));
    }
    lines.join("\n")
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Count(count) => whole(*count),
        Cell::Number(value) => figures(*value),
        Cell::Text(text) => cut(text),
        Cell::Metric(metric) => metric.with_interval(),
        Cell::Passage(passage) => {
            end_of(&format!("{}{}", passage.prompt, if passage.token.is_empty() { "" } else { " …" }))
        }
    }
}

/// A text on one line, truncated to `CELL`.
fn cut(text: &str) -> String {
    let line = format::in_one_line(text);
    if line.chars().count() <= CELL {
        return line;
    }
    line.chars().take(CELL - 1).chain(['…']).collect()
}

/// Like `cut`, but keeps the end of the text.
fn end_of(text: &str) -> String {
    let line = format::in_one_line(text);
    let count = line.chars().count();
    if count <= CELL {
        return line;
    }
    std::iter::once('…').chain(line.chars().skip(count - CELL + 1)).collect()
}

/// Aligned rows with two spaces between columns; columns marked in `right` are right-aligned.
pub(super) fn aligned(rows: &[Vec<String>], right: &[bool]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match right.get(column) {
                Some(true) => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_below_their_mark() {
        let text = wrapped(&"word ".repeat(40), "* ");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("* word") && lines[1].starts_with("  word"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(wrapped("", ""), "");
    }

    #[test]
    fn values_have_their_intervals_and_as_many_digits_as_help() {
        let metric = Metric {
            name: "perplexity".to_owned(),
            value: Some(12.3456),
            interval: Some([9.87654, 123.456]),
            count: 7,
            of: "tokens".to_owned(),
            ..Metric::default()
        };
        assert_eq!(metric.with_interval(), "12.35 (9.8765 to 123.5)");
        assert_eq!(
            metrics(std::slice::from_ref(&metric)),
            "Perplexity  12.35 (9.8765 to 123.5)  of 7 tokens"
        );
        assert_eq!(indented("a\n\nb"), "  a\n\n  b");
    }

    #[test]
    fn a_passage_keeps_its_end() {
        let long = "word ".repeat(40);
        let shown = end_of(&long);
        assert!(shown.chars().count() == CELL && shown.starts_with('…') && shown.ends_with("word"));
        assert_eq!((end_of(" a\nb "), cut(" a\nb ")), ("a b".to_owned(), "a b".to_owned()));
    }

    #[test]
    fn a_table_is_aligned_and_its_texts_are_cut() {
        let share = Metric { value: Some(0.5), interval: Some([0.25, 0.75]), ..Metric::default() };
        let own = Table {
            title: "Words".to_owned(),
            about: String::new(),
            columns: ["word", "times", "share"].map(str::to_owned).into(),
            rows: vec![
                vec![Cell::Text("a\nb".to_owned()), Cell::Count(12_345), Cell::Metric(Box::new(share))],
                vec![Cell::Text("é".repeat(60)), Cell::Count(7), Cell::Number(-0.0001)],
            ],
        };
        let text = table(&own);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Words");
        assert!(lines[1].starts_with("word ") && lines[2].chars().all(|letter| letter == '-'), "{text}");
        assert!(
            lines[3].starts_with("a b ") && lines[3].ends_with("12,345  0.5000 (0.2500 to 0.7500)"),
            "{text}"
        );
        assert!(lines[4].contains('…') && lines[4].ends_with("     7  −1.0e−4"), "{text}");
    }
}
