//! The report as a self-contained page: one file without network requests, for screen and paper, light and dark mode, which
//! also works without its few lines of script.
//!
//! All texts in it are untrusted: `maud` escapes them, `shown` replaces control characters, and right-to-left text is isolated
//! from its surroundings. A content security policy forbids all requests.

mod stages;

use glasshouse_report::{Page, brand, links};
use maud::{Markup, html};

use super::{CleaningReport, CorpusCell, CorpusTable, GROUPS, Unit, number, rows};

/// Maximum rows of a table on the page, and maximum files; all are in `report.json`.
const ROWS_SHOWN: usize = 40;
const FILES_SHOWN: usize = 60;
/// Maximum troubles listed on the page; more are in `report.json`.
const TROUBLES_SHOWN: usize = 100;

const STYLE: &str = include_str!("style.css");

/// Opens folded parts for printing, for browsers whose style sheets cannot.
const SCRIPT: &str = "addEventListener('beforeprint',()=>document.querySelectorAll('details:not([open])').forEach(d=>{d.open=true;d.dataset.shut='1'}));\
addEventListener('afterprint',()=>document.querySelectorAll('details[data-shut]').forEach(d=>{d.open=false;delete d.dataset.shut}));";

pub fn page(report: &CleaningReport) -> String {
    let version = shown(&report.version);
    let contents = html! {
        (header(report))
        main {
            (totals(report))
            (stages::section(report))
            (personal(report))
            (stages::duplicates(report))
            @if !report.tables.is_empty() {
                section #tables {
                    h2 { "Composition" }
                    p.lead { "Raw and kept text, to show how the rules changed the balance." }
                    @for table in &report.tables { (grid(table, ROWS_SHOWN, "more rows")) }
                }
            }
            @if !report.samples.is_empty() {
                section #samples {
                    h2 { "Samples of the kept documents" }
                    @for sample in &report.samples {
                        (text(&sample.id, &sample.source, sample.amount.words, "", &sample.excerpt))
                    }
                }
            }
            (troubles(report))
            (inputs(report))
            (recipe(report))
        }
        footer {
            p {
                "Written by Glasshouse " (version) ". Personal data is masked in every excerpt. This page is self-contained and loads "
                "nothing from the network; the same numbers are in " code { "report.json" }
                " next to it, and every dropped document with its reason in " code { "dropped.jsonl" } "."
            }
        }
    };
    let kept = number::counted(report.kept.documents, "document");
    let raw = number::whole(report.raw.documents);
    let title = format!("Cleaning with {}: {kept} of {raw} kept", shown(&report.recipe.name));
    Page { title: &title, version: &version, style: STYLE, script: SCRIPT }.around(&contents)
}

fn header(report: &CleaningReport) -> Markup {
    let headline = match (report.raw.documents, report.kept.documents) {
        (0, _) => "Nothing was read".to_owned(),
        (raw, kept) if raw == kept => {
            format!("All {} kept", number::of(kept, "document was", "documents were"))
        }
        (raw, 0) => format!("None of {} was kept", number::counted(raw, "document")),
        (raw, kept) => format!("{} of {} documents kept", number::whole(kept), number::whole(raw)),
    };
    let parts = [
        ("stages", "What each step removed", !report.stages.is_empty()),
        ("personal", "Personal data", !report.personal.is_empty()),
        ("duplicates", "Copies", !report.duplicates.is_empty()),
        ("tables", "Composition", !report.tables.is_empty()),
        ("samples", "Samples", !report.samples.is_empty()),
        ("troubles", "Troubles", report.troubles.count > 0),
        ("inputs", "Files", !report.inputs.is_empty()),
        ("recipe", "Recipe", true),
    ];
    html! {
        header {
            (brand("data bench"))
            h1 { (headline) }
            p.lead {
                "Cleaned with the recipe " b { (shown(&report.recipe.name)) } " from "
                (number::counted(report.inputs.len() as u64, "file"))
                ". Every decision is below: what was removed, by which rule, and why."
            }
            @for warning in report.warnings() { p.lead { b { "Warning: " (shown(&warning)) "." } } }
            (links(&parts))
        }
    }
}

/// Files and records that could not be read.
fn troubles(report: &CleaningReport) -> Markup {
    let troubles = &report.troubles;
    html! {
        @if troubles.count > 0 {
            section #troubles {
                h2 { "Troubles" }
                p.lead {
                    (number::of(troubles.count, "file or record", "files or records"))
                    " could not be read, or only in part. All others were read."
                }
                @if !troubles.kinds.is_empty() && troubles.kinds.len() < troubles.listed.len() {
                    div.card {
                        h3 { "By kind" }
                        ul.troubles {
                            @for kind in &troubles.kinds {
                                li { b { (number::whole(kind.count)) } " as in " bdi.mono { (shown(&kind.first.place)) } br; (shown(&kind.first.reason)) }
                            }
                        }
                    }
                }
                div.card {
                    ul.troubles {
                        @for trouble in troubles.listed.iter().take(TROUBLES_SHOWN) {
                            li { bdi.mono { (shown(&trouble.place)) } br; (shown(&trouble.reason)) }
                        }
                    }
                    (more(troubles.count, TROUBLES_SHOWN.min(troubles.listed.len()), "more of them"))
                }
            }
        }
    }
}

fn inputs(report: &CleaningReport) -> Markup {
    let bytes = report.inputs.iter().map(|input| input.bytes).sum();
    html! {
        @if !report.inputs.is_empty() {
            section #inputs {
                h2 { "Files" }
                p.lead { (number::counted(report.inputs.len() as u64, "file")) ", " (number::bytes(bytes)) " on disk." }
                (grid(&rows::files(report), FILES_SHOWN, "more files"))
            }
        }
    }
}

fn personal(report: &CleaningReport) -> Markup {
    html! {
        @if !report.personal.is_empty() {
            section #personal {
                h2 { "Personal data" }
                p.lead { "Personal data never reached the output. The samples below are masked." }
                (grid(&rows::personal(report), ROWS_SHOWN, "more rows"))
                @for class in report.personal.iter().filter(|class| !class.samples.is_empty()) {
                    details {
                        summary { "Masked samples: " (shown(&class.class.replace('_', " "))) }
                        div.text {
                            @for sample in &class.samples {
                                p.sample { bdi.mono { (shown(&sample.id)) } bdi { (shown(&sample.masked)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The three totals, and a bar of the bytes kept and removed by each group of stages.
fn totals(report: &CleaningReport) -> Markup {
    let (kept, raw) = (&report.kept, &report.raw);
    let figures = [
        ("Documents", number::whole as fn(u64) -> String, kept.documents, raw.documents),
        ("Words", number::count, kept.words, raw.words),
        ("Text", number::bytes, kept.bytes, raw.bytes),
    ];
    let loss = |group| {
        let stages = report.stages.iter().filter(|stage| stage.about.group == group);
        stages.map(|stage| stage.before.bytes.saturating_sub(stage.after().bytes)).sum::<u64>()
    };
    let parts: Vec<(String, &str, u64)> = std::iter::once(("Kept".to_owned(), "kept", kept.bytes))
        .chain(GROUPS.map(|(group, class)| (format!("{} took", group.heading()), class, loss(group))))
        .filter(|(_, class, bytes)| *class == "kept" || *bytes > 0)
        .collect();
    let whole = parts.iter().map(|(.., bytes)| bytes).sum::<u64>().max(1);
    let mut left = 0.0;
    let rectangles = parts.iter().map(|(_, class, bytes)| {
        let (start, width) = (left, 1000.0 * number::ratio(*bytes, whole));
        left += width;
        // Even the smallest part is visible, with a gap to its neighbour.
        (class, start, (width - 1.5).max(0.8))
    });
    html! {
        div.figures {
            @for (label, write, kept, raw) in figures {
                div.card {
                    div.label { (label) " kept" }
                    div.figure title=(number::whole(kept)) { (write(kept)) }
                    div.quiet title=(number::whole(raw)) { "of " (write(raw)) " · " (number::percent(number::ratio(kept, raw))) }
                }
            }
        }
        @if raw.bytes > 0 {
            div.card {
                div.label { "From raw to kept, by bytes of text" }
                svg.flow viewBox="0 0 1000 40" preserveAspectRatio="none" aria-hidden="true" {
                    @for (class, start, width) in rectangles {
                        rect.fill style={ "--part:var(--" (class) ")" } x=(format!("{start:.2}")) y="0" width=(format!("{width:.2}")) height="40" {}
                    }
                }
                ul.legend {
                    @for (title, class, bytes) in &parts {
                        li { span.swatch.fill style={ "--part:var(--" (class) ")" } {} (title) " " b { (number::percent(number::ratio(*bytes, whole))) } }
                    }
                }
            }
        }
    }
}

/// A table, with a thin bar under each number that shows its share of the maximum.
fn grid(table: &CorpusTable, most: usize, what: &str) -> Markup {
    let is_text = |unit: Unit| unit == Unit::Text;
    html! {
        @if !table.columns.is_empty() {
            div.whole {
                @if !table.title.is_empty() { h3 { (shown(&table.title)) } }
                @if !table.note.is_empty() { p.note { (shown(&table.note)) } }
                div.card.scroll {
                    table.grid {
                        thead {
                            tr { @for column in &table.columns { th.words[is_text(column.unit)] { (shown(&column.title)) } } }
                        }
                        tbody {
                            @for row in table.rows.iter().take(most) {
                                tr {
                                    @for (column, cell) in table.columns.iter().zip(row) {
                                        td.words[is_text(column.unit)] title=[in_full(cell, column.unit)] {
                                            bdi { (shown(&cell.text(column.unit))) }
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
                    (more(table.rows.len() as u64, most, what))
                }
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

fn recipe(report: &CleaningReport) -> Markup {
    html! {
        section #recipe.recipe {
            h2 { "Recipe" }
            p.lead {
                "All settings of " b { (shown(&report.recipe.name)) } ". Saved as a file and passed with " code { "--recipe" }
                ", it produces the same output from the same files."
            }
            pre { (shown(report.recipe.toml.trim_end())) }
        }
    }
}

fn more(all: u64, shown: usize, what: &str) -> Markup {
    let rest = all.saturating_sub(shown as u64);
    html! {
        @if rest > 0 {
            p.note { "And " (number::whole(rest)) " " (what) ": see " code { "report.json" } "." }
        }
    }
}

fn text(id: &str, source: &str, words: u64, why: &str, body: &str) -> Markup {
    html! {
        div.text {
            div.text-head { bdi { (shown(id)) } span { (shown(source)) " · " (number::counted(words, "word")) } }
            @if !why.is_empty() { p.why { (shown(why)) } }
            @if !body.is_empty() { div.body dir="auto" { (shown(body)) } }
        }
    }
}

/// Replaces control characters, bidirectional overrides and characters that HTML forbids.
fn shown(text: &str) -> String {
    let hidden = |letter: char| {
        matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
            || (letter.is_control() && !matches!(letter, '\n' | '\t'))
    };
    text.replace(hidden, "\u{fffd}")
}

#[cfg(test)]
mod tests;
