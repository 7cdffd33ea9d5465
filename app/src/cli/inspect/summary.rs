//! An inspection as text for a terminal: small tensors as tables, large ones as shape and statistics, the rest as sentences.

use super::*;
use crate::cli::report::{aligned, print as print_blocks};
use glasshouse_engine::protocol::inspect::{Axis, Detail, TokenText};
use std::collections::HashMap;

/// Maximum rows of a table; larger tensors are summarised in one line.
pub(super) const ROWS: usize = 40;
pub(super) const COLUMNS: usize = 10;

/// Maximum rows and columns of a matrix with the same axis along both.
pub(super) const SQUARE: usize = 16;

/// Maximum characters of a cell.
const WIDTH: usize = 14;

pub(super) fn print(answer: &ViewsAnswer, settings: &InspectSettings) -> Result<()> {
    let Inspection { run, step, device, prompt, tokens, cut, position, views, .. } = &answer.head;
    if let Some(number) = answer.number {
        say!("{}prompt {number}: {}", if number > 0 { "\n" } else { "" }, quoted(prompt))?;
    }
    if views.iter().all(|inspected| matches!(inspected.view, View::Provenance | View::Diff)) {
        // They read the whole text, including what the context cut, and name the models themselves.
        say!("{run}: a text of {}", counted((tokens.len() + cut) as u64, "token"))?;
    } else {
        let at = tokens.get(*position).map(|token| quoted(&token.text)).unwrap_or_default();
        let count = counted(tokens.len() as u64, "token");
        say!("{run} at step {} on {device}: {count}, position {position} ({at})", whole(*step))?;
        if *cut > 0 {
            let cut = counted(*cut as u64, "token");
            say!("the first {cut} of the prompt are cut: it exceeds the context length")?;
        }
    }
    for (inspected, tensors) in answer.views() {
        say!("\n{}: {} ({:.1} ms)", inspected.view.title(), inspected.view.formula(), inspected.ms)?;
        let words = Words::new(tokens, *position, &inspected.details);
        inspected.details.iter().filter(is_first).try_for_each(print_detail)?;
        match inspected.view {
            View::Attention => heads::print(&tensors, &words, settings)?,
            // Its details list the tokens.
            View::Diff => {}
            // Spans count from the text's first token, this tensor from the first in the context.
            View::Provenance if *cut > 0 => {}
            _ => show(&tensors, &words)?,
        }
        for detail in inspected.details.iter().filter(|detail| !is_first(detail)) {
            print_detail(detail)?;
        }
        for notice in &inspected.notices {
            say!("note: {notice}")?;
        }
    }
    Ok(())
}

/// Names for rows, columns and ids.
pub(super) struct Words<'a> {
    pub(super) tokens: &'a [TokenText],
    pub(super) position: usize,
    pub(super) texts: HashMap<u32, &'a str>,
}

impl<'a> Words<'a> {
    /// Names for the tokens of a prompt and of a view's details.
    pub(super) fn new(tokens: &'a [TokenText], position: usize, details: &'a [Detail]) -> Self {
        let listed = details.iter().filter_map(|detail| match detail {
            Detail::Tokens { tokens } => Some(tokens),
            _ => None,
        });
        let texts = tokens.iter().chain(listed.flatten());
        let texts = texts.map(|token| (token.id, token.text.as_str())).collect();
        Self { tokens, position, texts }
    }

    /// Label of an entry along an axis.
    fn along(&self, axis: &Axis, at: usize) -> String {
        let known = match axis.name.as_str() {
            "T" => self.tokens.get(at).map(|token| quoted(&token.text)),
            "L" => Some(format!("layer {at}")),
            "H" => Some(format!("head {at}")),
            // Numbered in order.
            "N" => Some((at + 1).to_string()),
            _ => axis.labels.get(at).cloned(),
        };
        known.unwrap_or_else(|| format!("{} {at}", axis.name))
    }

    fn cells(&self, tensor: &ViewTensor<'_>) -> Vec<String> {
        let mut cells: Vec<String> = match tensor.own.summary.element {
            ElementKind::F32 => tensor.own.floats.iter().copied().map(figures).collect(),
            ElementKind::U32 if tensor.own.summary.token_ids => {
                let text = |id: u32| match (self.texts.get(&id), tensor.own.summary.axes.as_slice()) {
                    // The row's title already holds the text.
                    (_, [axis]) if axis.name == "T" => id.to_string(),
                    (Some(text), [_]) => format!("{id} {}", quoted(text)),
                    (Some(text), _) => quoted(text),
                    (None, _) => id.to_string(),
                };
                tensor.own.integers.iter().copied().map(text).collect()
            }
            ElementKind::U32 if tensor.own.summary.name == "cut_by" => {
                let cut = |by: u32| Cut::ALL.get((by as usize).checked_sub(1)?).copied();
                let cuts = tensor.own.integers.iter().copied().map(cut);
                cuts.map(|cut| cut.map_or(NOTHING, Cut::title).to_owned()).collect()
            }
            ElementKind::U32 => tensor.own.integers.iter().map(u32::to_string).collect(),
        };
        cells.iter_mut().take(tensor.own.summary.without_value).for_each(|cell| NOTHING.clone_into(cell));
        cells
    }
}

/// Prints a view's tensors: scalars on a line, small vectors of the same axis side by side, small matrices each as a table.
pub(super) fn show(tensors: &[ViewTensor<'_>], words: &Words<'_>) -> Result<()> {
    let mut shown: Vec<&Axis> = Vec::new();
    for tensor in tensors {
        match tensor.own.summary.axes.as_slice() {
            [axis] if axis.name == "1" => say!("  {}: {}", title(tensor), words.cells(tensor).concat())?,
            [axis] if axis.size <= ROWS => {
                if shown.contains(&axis) {
                    continue;
                }
                shown.push(axis);
                let same_axis =
                    |other: &&ViewTensor<'_>| other.own.summary.axes.as_slice() == std::slice::from_ref(axis);
                lists(axis, &tensors.iter().filter(same_axis).collect::<Vec<_>>(), words)?;
            }
            [rows, columns] if is_small(rows, columns) => {
                matrix(tensor, rows, columns, words)?;
            }
            _ => say!("{}", statistics(tensor))?,
        }
    }
    Ok(())
}

/// Whether a matrix is printed entry by entry.
fn is_small(rows: &Axis, columns: &Axis) -> bool {
    let most = if rows.name == columns.name { SQUARE } else { COLUMNS };
    rows.size <= ROWS && columns.size <= most
}

fn lists(axis: &Axis, tensors: &[&ViewTensor<'_>], words: &Words<'_>) -> Result<()> {
    let columns: Vec<Vec<String>> = tensors.iter().map(|tensor| words.cells(tensor)).collect();
    let heading = match axis.name.as_str() {
        "T" => "token",
        "P" => "parameter",
        // The row titles name these axes.
        "L" | "H" | "M" | "N" => "",
        name => name,
    };
    let mut table = vec![vec![heading.to_owned()]];
    table[0].extend(tensors.iter().map(|tensor| title(tensor)));
    for at in 0..axis.size {
        let mut row = vec![words.along(axis, at)];
        row.extend(columns.iter().map(|column| column.get(at).cloned().unwrap_or_default()));
        table.push(row);
    }
    print_table(&table)
}

fn matrix(tensor: &ViewTensor<'_>, rows: &Axis, columns: &Axis, words: &Words<'_>) -> Result<()> {
    let cells = words.cells(tensor);
    let mut table = vec![vec![format!("{}:", title(tensor))]];
    table[0].extend((0..columns.size).map(|at| words.along(columns, at)));
    for (at, cells) in cells.chunks(columns.size.max(1)).enumerate() {
        let mut row = vec![words.along(rows, at)];
        row.extend_from_slice(cells);
        table.push(row);
    }
    print_table(&table)
}

/// A tensor's name, with its unit if known.
fn title(tensor: &ViewTensor<'_>) -> String {
    match tensor.own.summary.unit.as_str() {
        "" => tensor.name.clone(),
        unit => format!("{} ({unit})", tensor.name),
    }
}

pub(super) fn print_table(table: &[Vec<String>]) -> Result<()> {
    Ok(aligned(table, &[]).lines().try_for_each(|line| say!("  {line}"))?)
}

/// `probabilities f32[L 2, H 4, T 50, T 50]: 0.0000 to 1.0000, mean 0.0200`.
fn statistics(tensor: &ViewTensor<'_>) -> String {
    let summary = &tensor.own.summary;
    let axes: Vec<String> = summary.axes.iter().map(|axis| format!("{} {}", axis.name, axis.size)).collect();
    let (element, values): (_, Vec<f64>) = match summary.element {
        ElementKind::F32 => ("f32", tensor.own.floats.iter().copied().map(f64::from).collect()),
        ElementKind::U32 => ("u32", tensor.own.integers.iter().copied().map(f64::from).collect()),
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
    let entry = |value: f64| match summary.element {
        ElementKind::F32 => figures(value),
        ElementKind::U32 => whole(value as u64),
    };
    let (lowest, highest, mean) = (entry(lowest), entry(highest), figures(mean));
    let lost = values.len() - finite.len();
    let lost = if lost > 0 { format!(", {lost} not finite") } else { String::new() };
    format!("{head}: {lowest} to {highest}, mean {mean}{lost}")
}

/// Whether it comes before the view's numbers.
fn is_first(detail: &&Detail) -> bool {
    matches!(detail, Detail::Samples { .. })
}

fn print_detail(detail: &Detail) -> Result<()> {
    match detail {
        // Shown in the tables.
        Detail::Tokens { .. } | Detail::Parameters { .. } => Ok(()),
        Detail::Samples { prompt, texts, verdict } => {
            say!("\nSamples after {prompt:?}, with the same seed")?;
            texts.iter().try_for_each(|(name, text)| say!("  {name}: {}", printable(text)))?;
            Ok(say!("{verdict}")?)
        }
        Detail::Graph { nodes, values, kernels } => {
            let count = |number: usize, thing| counted(number as u64, thing);
            let (nodes_said, values) = (count(nodes.len(), "operation"), count(values.len(), "value"));
            say!("  {nodes_said}, {values}, {}; --json has each", count(kernels.len(), "kernel"))?;
            let mut slowest: Vec<_> = nodes.iter().filter_map(|node| Some((node.ms?, node))).collect();
            slowest.sort_by(|one, other| other.0.total_cmp(&one.0));
            let slowest = slowest.iter().take(COLUMNS);
            Ok(slowest
                .copied()
                .try_for_each(|(ms, node)| say!("  {ms:.3} ms  {}  {}", node.operation, node.scope))?)
        }
        Detail::Matches { .. } | Detail::Tables { .. } | Detail::Formulas { .. } => {
            print_tables(detail.tables())
        }
    }
}

fn print_tables(tables: Vec<Table>) -> Result<()> {
    Ok(print_blocks(&tables.into_iter().map(Block::Table).collect::<Vec<_>>())?)
}

/// A token in quotes, so that its spaces are visible; long ones are truncated.
pub(super) fn quoted(text: &str) -> String {
    let said: String = text.chars().take(WIDTH).collect();
    let more = if text.chars().count() > WIDTH { "…" } else { "" };
    // The text already writes bytes of incomplete characters as `\xE6`.
    let said = format!("{said:?}").replace(r"\\x", r"\x");
    format!("{said}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::inspect::{Tensor, TensorSummary};

    #[test]
    fn numbers_and_tokens_are_told_in_their_own_width() {
        assert_eq!(quoted(" a\n"), r#"" a\n""#);
        assert_eq!(quoted("abcdefghijklmnopq"), r#""abcdefghijklmn"…"#);
        assert_eq!(quoted(r"\xE6"), r#""\xE6""#);
    }

    fn cells(name: &str, axes: &[(&str, usize)], entries: &[u32]) -> Vec<String> {
        let tokens = ["One", " day"].map(str::to_owned);
        let tokens: Vec<TokenText> =
            tokens.into_iter().zip(7..).map(|(text, id)| TokenText { id, text }).collect();
        let mut summary = TensorSummary::new(name, "", axes, ElementKind::U32);
        summary.token_ids = !matches!(name, "cut_by" | "rank");
        summary.without_value = usize::from(name == "rank");
        let bytes: Vec<u8> = entries.iter().copied().flat_map(u32::to_le_bytes).collect();
        let (name, own) = (name.to_owned(), Tensor::new(&summary, &bytes));
        let tensor = ViewTensor { name, number: None, own, bytes: &bytes };
        Words::new(&tokens, 1, &[]).cells(&tensor)
    }

    #[test]
    fn ids_stand_beside_texts_and_what_is_not_there_is_a_dash() {
        assert_eq!(cells("ids", &[("T", 2)], &[7, 8]), ["7", "8"]);
        assert_eq!(cells("neighbours", &[("N", 2)], &[8, 9]), ["8 \" day\"", "9"]);
        assert_eq!(cells("top", &[("stage", 1), ("T", 1)], &[8]), ["\" day\""]);
        assert_eq!(cells("cut_by", &[("N", 4)], &[0, 1, 2, 3]), ["–", "top-k", "top-p", "min-p"]);
        assert_eq!(cells("rank", &[("T", 2)], &[0, 3]), ["–", "3"]);
    }

    #[test]
    fn places_of_an_axis_are_named() {
        let words = Words::new(&[], 0, &[]);
        let axis = |name: &str, labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            Axis { name: name.to_owned(), size: 4, labels }
        };
        assert_eq!(words.along(&axis("part", &["embedding", "attention 0", "MLP 0"]), 2), "MLP 0");
        assert_eq!(words.along(&axis("bin", &[]), 2), "bin 2");
        assert_eq!(words.along(&axis("N", &[]), 0), "1");
        assert_eq!(words.along(&axis("L", &[]), 3), "layer 3");
    }

    #[test]
    fn a_large_tensor_is_told_by_shape_and_statistics() {
        let summary = TensorSummary::new("norms", "blocks.0", &[("L", 1), ("T", 3)], ElementKind::F32);
        let bytes: Vec<u8> = [1.0_f32, f32::NAN, 3.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let (name, own) = (summary.name.clone(), Tensor::new(&summary, &bytes));
        let said = statistics(&ViewTensor { name, number: None, own, bytes: &bytes });
        assert_eq!(said, "  norms f32[L 1, T 3] of blocks.0: 1.0000 to 3.0000, mean 2.0000, 1 not finite");
    }
}
