//! The elements that extraction tells apart, by their names in small letters, as the parser writes them.

/// How an element stands in the flow of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Within a line.
    Inline,
    /// On lines of its own.
    Line,
    /// Apart from what surrounds it.
    Block,
    /// Left out with all that it holds.
    Gone,
}

/// How an element stands in the flow of text.
pub(super) fn flow(name: &str) -> Flow {
    match name {
        "div" | "li" | "dd" | "dt" | "tr" | "td" | "th" | "center" | "legend" | "figcaption" | "summary"
        | "caption" | "tbody" | "tfoot" | "thead" => Flow::Line,
        "address" | "article" | "aside" | "blockquote" | "dl" | "details" | "fieldset" | "figure"
        | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "main" | "menu"
        | "nav" | "ol" | "p" | "pre" | "section" | "table" | "ul" => Flow::Block,
        "annotation" | "audio" | "button" | "canvas" | "datalist" | "dialog" | "map" | "noscript"
        | "object" | "rp" | "rt" | "select" | "svg" | "template" | "video" => Flow::Gone,
        _ => Flow::Inline,
    }
}

/// The level of a heading, from 1.
pub(super) fn heading_level(name: &str) -> Option<usize> {
    ["h1", "h2", "h3", "h4", "h5", "h6"].iter().position(|heading| *heading == name).map(|index| index + 1)
}
