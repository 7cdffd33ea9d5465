//! Selects the paragraphs that are a page's main content.
//!
//! `trafilatura`, a port of go-trafilatura, returns copies of its selection, and loses text in and after unknown elements. So
//! it receives a sketch of the page, blocks with text and links, in which each text begins with a private-use character that
//! identifies its paragraph; the characters in its result identify the content.

use super::content::{Content, Event};
use super::hidden::Hidden;
use super::tags::{Flow, flow, name};
use ego_tree::NodeRef;
use scraper::node::Element;
use scraper::{Html, Node};
use std::fmt::Write;
use trafilatura::{ExtractionFocus, HtmlDateMode, Options};

/// Private-use characters of planes 15 and 16.
const MARKS: [std::ops::RangeInclusive<u32>; 2] = [0xf_0000..=0xf_fffd, 0x10_0000..=0x10_fffd];

const ATTRIBUTE: usize = 200;

/// Maximum nesting of tables in the sketch; deeper ones are blocks. `trafilatura` dissolves the tables that lay out a page one
/// after the other, and holds a copy of the contents of each: about ten bytes per byte and table.
const TABLES: usize = 8;

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
    let mut tables = 0_usize;
    for event in &content.events {
        match event {
            Event::Start(node, element) => {
                tables += usize::from(element.name() == "table");
                if let Some(tag) = sketched(content, *node, element) {
                    let tag = if tables > TABLES && is_of_table(tag) { "div" } else { tag };
                    // `trafilatura` joins the texts of blocks without white space.
                    let _ = write!(sketch, "\n<{tag}");
                    attributes(&mut sketch, element);
                    sketch.push('>');
                }
            }
            Event::End(node, element) => {
                if let Some(tag) =
                    sketched(content, *node, element).filter(|tag| !matches!(*tag, "br" | "hr"))
                {
                    let tag = if tables > TABLES && is_of_table(tag) { "div" } else { tag };
                    let _ = write!(sketch, "</{tag}>");
                }
                tables = tables.saturating_sub(usize::from(element.name() == "table"));
            }
            Event::Text(paragraph, text) => text_of(&mut sketch, content, *paragraph, text),
            Event::Formula(paragraph, formula) => text_of(&mut sketch, content, *paragraph, &formula.text),
            Event::Quote(..) => {}
        }
    }
    sketch
}

/// The tag of an element in the sketch; `None` if only its contents are included.
fn sketched<'e>(content: &Content<'_>, node: NodeRef<'_, Node>, element: &'e Element) -> Option<&'e str> {
    let tag = name(element);
    match tag {
        "html" | "body" => None,
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
    use super::{TABLES, mark, number, sketch};

    #[test]
    fn deeply_nested_tables_are_blocks_in_the_sketch() {
        let page = "<table><caption>c</caption><tr><th>a<td>b".repeat(40);
        let (html, _) = sift::parse(&page);
        let content = Content::of(&html, &Hidden::of(&html, true));
        let sketch = sketch(&html, &content);
        for tag in ["table", "caption", "tr", "th"] {
            assert_eq!(sketch.matches(&format!("<{tag}>")).count(), TABLES, "{tag}");
            assert_eq!(sketch.matches(&format!("</{tag}>")).count(), TABLES, "{tag}");
        }
        assert_eq!(sketch.matches("<div>").count(), sketch.matches("</div>").count());
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
