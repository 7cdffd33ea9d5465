//! Tables of results.

use super::words::{beginning, compared, interval_of, shown, title};
use glasshouse_protocol::evaluation::{
    Better, Cell, Comparison, Contamination, Evaluation, Metric, Table, metric_text,
};
use glasshouse_protocol::quantity::{NOTHING, figures, percent, whole};
use maud::{Markup, html};

const ROWS_SHOWN: usize = 40;

/// Maximum characters of a cell's text.
const CELL_SHOWN: usize = 400;

/// Metrics, one per row, with interval and basis.
pub(super) fn metrics(metrics: &[Metric]) -> Markup {
    html! {
        div.scroll {
            table.grid {
                thead { tr { th.words { "Figure" } th { "Value" } th { "95 % interval" } th { "Of" } th.words { "Better" } } }
                tbody {
                    @for metric in metrics {
                        tr {
                            td.words {
                                (title(&metric.name))
                                @if let Some(signature) = &metric.signature { br; code { (shown(signature)) } }
                            }
                            td { b { (metric.text()) } }
                            td { (interval_of(metric)) }
                            td { (whole(metric.count)) " " (shown(&metric.of)) }
                            td.words { (better(metric.better)) }
                        }
                    }
                }
            }
        }
    }
}

fn better(better: Better) -> &'static str {
    match better {
        Better::Higher => "higher",
        Better::Lower => "lower",
        Better::Neither => "neither",
    }
}

pub(super) fn table(table: &Table) -> Markup {
    let rest = table.rows.len().saturating_sub(ROWS_SHOWN);
    // Text columns are left-aligned; empty cells do not make a column of numbers a text column.
    let words = |row: &Vec<Cell>, at: usize| match row.get(at) {
        Some(Cell::Text(text)) => !text.is_empty(),
        cell => matches!(cell, Some(Cell::Passage(_))),
    };
    let is_words: Vec<bool> =
        (0..table.columns.len()).map(|at| table.rows.iter().any(|row| words(row, at))).collect();
    let class = |at: usize| is_words.get(at).is_some_and(|own| *own).then_some("words");
    html! {
        h4 { (shown(&table.title)) }
        @if !table.about.is_empty() { p.note { (shown(&table.about)) } }
        div.scroll {
            table.grid {
                thead {
                    tr { @for (at, column) in table.columns.iter().enumerate() { th class=[class(at)] { (shown(column)) } } }
                }
                tbody {
                    @for row in table.rows.iter().take(ROWS_SHOWN) {
                        tr { @for (at, own) in row.iter().enumerate() { td class=[class(at)] { (cell(own)) } } }
                    }
                }
            }
        }
        @if rest > 0 { p.note { "And " (whole(rest as u64)) " more rows." } }
    }
}

/// A metric's value, followed by its interval.
pub(super) fn value(metric: Option<&Metric>) -> Markup {
    html! {
        (metric.map_or_else(|| NOTHING.to_owned(), Metric::text))
        @if let Some(between) = metric.and_then(Metric::between) { span.quiet { " " (between) } }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Count(count) => { (whole(*count)) }
            Cell::Number(value) => { (figures(*value)) }
            Cell::Text(text) => { bdi { (excerpt(text, CELL_SHOWN)) } }
            Cell::Metric(metric) => { (value(Some(metric))) }
            Cell::Passage(passage) => { bdi.passage { (place(&passage.prompt, &passage.token)) } }
        }
    }
}

/// The end of a prompt with its last token marked.
fn place(prompt: &str, token: &str) -> Markup {
    let before = prompt.strip_suffix(token).unwrap_or(prompt);
    let from = before.char_indices().rev().nth(CELL_SHOWN / 4).map_or(0, |(at, _)| at);
    html! {
        @if from > 0 { "…" }
        (shown(&before[from..]))
        @if prompt.ends_with(token) && !token.is_empty() { mark { (excerpt(token, CELL_SHOWN)) } }
    }
}

pub(super) fn excerpt(text: &str, characters: usize) -> Markup {
    let (own, is_cut) = beginning(text, characters);
    html! { (own) @if is_cut { "…" } }
}

pub(super) fn comparisons(beside: &[(&Evaluation, Vec<Comparison>)]) -> Markup {
    html! {
        @if !beside.is_empty() {
            section #comparisons {
                h2 { "Comparisons" }
                p.lead { "Paired, on the same documents or rows: items that are hard for both models do not widen the interval." }
                @for (other, comparisons) in beside {
                    h3 { "With " (super::name(other)) }
                    div.card.scroll {
                        @if comparisons.is_empty() {
                            p.quiet { "The evaluations have nothing in common." }
                        } @else {
                            table.grid {
                                thead {
                                    tr {
                                        th.words { "Figure" } th { "This" } th { "That" } th { "Difference, with its 95 % interval" }
                                        th.words { "Verdict" }
                                    }
                                }
                                tbody { @for own in comparisons { (comparison(own)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn comparison(comparison: &Comparison) -> Markup {
    let value = |value| metric_text(&comparison.difference.name, value);
    html! {
        tr {
            td.words { (compared(&comparison.what)) }
            td { (value(comparison.first_value)) }
            td { (value(comparison.second_value)) }
            td { b { (comparison.signed()) } }
            td.words { (shown(&comparison.verdict)) }
        }
    }
}

/// The share of some texts that occurs in the training text.
pub(super) fn contamination(own: &Contamination) -> Markup {
    let class = if own.found > 0 { "bad" } else { "good" };
    html! {
        div.card {
            p {
                b class=(class) {
                    @if own.found > 0 {
                        (whole(own.found)) " of " (whole(own.looked_up)) " texts share n-grams with the training text"
                    } @else if own.looked_up > 0 {
                        "None of " (whole(own.looked_up)) " texts shares a run of words with the training text"
                    } @else {
                        "Every text was too short to look up"
                    }
                }
                ": runs of " (own.n) " words, " (percent(own.share)) " of which were found."
            }
            @if !own.about.is_empty() { p.note { (shown(&own.about)) } }
            @if !own.worst.is_empty() {
                div.scroll {
                    table.grid {
                        thead { tr { th.words { "Most of it seen" } th { "Share of its runs" } } }
                        tbody {
                            @for (text, part) in own.worst.iter().take(ROWS_SHOWN) {
                                tr { td.words { bdi.passage { (excerpt(text, CELL_SHOWN / 2)) } } td { (percent(*part)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
