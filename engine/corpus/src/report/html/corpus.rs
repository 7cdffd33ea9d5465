//! Composition of the corpus, and sample documents.

use super::super::{CleaningReport, CorpusCell, CorpusTable, Unit, number};
use super::{more, shown, text};
use maud::{Markup, html};

const ROWS_SHOWN: usize = 40;

pub(super) fn tables(report: &CleaningReport) -> Markup {
    html! {
        @if !report.tables.is_empty() {
            section #tables {
                h2 { "Composition" }
                p.lead { "Raw and kept text, to show how the rules changed the balance." }
                @for table in report.tables.iter().filter(|table| !table.columns.is_empty()) { (grid(table)) }
            }
        }
    }
}

pub(super) fn samples(report: &CleaningReport) -> Markup {
    html! {
        @if !report.samples.is_empty() {
            section #samples {
                h2 { "Samples of the kept documents" }
                @for sample in &report.samples {
                    (text(&sample.id, &sample.source, sample.amount.words, "", &sample.excerpt))
                }
            }
        }
    }
}

/// A table, with a thin bar under each number that shows its share of the maximum.
fn grid(table: &CorpusTable) -> Markup {
    html! {
        div.whole {
            h3 { (shown(&table.title)) }
            @if !table.note.is_empty() { p.note { (shown(&table.note)) } }
            div.card.scroll {
                table.grid {
                    thead {
                        tr { @for column in &table.columns { th.words[column.unit == Unit::Text] { (shown(&column.title)) } } }
                    }
                    tbody {
                        @for row in table.rows.iter().take(ROWS_SHOWN) {
                            tr {
                                @for (column, cell) in table.columns.iter().zip(row) {
                                    td.words[column.unit == Unit::Text] title=[in_full(cell, column.unit)] {
                                        (shown(&cell.text(column.unit)))
                                        @if let Some(part) = part_of_most(table, cell, column.unit) {
                                            svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true" {
                                                rect.fill-bar x=(format!("{:.1}", 100.0 - part)) y="0" width=(format!("{part:.1}")) height="3" {}
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                (more(table.rows.len() as u64, ROWS_SHOWN, "more rows"))
            }
        }
    }
}

/// The full value of a count that is displayed rounded.
fn in_full(cell: &CorpusCell, unit: Unit) -> Option<String> {
    match cell {
        CorpusCell::Whole(value) if matches!(unit, Unit::Count | Unit::Bytes) => Some(number::whole(*value)),
        _ => None,
    }
}

/// Percentage of the largest value of all columns with this unit: raw and kept share a scale.
fn part_of_most(table: &CorpusTable, cell: &CorpusCell, unit: Unit) -> Option<f64> {
    if !matches!(unit, Unit::Count | Unit::Bytes | Unit::Share) {
        return None;
    }
    let cells = table.rows.iter().take(ROWS_SHOWN).flat_map(|row| table.columns.iter().zip(row));
    let values = cells.filter(|(column, _)| column.unit == unit).filter_map(|(_, cell)| cell.number());
    let most = Some(values.fold(0.0, f64::max)).filter(|most| *most > 0.0)?;
    Some(100.0 * (cell.number()? / most).clamp(0.0, 1.0))
}
