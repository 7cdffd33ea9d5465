//! The account as a page that stands alone: one file, which asks nothing of any network, reads well on a screen and on paper, in light
//! and in dark, and works without its few lines of script.
//!
//! Every text in it came from outside: it is escaped where it is written, control characters are shown as a box, and what runs from
//! right to left is kept from turning round its neighbours. A content policy in the page forbids whatever would be fetched.

mod copies;
mod corpus;
mod flow;
mod stages;

use std::fmt::{self, Display, Write as _};

use super::{Report, number};

/// Files that the page lists; all are in `report.json`.
const FILES_SHOWN: usize = 60;
/// Troubles that the page lists; more are in `report.json`.
const TROUBLES_SHOWN: usize = 100;

const STYLE: &str = include_str!("style.css");

/// Opens what is folded while the page is printed, for browsers whose style sheets cannot.
const SCRIPT: &str = "addEventListener('beforeprint',()=>document.querySelectorAll('details:not([open])').forEach(d=>{d.open=true;d.dataset.shut='1'}));\
addEventListener('afterprint',()=>document.querySelectorAll('details[data-shut]').forEach(d=>{d.open=false;delete d.dataset.shut}));";

/// The mark of the program: a glass house.
const MARK: &str = "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\" stroke-linejoin=\"round\">\
<path d=\"M10 2 L18 8 V18 H2 V8 Z M10 2 V18 M2 8 H18\"/></svg>";

/// The page of a cleaning.
pub fn page(report: &Report) -> String {
    let mut page = Page(String::with_capacity(64 * 1024));
    page.put(format_args!(
        "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">\
<meta name=\"generator\" content=\"Glasshouse {}\"><link rel=\"icon\" href=\"data:,\"><title>Cleaning with {}: {} of {} kept</title>\
<style>{STYLE}</style></head>\n<body>",
        escape(&report.version),
        escape(&report.recipe.name),
        number::of(report.kept.documents, "document", "documents"),
        number::whole(report.raw.documents),
    ));
    header(&mut page, report);
    page.raw("<main>");
    flow::section(&mut page, report);
    stages::section(&mut page, report);
    copies::personal(&mut page, report);
    copies::duplicates(&mut page, report);
    corpus::tables(&mut page, report);
    corpus::samples(&mut page, report);
    troubles(&mut page, report);
    inputs(&mut page, report);
    recipe(&mut page, report);
    page.put(format_args!(
        "</main>\n<footer><p>Written by Glasshouse {}. Personal data is masked in every excerpt. This page holds all that it shows and asks nothing of any \
network; the same numbers stand in <code>report.json</code> beside it, and every dropped document with its reason in \
<code>dropped.jsonl</code>.</p></footer>\n<script>{SCRIPT}</script></body></html>\n",
        escape(&report.version)
    ));
    page.0
}

/// What happened, in a sentence, and where to find what.
fn header(page: &mut Page, report: &Report) {
    let headline = match (report.raw.documents, report.kept.documents) {
        (0, _) => "Nothing was read".to_owned(),
        (raw, kept) if raw == kept => {
            format!("All {} kept", number::of(kept, "document was", "documents were"))
        }
        (raw, 0) => format!("None of {} was kept", number::of(raw, "document", "documents")),
        (raw, kept) => format!("{} of {} documents kept", number::whole(kept), number::whole(raw)),
    };
    page.put(format_args!(
        "<header><div class=\"brand\">{MARK}<span>Glasshouse · data bench</span></div><h1>{}</h1><p class=\"lead\">Cleaned with the recipe \
<b>{}</b> from {}. Every decision is below: what was taken away, by which rule, and why.</p>",
        escape(&headline),
        escape(&report.recipe.name),
        number::of(report.inputs.len() as u64, "file", "files"),
    ));
    let links = [
        ("stages", "What each step took", !report.stages.is_empty()),
        ("personal", "Personal data", !report.personal.is_empty()),
        ("duplicates", "Copies", !report.duplicates.is_empty()),
        ("tables", "What it is made of", !report.tables.is_empty()),
        ("samples", "Samples", !report.samples.is_empty()),
        ("troubles", "Troubles", report.troubles.count > 0),
        ("inputs", "Files", !report.inputs.is_empty()),
        ("recipe", "Recipe", true),
    ];
    page.raw("<nav aria-label=\"Parts of this page\">");
    for (anchor, title, _) in links.iter().filter(|(_, _, there)| *there) {
        page.put(format_args!("<a href=\"#{anchor}\">{title}</a>"));
    }
    page.raw("</nav></header>\n");
}

/// What could not be read.
fn troubles(page: &mut Page, report: &Report) {
    let troubles = &report.troubles;
    if troubles.count == 0 {
        return;
    }
    page.put(format_args!(
        "<section id=\"troubles\"><h2>Troubles</h2><p class=\"lead\">{} could not be read, or not whole. The rest went on without.</p>\
<div class=\"card\"><ul class=\"troubles\">",
        number::of(troubles.count, "file or record", "files or records"),
    ));
    for trouble in troubles.listed.iter().take(TROUBLES_SHOWN) {
        page.put(format_args!(
            "<li><bdi class=\"mono\">{}</bdi><br>{}</li>",
            escape(&trouble.place),
            escape(&trouble.reason)
        ));
    }
    page.raw("</ul>");
    page.more(troubles.count, TROUBLES_SHOWN.min(troubles.listed.len()), "more of them");
    page.raw("</div></section>\n");
}

/// The files that were read.
fn inputs(page: &mut Page, report: &Report) {
    if report.inputs.is_empty() {
        return;
    }
    let bytes = report.inputs.iter().map(|input| input.bytes).sum();
    page.put(format_args!(
        "<section id=\"inputs\"><h2>Files</h2><p class=\"lead\">{}, {} on disk.</p><div class=\"card scroll\"><table class=\"grid\"><thead><tr>\
<th class=\"words\">File</th><th class=\"words\">Format</th><th>Size</th><th>Documents</th></tr></thead><tbody>",
        number::of(report.inputs.len() as u64, "file", "files"),
        number::bytes(bytes),
    ));
    for input in report.inputs.iter().take(FILES_SHOWN) {
        page.put(format_args!(
            "<tr><td class=\"words\"><bdi class=\"mono\">{}</bdi></td><td class=\"words\">{}</td><td title=\"{} bytes\">{}</td><td>{}</td></tr>",
            escape(&input.path),
            escape(&input.format),
            number::whole(input.bytes),
            number::bytes(input.bytes),
            number::whole(input.documents),
        ));
    }
    page.raw("</tbody></table>");
    page.more(report.inputs.len() as u64, FILES_SHOWN, "more files");
    page.raw("</div></section>\n");
}

/// The recipe, from which the cleaning can be repeated.
fn recipe(page: &mut Page, report: &Report) {
    page.put(format_args!(
        "<section id=\"recipe\" class=\"recipe\"><h2>Recipe</h2><p class=\"lead\">The whole of <b>{}</b>. Saved as a file and given with \
<code>--recipe</code>, it makes the same output of the same files.</p><pre>{}</pre></section>\n",
        escape(&report.recipe.name),
        escape(report.recipe.toml.trim_end()),
    ));
}

/// A page being written.
struct Page(String);

impl Page {
    /// Adds markup as it is.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Adds markup with values in it; texts from outside go through [`escape`].
    fn put(&mut self, markup: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        self.0.write_fmt(markup).ok();
    }

    /// Says that there is more than is shown.
    fn more(&mut self, all: u64, shown: usize, what: &str) {
        if let Some(rest) = all.checked_sub(shown as u64).filter(|rest| *rest > 0) {
            self.put(format_args!(
                "<p class=\"note\">And {} {what}: see <code>report.json</code>.</p>",
                number::whole(rest)
            ));
        }
    }

    /// A document's text with what it is, and why it went.
    fn text(&mut self, id: &str, about: &str, why: &str, body: &str) {
        self.put(format_args!(
            "<div class=\"text\"><div class=\"text-head\"><bdi>{}</bdi><span>{about}</span></div>",
            escape(id)
        ));
        if !why.is_empty() {
            self.put(format_args!("<p class=\"why\">{}</p>", escape(why)));
        }
        if !body.is_empty() {
            self.put(format_args!("<div class=\"body\" dir=\"auto\">{}</div>", escape(body)));
        }
        self.raw("</div>");
    }
}

/// A text as it may stand in markup and in attributes.
fn escape(text: &str) -> Escaped<'_> {
    Escaped(text)
}

struct Escaped<'text>(&'text str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let special = |letter: char| {
            // Characters that write nothing but turn round or hide what stands beside them, and those HTML forbids.
            let hidden =
                matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}');
            matches!(letter, '&' | '<' | '>' | '"' | '\'')
                || hidden
                || (letter.is_control() && !matches!(letter, '\n' | '\t'))
        };
        while let Some(place) = rest.find(special) {
            let (plain, tail) = rest.split_at(place);
            formatter.write_str(plain)?;
            let mut letters = tail.chars();
            match letters.next() {
                Some('&') => formatter.write_str("&amp;")?,
                Some('<') => formatter.write_str("&lt;")?,
                Some('>') => formatter.write_str("&gt;")?,
                Some('"') => formatter.write_str("&quot;")?,
                Some('\'') => formatter.write_str("&#39;")?,
                _ => formatter.write_str("\u{fffd}")?,
            }
            rest = letters.as_str();
        }
        formatter.write_str(rest)
    }
}

#[cfg(test)]
mod tests;
