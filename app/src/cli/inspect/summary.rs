//! An inspection to be read in a terminal: small tensors as tables, large ones by their shape and statistics, the rest in sentences.

use super::{ViewTensor, ViewsAnswer};
use crate::cli::output;
use anyhow::Result;
use glasshouse_engine::protocol::inspect::{
    ActivatingPassage, Axis, Detail, ElementKind, Inspection, Match, Place, TokenText,
};
use glasshouse_engine::protocol::quantity::{counted, whole};
use std::collections::HashMap;

/// Rows and columns of a table at most; what is larger is summed up in a line.
const ROWS: usize = 40;
const COLUMNS: usize = 10;

/// Characters of a cell at most.
const WIDTH: usize = 14;

/// Tensors whose entries are ids of tokens.
const IDS: &[&str] = &["ids", "neighbours", "token", "top"];

pub(super) fn print(answer: &ViewsAnswer) -> Result<()> {
    let Inspection { run, step, device, prompt, tokens, cut, position, .. } = &answer.head;
    if let Some(number) = answer.number {
        say!("{}prompt {number}: {}", if number > 0 { "\n" } else { "" }, quoted(prompt))?;
    }
    let at = tokens.get(*position).map(|token| quoted(&token.text)).unwrap_or_default();
    let count = counted(tokens.len() as u64, "token");
    say!("{run} at step {} on {device}: {count}, position {position} ({at})", whole(*step))?;
    if *cut > 0 {
        say!(
            "the first {} of the prompt are cut: the context has no room for them",
            counted(*cut as u64, "token")
        )?;
    }
    for (inspected, tensors) in answer.views() {
        say!("\n{}: {} ({:.1} ms)", inspected.view.title(), inspected.view.formula(), inspected.ms)?;
        let words = Words::of(&answer.head, &inspected.details);
        show(&tensors, &words)?;
        for detail in &inspected.details {
            tell_detail(detail)?;
        }
        for notice in &inspected.notices {
            say!("note: {notice}")?;
        }
    }
    Ok(())
}

/// What rows, columns and ids stand for.
struct Words<'a> {
    tokens: &'a [TokenText],
    texts: HashMap<u32, &'a str>,
    parameters: &'a [String],
    steps: &'a [u64],
}

impl<'a> Words<'a> {
    fn of(head: &'a Inspection, details: &'a [Detail]) -> Self {
        let mut words = Self {
            tokens: &head.tokens,
            texts: head.tokens.iter().map(|token| (token.id, token.text.as_str())).collect(),
            parameters: &[],
            steps: &[],
        };
        for detail in details {
            match detail {
                Detail::Tokens { tokens } => {
                    words.texts.extend(tokens.iter().map(|token| (token.id, token.text.as_str())));
                }
                Detail::Parameters { names, steps } => (words.parameters, words.steps) = (names, steps),
                _ => {}
            }
        }
        words
    }

    /// What an entry along an axis stands for.
    fn along(&self, axis: &Axis, at: usize) -> String {
        let known = match axis.name.as_str() {
            "T" => self.tokens.get(at).map(|token| quoted(&token.text)),
            "P" => self.parameters.get(at).cloned(),
            "M" => self.steps.get(at).map(|step| format!("step {}", whole(*step))),
            _ => None,
        };
        known.unwrap_or_else(|| format!("{} {at}", axis.name))
    }

    /// A tensor's entries as they are shown.
    fn cells(&self, tensor: &ViewTensor<'_>) -> Vec<String> {
        match tensor.summary.element {
            ElementKind::F32 => tensor.floats().into_iter().map(number).collect(),
            ElementKind::U32 if IDS.contains(&tensor.summary.name.as_str()) => {
                let text = |id: u32| self.texts.get(&id).map_or_else(|| id.to_string(), |text| quoted(text));
                tensor.integers().into_iter().map(text).collect()
            }
            ElementKind::U32 => tensor.integers().iter().map(u32::to_string).collect(),
        }
    }
}

/// Shows a view's tensors: small lists along one axis side by side, small matrices each as a table.
fn show(tensors: &[ViewTensor<'_>], words: &Words<'_>) -> Result<()> {
    let mut shown: Vec<&Axis> = Vec::new();
    for tensor in tensors {
        match tensor.summary.axes.as_slice() {
            [axis] if axis.size <= ROWS => {
                if shown.contains(&axis) {
                    continue;
                }
                shown.push(axis);
                let beside =
                    |other: &&ViewTensor<'_>| other.summary.axes.as_slice() == std::slice::from_ref(axis);
                lists(axis, &tensors.iter().filter(beside).collect::<Vec<_>>(), words)?;
            }
            [rows, columns] if rows.size <= ROWS && columns.size <= COLUMNS => {
                matrix(tensor, rows, columns, words)?;
            }
            _ => say!("{}", statistics(tensor))?,
        }
    }
    Ok(())
}

fn lists(axis: &Axis, tensors: &[&ViewTensor<'_>], words: &Words<'_>) -> Result<()> {
    let columns: Vec<Vec<String>> = tensors.iter().map(|tensor| words.cells(tensor)).collect();
    let mut table = vec![vec![axis.name.clone()]];
    table[0].extend(tensors.iter().map(|tensor| tensor.name.clone()));
    for at in 0..axis.size {
        let mut row = vec![words.along(axis, at)];
        row.extend(columns.iter().map(|column| column.get(at).cloned().unwrap_or_default()));
        table.push(row);
    }
    print_table(&table)
}

fn matrix(tensor: &ViewTensor<'_>, rows: &Axis, columns: &Axis, words: &Words<'_>) -> Result<()> {
    let cells = words.cells(tensor);
    let mut table = vec![vec![format!("{}:", tensor.name)]];
    table[0].extend((0..columns.size).map(|at| words.along(columns, at)));
    for (at, cells) in cells.chunks(columns.size.max(1)).enumerate() {
        let mut row = vec![words.along(rows, at)];
        row.extend_from_slice(cells);
        table.push(row);
    }
    print_table(&table)
}

fn print_table(table: &[Vec<String>]) -> Result<()> {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say!("  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// `probabilities f32[L 2, H 4, T 50, T 50]: 0.0000 to 1.0000, mean 0.0200`.
fn statistics(tensor: &ViewTensor<'_>) -> String {
    let summary = tensor.summary;
    let axes: Vec<String> = summary.axes.iter().map(|axis| format!("{} {}", axis.name, axis.size)).collect();
    let (element, values): (_, Vec<f64>) = match summary.element {
        ElementKind::F32 => ("f32", tensor.floats().into_iter().map(f64::from).collect()),
        ElementKind::U32 => ("u32", tensor.integers().into_iter().map(f64::from).collect()),
    };
    let scope = if summary.scope.is_empty() { String::new() } else { format!(" of {}", summary.scope) };
    let head = format!("  {} {element}[{}]{scope}", tensor.name, axes.join(", "));
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return head;
    }
    let lowest = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    let [lowest, highest, mean] = [lowest, highest, mean].map(|value| number(value as f32));
    let lost = values.len() - finite.len();
    let lost = if lost > 0 { format!(", {lost} not finite") } else { String::new() };
    format!("{head}: {lowest} to {highest}, mean {mean}{lost}")
}

fn tell_detail(detail: &Detail) -> Result<()> {
    match detail {
        // They stand in the tables.
        Detail::Tokens { .. } | Detail::Parameters { .. } => {}
        Detail::Passages { passages, searched } => {
            say!("  of {} of validation text:", counted(*searched as u64, "token"))?;
            for passage in passages {
                say!("  {}", of_passage(passage))?;
            }
        }
        Detail::Formulas { formulas } => {
            for (name, formula) in formulas {
                say!("  {name}: {formula}")?;
            }
        }
        Detail::Matches { matches, found, searched, index_bytes, build_ms } => {
            let (searched, bytes) = (counted(*searched as u64, "token"), output::bytes(*index_bytes));
            say!(
                "  {searched} of training text searched; its index takes {bytes}, and was made in {build_ms:.0} ms"
            )?;
            match (matches.len(), *found) {
                (0, 0) => say!("  no span of it stands in the training text")?,
                (listed, found) if listed < found => {
                    say!("  the longest {} of {} spans:", whole(listed as u64), whole(found as u64))?;
                }
                _ => {}
            }
            for found in matches {
                say!("  {}", of_match(found))?;
            }
        }
        Detail::Graph { nodes, values, kernels } => {
            let count = |number: usize, thing| counted(number as u64, thing);
            let (nodes_said, values) = (count(nodes.len(), "operation"), count(values.len(), "value"));
            say!("  {nodes_said}, {values}, {}; --json has each", count(kernels.len(), "kernel"))?;
            let mut slowest: Vec<_> = nodes.iter().filter_map(|node| Some((node.ms?, node))).collect();
            slowest.sort_by(|one, other| other.0.total_cmp(&one.0));
            for (ms, node) in slowest.iter().take(COLUMNS) {
                say!("  {ms:.3} ms  {}  {}", node.operation, node.scope)?;
            }
        }
    }
    Ok(())
}

/// `3.2100 at " you": Once upon a time there…`.
fn of_passage(passage: &ActivatingPassage) -> String {
    let peak = passage.activations.get(passage.peak).copied().unwrap_or_default();
    let at = passage.tokens.get(passage.peak).map(|token| quoted(&token.text)).unwrap_or_default();
    let text: String = passage.tokens.iter().map(|token| token.text.as_str()).collect();
    format!("{} at {at}: {}", number(peak), text.replace('\n', " "))
}

/// Where a span stands, how often, and what is around it there.
fn of_match(found: &Match) -> String {
    let last = found.start + found.length.saturating_sub(1);
    let [before, span, after] = found.context.each_ref().map(|text| text.replace('\n', " "));
    let document = match &found.document {
        // Documents are counted from 1, as the window has them.
        Some((number, beginning)) => format!(" (document {}: {})", number + 1, beginning.replace('\n', " ")),
        None => String::new(),
    };
    let length = counted(found.length as u64, "token");
    let times = counted(found.occurrences as u64, "time");
    let further: Vec<String> = found.further.iter().map(of_place).collect();
    let further =
        if further.is_empty() { String::new() } else { format!(", then at {}", further.join(", ")) };
    let place = format!("first at token {}{further}", whole(found.place));
    format!("{length} ({} to {last}), {times}, {place}: {before}[{span}]{after}{document}", found.start)
}

fn of_place(place: &Place) -> String {
    match place.document {
        Some(number) => format!("{} (document {})", whole(place.token), number + 1),
        None => whole(place.token),
    }
}

fn number(value: f32) -> String {
    match value.abs() {
        size if size == 0.0 || (1e-3..1e5).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// A token in quotes, so that its spaces are seen; a long one is cut.
fn quoted(text: &str) -> String {
    let said: String = text.chars().take(WIDTH).collect();
    let more = if text.chars().count() > WIDTH { "…" } else { "" };
    format!("{said:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::inspect::TensorSummary;

    #[test]
    fn numbers_and_tokens_are_told_in_their_own_width() {
        assert_eq!(number(0.0), "0.0000");
        assert_eq!(number(-1.5), "-1.5000");
        assert_eq!(number(1.25e-6), "1.25e-6");
        assert_eq!(quoted(" a\n"), r#"" a\n""#);
        assert_eq!(quoted("abcdefghijklmnopq"), r#""abcdefghijklmn"…"#);
    }

    #[test]
    fn a_large_tensor_is_told_by_shape_and_statistics() {
        let axes = [("L", 1), ("T", 3)].map(|(name, size)| Axis { name: name.to_owned(), size });
        let (name, scope) = ("norms".to_owned(), "blocks.0".to_owned());
        let summary =
            TensorSummary { name: name.clone(), scope, axes: axes.to_vec(), element: ElementKind::F32 };
        let bytes: Vec<u8> = [1.0_f32, f32::NAN, 3.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let said = statistics(&ViewTensor { name, summary: &summary, bytes: &bytes });
        assert_eq!(said, "  norms f32[L 1, T 3] of blocks.0: 1.0000 to 3.0000, mean 2.0000, 1 not finite");
    }
}
