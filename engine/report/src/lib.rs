//! Reports as HTML: a single self-contained file, readable on screen and on paper, in light and dark mode. Its content security policy blocks
//! every network request.

mod blocks;
mod chart;

pub use blocks::shown;

use glasshouse_protocol::blocks::Block;
use maud::{DOCTYPE, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// Styles for narrow screens and paper, after all others.
const NARROW: &str = include_str!("narrow.css");

/// Opens folded parts for printing, for browsers whose style sheets cannot.
const SCRIPT: &str = "addEventListener('beforeprint',()=>document.querySelectorAll('details:not([open])').forEach(d=>{d.open=true;d.dataset.shut='1'}));\
addEventListener('afterprint',()=>document.querySelectorAll('details[data-shut]').forEach(d=>{d.open=false;delete d.dataset.shut}));";

/// A report as a page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The kind of report, next to the logo.
    pub kind: &'a str,
    pub title: &'a str,
    /// A sentence below the title, or empty.
    pub lead: &'a str,
    pub blocks: &'a [Block],
    pub footer: &'a str,
    pub version: &'a str,
    /// Whether a script opens folded parts for printing. A page that is shown in a frame without scripts has none.
    pub has_script: bool,
}

impl Page<'_> {
    pub fn html(&self) -> String {
        // Only inline styles, this script and `data:` images are allowed.
        let scripts = if self.has_script { " script-src 'unsafe-inline';" } else { "" };
        let policy = format!("default-src 'none'; style-src 'unsafe-inline';{scripts} img-src data:");
        let title = shown(self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en-GB" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="generator" content={ "Glasshouse " (shown(self.version)) };
                    link rel="icon" href="data:,";
                    title { (title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(NARROW)) }
                }
                body {
                    header {
                        div.brand {
                            svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" {
                                path d="M10 2 L18 8 V18 H2 V8 Z M10 2 V18 M2 8 H18" {}
                            }
                            span { "Glasshouse · " (self.kind) }
                        }
                        h1 { (title) }
                        @if !self.lead.is_empty() { p.lead { (shown(self.lead)) } }
                    }
                    main { (blocks::report(self.blocks)) }
                    footer { p { (shown(self.footer)) } }
                    @if self.has_script { script { (PreEscaped(SCRIPT)) } }
                }
            }
        };
        page.into_string()
    }
}

#[cfg(test)]
mod tests;
