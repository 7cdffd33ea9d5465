//! The report as a self-contained page: one file without network requests, for screen and paper, light and dark mode, which
//! also works without its few lines of script.
//!
//! All texts in it are untrusted: `maud` escapes them, `shown` replaces control characters, and right-to-left text is isolated
//! from its surroundings. A content security policy forbids all requests.

mod copies;
mod corpus;
mod flow;
mod stages;

use glasshouse_report::{Page, brand, links};
use maud::{Markup, html};

use super::{CleaningReport, number};

/// Maximum files listed on the page; all are in `report.json`.
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
            (flow::section(report))
            (stages::section(report))
            (copies::personal(report))
            (copies::duplicates(report))
            (corpus::tables(report))
            (corpus::samples(report))
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

/// The result in a sentence, and links to the sections.
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
    let count = report.inputs.len() as u64;
    html! {
        @if count > 0 {
            section #inputs {
                h2 { "Files" }
                p.lead { (number::counted(count, "file")) ", " (number::bytes(bytes)) " on disk." }
                div.card.scroll {
                    table.grid {
                        thead { tr { th.words { "File" } th.words { "Format" } th { "Size" } th { "Documents" } } }
                        tbody {
                            @for input in report.inputs.iter().take(FILES_SHOWN) {
                                tr {
                                    td.words { bdi.mono { (shown(&input.path)) } }
                                    td.words { (shown(&input.format)) }
                                    td title={ (number::whole(input.bytes)) " bytes" } { (number::bytes(input.bytes)) }
                                    td { (number::whole(input.documents)) }
                                }
                            }
                        }
                    }
                    (more(count, FILES_SHOWN, "more files"))
                }
            }
        }
    }
}

/// The recipe, with which the cleaning can be repeated.
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

/// A note about the omitted entries.
fn more(all: u64, shown: usize, what: &str) -> Markup {
    let rest = all.saturating_sub(shown as u64);
    html! {
        @if rest > 0 {
            p.note { "And " (number::whole(rest)) " " (what) ": see " code { "report.json" } "." }
        }
    }
}

/// A document's text with its metadata, and the reason for dropping it.
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
