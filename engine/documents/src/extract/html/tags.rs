//! Properties of elements, by lower-case name as written by the parser.

use scraper::node::Element;

/// Role of an element in the flow of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Inside a line.
    Inline,
    /// On separate lines.
    Line,
    /// Separated by blank lines.
    Block,
    /// Removed with its contents.
    Gone,
}

/// An element's name; obsolete names of preformatted text become `pre`.
pub(super) fn name(element: &Element) -> &str {
    match element.name() {
        "listing" | "plaintext" | "xmp" => "pre",
        name => name,
    }
}

pub(super) fn flow(name: &str) -> Flow {
    match name {
        "div" | "li" | "dd" | "dt" | "tr" | "td" | "th" | "center" | "legend" | "figcaption" | "summary"
        | "caption" | "tbody" | "tfoot" | "thead" => Flow::Line,
        "address" | "article" | "aside" | "blockquote" | "dl" | "details" | "fieldset" | "figure"
        | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup" | "hr"
        | "main" | "menu" | "nav" | "ol" | "p" | "pre" | "search" | "section" | "table" | "ul" => Flow::Block,
        "annotation" | "audio" | "button" | "canvas" | "datalist" | "dialog" | "head" | "iframe" | "map"
        | "noembed" | "noframes" | "noscript" | "object" | "rp" | "rt" | "script" | "select" | "style"
        | "svg" | "template" | "textarea" | "title" | "video" => Flow::Gone,
        _ => Flow::Inline,
    }
}

/// The level of a heading, from 1.
pub(super) fn heading_level(name: &str) -> Option<usize> {
    ["h1", "h2", "h3", "h4", "h5", "h6"].iter().position(|heading| *heading == name).map(|index| index + 1)
}
