//! Selects the paragraphs that are a page's main content.
//!
//! `trafilatura`, a port of go-trafilatura, returns copies of its selection, and loses text in and after unknown elements. So
//! it receives a sketch of the page, blocks with text and links, in which each text begins with a private-use character that
//! identifies its paragraph; the characters in its result identify the content.

use super::content::{Content, Event};
use super::hidden::Hidden;
use super::tags::{Flow, flow, heading_level, name};
use ego_tree::NodeRef;
use scraper::node::Element;
use scraper::{Html, Node};
use std::fmt::Write;
use trafilatura::{ExtractionFocus, HtmlDateMode, Options};

/// Private-use characters of planes 15 and 16.
const MARKS: [std::ops::RangeInclusive<u32>; 2] = [0xf_0000..=0xf_fffd, 0x10_0000..=0x10_fffd];

const ATTRIBUTE: usize = 200;

/// Maximum nesting in the sketch. `trafilatura` copies the contents of each table that lays out a page, of each heading around unclosed
/// headings, and of each element that it dissolves, such as spans: about ten bytes per byte and level.
const TABLES: usize = 4;
const HEADINGS: usize = 2;
const SPANS: usize = 4;

pub(super) enum Choice {
    /// Whether each paragraph is content.
    Paragraphs(Vec<bool>),
    /// Text from machine-readable data that the page does not show.
    Elsewhere(String),
}

/// Finds the main content; selects no paragraphs if there is none.
pub(super) fn main_content(html: &Html, content: &Content<'_>) -> Choice {
    let mut chosen = vec![false; content.paragraphs.len()];
    let options = Options::default()
        .with_focus(ExtractionFocus::FavorRecall)
        .with_html_date_mode(HtmlDateMode::Disabled);
    if let Ok(found) = trafilatura::extract(&sketch(html, content), &options) {
        let mut marked = false;
        for mark in found.content_html.chars().filter_map(number) {
            marked = true;
            if let Some(paragraph) = chosen.get_mut(mark) {
                *paragraph = true;
            }
        }
        if !marked && !found.content_html.is_empty() {
            let html = Html::parse_fragment(&found.content_html);
            let content = Content::of(&html, &Hidden::of(&html, false));
            return Choice::Elsewhere(super::tree::write(&content, &vec![true; content.paragraphs.len()]));
        }
    }
    // Cells that `trafilatura` did not handle: a table is selected as a whole or not at all.
    for paragraphs in content.data_tables.values() {
        let cells = || {
            paragraphs.clone().filter(|cell| content.paragraphs.get(*cell).is_some_and(|cell| cell.is_prose))
        };
        let known = cells().filter(|cell| chosen.get(*cell).is_some_and(|chosen| *chosen)).count();
        if known > 0
            && 2 * known >= cells().count()
            && let Some(cells) = chosen.get_mut(paragraphs.clone())
        {
            cells.fill(true);
        }
    }
    Choice::Paragraphs(chosen)
}

/// The mark of a paragraph; `None` beyond the last mark.
fn mark(paragraph: usize) -> Option<char> {
    let first = MARKS[0].clone().count();
    let code = match paragraph.checked_sub(first) {
        None => MARKS[0].start() + u32::try_from(paragraph).ok()?,
        Some(rest) => MARKS[1].start().checked_add(u32::try_from(rest).ok()?)?,
    };
    char::from_u32(code).filter(|mark| number(*mark).is_some())
}

fn number(mark: char) -> Option<usize> {
    let place = MARKS.iter().position(|marks| marks.contains(&u32::from(mark)))?;
    let before = if place == 0 { 0 } else { MARKS[0].clone().count() };
    Some(before + (u32::from(mark) - MARKS[place].start()) as usize)
}

fn sketch(html: &Html, content: &Content<'_>) -> String {
    let mut sketch = String::from("<html><head>");
    // Indicates whether a page is a forum, and contains some forums' text.
    for node in html.tree.root().descendants() {
        if let Node::Element(element) = node.value()
            && element.name() == "script"
            && element.attr("type").is_some_and(|kind| kind.eq_ignore_ascii_case("application/ld+json"))
        {
            sketch.push_str("<script type=\"application/ld+json\">");
            sketch.extend(node.children().filter_map(|text| text.value().as_text().map(|text| &**text)));
            sketch.push_str("</script>");
        }
    }
    sketch.push_str("</head><body>");
    let mut open = Nesting::default();
    for event in &content.events {
        match event {
            Event::Start(node, element) => {
                open.change(name(element), true);
                if let Some(tag) = sketched(content, *node, element).and_then(|tag| open.limited(tag)) {
                    // `trafilatura` joins the texts of blocks without white space.
                    let _ = write!(sketch, "\n<{tag}");
                    attributes(&mut sketch, element);
                    sketch.push('>');
                }
            }
            Event::End(node, element) => {
                if let Some(tag) = sketched(content, *node, element)
                    .and_then(|tag| open.limited(tag))
                    .filter(|tag| !matches!(*tag, "br" | "hr"))
                {
                    let _ = write!(sketch, "</{tag}>");
                }
                open.change(name(element), false);
            }
            Event::Text(paragraph, text) => text_of(&mut sketch, content, *paragraph, text),
            Event::Formula(paragraph, formula) => text_of(&mut sketch, content, *paragraph, &formula.text),
            Event::Quote(..) => {}
        }
    }
    sketch
}

/// Numbers of open elements.
#[derive(Default)]
struct Nesting {
    tables: usize,
    headings: usize,
    quotations: usize,
    spans: usize,
}

impl Nesting {
    fn change(&mut self, tag: &str, opens: bool) {
        let count = match tag {
            "table" => &mut self.tables,
            "blockquote" => &mut self.quotations,
            "span" => &mut self.spans,
            tag if is_heading(tag) => &mut self.headings,
            _ => return,
        };
        *count = if opens { *count + 1 } else { count.saturating_sub(1) };
    }

    /// The tag for an element that may be nested too deeply. Headings and quotations are selected with all of their contents, in which
    /// `trafilatura` dissolves `div` and keeps `section`.
    fn limited<'t>(&self, tag: &'t str) -> Option<&'t str> {
        match if self.tables > TABLES && is_of_table(tag) { "div" } else { tag } {
            // Of a page with so many tables in each other, blocks would be most of the sketch.
            "div" if self.tables > 2 * TABLES && is_of_table(tag) => None,
            "span" if self.spans > SPANS => None,
            "div" if self.headings + self.quotations > 0 => Some("section"),
            tag if self.headings > HEADINGS && is_heading(tag) => Some("section"),
            tag => Some(tag),
        }
    }
}

/// The tag of an element in the sketch; `None` if only its contents are included.
fn sketched<'e>(content: &Content<'_>, node: NodeRef<'_, Node>, element: &'e Element) -> Option<&'e str> {
    let tag = name(element);
    match tag {
        // `trafilatura` would dissolve an address.
        "html" | "body" | "address" => None,
        "a" | "span" | "br" => Some(tag),
        // A figure is removed for its picture, but not for a listing.
        "figure"
            if node
                .descendants()
                .any(|node| node.value().as_element().is_some_and(|inside| name(inside) == "pre")) =>
        {
            Some("div")
        }
        "form"
            if node.descendants().any(|node| {
                node.value()
                    .as_element()
                    .is_some_and(|inside| matches!(inside.name(), "h1" | "article" | "main"))
            }) =>
        {
            Some("div")
        }
        "center" | "hgroup" | "search" => Some("div"),
        _ if flow(tag) != Flow::Inline => Some(tag),
        _ if content.wrappers.contains(&node.id()) && tag.contains('-') => Some("div"),
        _ => None,
    }
}

fn is_of_table(tag: &str) -> bool {
    ["table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "td", "th"].contains(&tag)
}

fn is_heading(tag: &str) -> bool {
    heading_level(tag).is_some() || tag == "summary"
}

fn attributes(sketch: &mut String, element: &Element) {
    for (name, value) in element.attrs() {
        let mut value = &value[..value.floor_char_boundary(ATTRIBUTE)];
        let without;
        match name {
            "class" | "id" => {
                // Articles may mention these; actual banners were already removed.
                if ["cookie", "consent", "-ad-", " ad "].iter().any(|word| value.contains(word)) {
                    without = value
                        .replace("cookie", "")
                        .replace("consent", "")
                        .replace("-ad-", "-")
                        .replace(" ad ", " ");
                    value = &without;
                }
            }
            "href" | "role" | "itemprop" | "rel" | "data-component" | "data-testid" => {}
            _ => continue,
        }
        let _ = write!(sketch, " {name}=\"{}\"", html_escape::encode_double_quoted_attribute(value));
    }
}

fn text_of(sketch: &mut String, content: &Content<'_>, paragraph: usize, text: &str) {
    let is_blank = text.trim().is_empty();
    if is_blank {
        sketch.push_str(if text.is_empty() { "" } else { " " });
    } else if content.paragraphs.get(paragraph).is_some_and(|paragraph| paragraph.is_prose) {
        sketch.extend(mark(paragraph));
        sketch.extend(html_escape::encode_text(text).chars().filter(|letter| number(*letter).is_none()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{content::Content, hidden::Hidden, sift};
    use super::{HEADINGS, SPANS, TABLES, mark, number, sketch};

    #[test]
    fn deeply_nested_elements_are_blocks_in_the_sketch() {
        let sketched = |page: &str| {
            let (html, _) = sift::parse(page);
            sketch(&html, &Content::of(&html, &Hidden::of(&html, true)))
        };
        for (part, tags, limit) in [
            ("<table><caption>c</caption><tr><th>a<td>b", &["table", "caption", "tr", "th"][..], TABLES),
            ("<main><h1>a", &["h1"], HEADINGS),
            ("<div><span>a<p>b</p>", &["span"], SPANS),
        ] {
            let sketch = sketched(&part.repeat(40));
            for tag in tags {
                assert_eq!(sketch.matches(&format!("<{tag}>")).count(), limit, "{tag}");
                assert_eq!(sketch.matches(&format!("</{tag}>")).count(), limit, "{tag}");
            }
            for tag in ["div", "section"] {
                assert_eq!(
                    sketch.matches(&format!("<{tag}>")).count(),
                    sketch.matches(&format!("</{tag}>")).count()
                );
            }
        }
        // And even deeper ones are none.
        let sketch = sketched(&"</p><table><tr><th>a<td>b".repeat(200));
        assert!(sketch.matches("<div>").count() <= 5 * TABLES);
        assert_eq!(sketch.chars().filter(|letter| number(*letter).is_some()).count(), 400, "all texts stay");
    }

    #[test]
    fn marks_name_paragraphs() {
        for paragraph in [0, 1, 65_533, 65_534, 131_067] {
            assert_eq!(mark(paragraph).and_then(number), Some(paragraph));
        }
        assert_eq!(mark(131_068), None);
        assert_eq!(number('a'), None);
        assert_eq!(number('\u{ffffe}'), None);
    }
}
