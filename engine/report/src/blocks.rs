//! Blocks as HTML. All texts are untrusted: `maud` escapes them, [`shown`] replaces control characters, and text that may run from right to
//! left is isolated.

use super::chart;
use glasshouse_protocol::blocks::{Bar, Block, Excerpt, Fact, Section, Series};
use glasshouse_protocol::cleaning::TextFate;
use glasshouse_protocol::cleaning::table::Unit;
use glasshouse_protocol::evaluation::{Better, Cell, Metric, Passage, Table, metric_title};
use glasshouse_protocol::quantity::{counted, whole};
use maud::{Markup, html};

/// Maximum rows of a table or list.
const ROWS: usize = 40;
/// Maximum characters of a cell and of other texts.
const CELL: usize = 400;
const TEXT: usize = 2_000;

/// Replaces control characters, bidirectional overrides and characters that HTML forbids.
pub fn shown(text: &str) -> String {
    let hidden = |letter: char| {
        matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
            || (letter.is_control() && !matches!(letter, '\n' | '\t'))
    };
    text.replace(hidden, "\u{fffd}")
}

/// The beginning of a text.
fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", shown(&text[..end])),
        None => shown(text),
    }
}

/// A report, with links to its sections.
pub fn report(blocks: &[Block]) -> Markup {
    let sections = || {
        blocks.iter().filter_map(|block| match block {
            Block::Section(section) => Some(section),
            _ => None,
        })
    };
    html! {
        @if sections().count() > 1 {
            nav aria-label="Parts of this page" { @for part in sections() { a href={ "#" (part.key) } { (shown(&part.title)) } } }
        }
        @for own in blocks { (block(own, 2)) }
    }
}

fn block(block: &Block, depth: usize) -> Markup {
    html! {
        @match block {
            Block::Section(own) => (section(own, depth)),
            Block::Text(text) => p { (shown(text)) },
            Block::Note(text) => p.note { (shown(text)) },
            Block::Warning(text) => p.alarm role="note" { b { "Warning: " } (shown(text)) },
            Block::List(items) => { ul { @for item in items.iter().take(ROWS) { li { bdi { (shown(item)) } } } } (more(items.len())) }
            Block::Figures(facts) => div.figures { @for own in facts { (figure(own)) } },
            Block::Facts(facts) => (self::facts(facts)),
            Block::Metrics(metrics) => (self::metrics(metrics)),
            Block::Table(table) => (self::table(table)),
            Block::Bars(bars) => (self::bars(bars)),
            Block::Series(series) => (self::series(series)),
            Block::Reliability(bins) => (chart::reliability(bins)),
            Block::Code(text) => pre { (cut(text, 100_000)) },
            Block::Excerpt(own) => (excerpt(own)),
        }
    }
}

fn section(own: &Section, depth: usize) -> Markup {
    let Section { key, title, note, is_closed, blocks } = own;
    let contents = html! { @for own in blocks { (block(own, depth + 1)) } };
    let heading = html! { (shown(title)) @if !note.is_empty() { " " span.note { (shown(note)) } } };
    html! {
        @match depth {
            _ if *is_closed => details id=[(depth == 2).then_some(key)] { summary { (heading) } (contents) },
            2 => section id=(key) { h2 { (heading) } div.card { (contents) } },
            3 => { h3 { (heading) } (contents) }
            _ => { h4 { (heading) } (contents) }
        }
    }
}

fn more(all: usize) -> Markup {
    html! { @if all > ROWS { p.note { "And " (counted((all - ROWS) as u64, "more row")) "." } } }
}

fn figure(fact: &Fact) -> Markup {
    html! {
        div.card {
            div.label { (shown(&fact.name)) }
            div.figure title=[title(&fact.exact)] { (shown(&fact.value)) }
            @if !fact.note.is_empty() { div.quiet { (shown(&fact.note)) } }
        }
    }
}

fn title(exact: &str) -> Option<String> {
    (!exact.is_empty()).then(|| shown(exact))
}

fn facts(facts: &[Fact]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl.facts {
                @for fact in facts.iter().take(ROWS) {
                    dt { bdi { (shown(&fact.name)) } }
                    dd title=[title(&fact.exact)] {
                        (shown(&fact.value))
                        @if !fact.note.is_empty() { div.note { (shown(&fact.note)) } }
                    }
                }
            }
            (more(facts.len()))
        }
    }
}

/// Metrics, one per row, with interval and basis.
fn metrics(metrics: &[Metric]) -> Markup {
    let better = |better| match better {
        Better::Higher => "higher",
        Better::Lower => "lower",
        Better::Neither => "neither",
    };
    html! {
        @if !metrics.is_empty() {
            div.scroll {
                table.grid {
                    thead { tr { th.words { "Figure" } th { "Value" } th { "95 % interval" } th { "Of" } th.words { "Better" } } }
                    tbody {
                        @for metric in metrics {
                            tr {
                                td.words {
                                    (metric_title(&shown(&metric.name)))
                                    @if let Some(signature) = &metric.signature { br; code { (shown(signature)) } }
                                }
                                td { b { (metric.text()) } }
                                td { (metric.interval_text()) }
                                td { (whole(metric.count)) " " (shown(&metric.of)) }
                                td.words { (better(metric.better)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn table(table: &Table) -> Markup {
    let class = |at: usize| table.is_words(at).then_some("words");
    html! {
        @if !table.rows.is_empty() {
            @if !table.title.is_empty() { h4 { (shown(&table.title)) } }
            @if !table.about.is_empty() { p.note { (shown(&table.about)) } }
            div.scroll {
                table.grid {
                    thead {
                        tr { @for (at, column) in table.columns.iter().enumerate() { th class=[class(at)] { (shown(column)) } } }
                    }
                    tbody {
                        @for row in table.rows.iter().take(ROWS) {
                            tr { @for (at, own) in row.iter().enumerate() { td class=[class(at)] { (cell(own)) } } }
                        }
                    }
                }
            }
            (more(table.rows.len()))
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        @match cell {
            Cell::Metric(metric) => { (metric.text()) @if let Some(between) = metric.between() { span.quiet { " " (between) } } }
            Cell::Passage(passage) => bdi.passage { (place(passage)) },
            Cell::Corpus(own, Unit::Share) => { (cell.text()) (bar(own.number().unwrap_or_default(), 1.0)) }
            cell => bdi { (cut(&cell.text(), CELL)) },
        }
    }
}

/// The end of a prompt with its last token marked.
fn place(Passage { prompt, token }: &Passage) -> Markup {
    let before = prompt.strip_suffix(token.as_str()).unwrap_or(prompt);
    let from = before.char_indices().rev().nth(CELL / 4).map_or(0, |(at, _)| at);
    html! {
        @if from > 0 { "…" }
        (shown(&before[from..]))
        @if prompt.ends_with(token) && !token.is_empty() { mark { (cut(token, CELL)) } }
    }
}

fn bars(bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|own| own.length).filter(|length| length.is_finite()).fold(0.0, f64::max);
    html! {
        @if !bars.is_empty() {
            table.grid {
                @for own in bars.iter().take(ROWS) {
                    tr { td.words { bdi { (shown(&own.name)) } } td.bars { (bar(own.length, most)) } td { (shown(&own.text)) } }
                }
            }
            (more(bars.len()))
        }
    }
}

fn bar(length: f64, most: f64) -> Markup {
    let share = if most > 0.0 && length.is_finite() { (length / most).clamp(0.0, 1.0) } else { 0.0 };
    html! {
        svg.length viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.fill-bar width=(format!("{:.1}", 100.0 * share)) height="10" {}
        }
    }
}

/// Groups as a chart if they have an order, else as a table.
fn series(own: &Series) -> Markup {
    let rows = own.groups.iter().map(|(label, metric)| [Cell::from(label.as_str()), metric.into()]);
    html! {
        h4 { (shown(&own.title)) }
        @match &own.axis {
            Some(axis) => (chart::line(own, axis)),
            None => (table(&Table::new("", ["Group", "Value"], rows))),
        }
    }
}

fn excerpt(own: &Excerpt) -> Markup {
    html! {
        div.text {
            div.text-head { bdi { (shown(&own.title)) } span { (shown(&own.note)) } }
            @if !own.reason.is_empty() { p.why { (shown(&own.reason)) } }
            @if own.text.iter().any(|change| !change.text.is_empty()) {
                div.body dir="auto" {
                    @for change in &own.text {
                        @match change.fate {
                            TextFate::Same => (cut(&change.text, TEXT)),
                            TextFate::Removed => del { (visible(&change.text)) },
                            TextFate::Added => ins { (visible(&change.text)) },
                        }
                    }
                }
            }
        }
    }
}

/// Marks line breaks and spaces in a change of only white space, which would be invisible.
fn visible(text: &str) -> String {
    if !text.chars().all(char::is_whitespace) {
        return cut(text, TEXT);
    }
    let signed = |letter| match letter {
        '\n' => "↵\n",
        '\r' => "␍",
        '\t' => "⇥",
        _ => "·",
    };
    text.chars().take(TEXT).map(signed).collect()
}
