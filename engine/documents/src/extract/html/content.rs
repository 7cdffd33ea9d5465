//! Linearises a page's tree: starts and ends of elements, and the texts of its paragraphs.

use super::formula::{Formula, formula, is_shown_formula};
use super::hidden::{self, Hidden, skip};
use super::tags::{Flow, flow, heading_level, name};
use super::writer::language_of;
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{Html, Node};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Maximum letters of a cell in a data table.
const CELL: usize = 1000;

#[derive(Default)]
pub(super) struct Content<'t> {
    pub(super) events: Vec<Event<'t>>,
    pub(super) paragraphs: Vec<Paragraph>,
    /// Data tables, as opposed to layout tables, and their paragraphs.
    pub(super) data_tables: HashMap<NodeId, Range<usize>>,
    /// The declared languages of preformatted texts.
    pub(super) languages: HashMap<NodeId, String>,
    /// Inline elements that contain blocks.
    pub(super) wrappers: HashSet<NodeId>,
}

/// A step through the tree, with indices of paragraphs.
pub(super) enum Event<'t> {
    Start(NodeRef<'t, Node>, &'t Element),
    End(NodeRef<'t, Node>, &'t Element),
    Text(usize, &'t str),
    Formula(usize, Formula),
    /// An inline quotation begins (true) or ends.
    Quote(usize, bool),
}

/// Text between two line breaks caused by elements.
#[derive(Debug, Default)]
pub(super) struct Paragraph {
    /// Original text without formulas.
    pub(super) text: String,
    /// Whether it is more than a date or a field name.
    pub(super) is_prose: bool,
}

struct Table {
    id: NodeId,
    first: usize,
    rows: usize,
    cells: usize,
    heads: usize,
    lays_out: bool,
    cell: usize,
}

impl<'t> Content<'t> {
    pub(super) fn of(html: &'t Html, hidden: &Hidden) -> Self {
        let mut content = Self { paragraphs: vec![Paragraph::default()], ..Self::default() };
        let mut tables: Vec<Table> = Vec::new();
        let (mut preformatted, mut quiet) = (0_usize, 0_usize);
        let mut letters = 0;
        let mut edges = html.tree.root().traverse();
        while let Some(edge) = edges.next() {
            let (node, opens) = match edge {
                Edge::Open(node) => (node, true),
                Edge::Close(node) => (node, false),
            };
            let element = match node.value() {
                Node::Element(element) => element,
                Node::Text(text) if opens => {
                    letters += text.len();
                    content.text(text, quiet == 0, preformatted > 0);
                    continue;
                }
                _ => continue,
            };
            let tag = name(element);
            let is_block = matches!(flow(tag), Flow::Block | Flow::Line);
            if opens {
                if let Some(formula) = formula(node, element).filter(|_| !hidden.contains(node.id())) {
                    let number = content.last().0;
                    let paragraph = content.last().1;
                    // Words on the two sides are not adjacent.
                    paragraph.text.push('\n');
                    paragraph.is_prose = true;
                    content.events.push(Event::Formula(number, formula));
                    skip(&mut edges, node);
                    continue;
                }
                if hidden.contains(node.id())
                    || hidden::is_gone(node, element)
                    || is_shown_formula(node, element)
                {
                    if matches!(tag, "button" | "select" | "video" | "object" | "iframe") {
                        content.text(" ", false, false);
                    }
                    if is_block && preformatted == 0 {
                        content.divide();
                    }
                    skip(&mut edges, node);
                    continue;
                }
            }
            let ends_code = !opens && preformatted == 1 && tag == "pre";
            if is_block && (preformatted == 0 || ends_code) {
                content.divide();
                if opens {
                    content.note_wrappers(node);
                }
            }
            if let Some(table) = tables.last_mut() {
                note_cell(table, tag, opens, letters);
            }
            let change =
                |count: &mut usize| if opens { *count += 1 } else { *count = count.saturating_sub(1) };
            if tag == "pre" {
                change(&mut preformatted);
                let classes = node.descendants().filter_map(|node| node.value().as_element()?.attr("class"));
                if let Some(language) = opens.then(|| classes.filter_map(language_of).next()).flatten() {
                    content.languages.insert(node.id(), language.to_owned());
                }
            }
            if matches!(tag, "time" | "label" | "output" | "progress" | "meter") {
                change(&mut quiet);
            }
            match (tag, opens) {
                ("table", true) => {
                    if let Some(outer) = tables.last_mut() {
                        outer.lays_out = true;
                    }
                    let first = content.last().0;
                    tables.push(Table {
                        id: node.id(),
                        first,
                        rows: 0,
                        cells: 0,
                        heads: 0,
                        lays_out: false,
                        cell: letters,
                    });
                }
                ("table", false) => {
                    if let Some(table) = tables.pop()
                        && !table.lays_out
                        && (table.heads > 0 || table.cells >= 2 * table.rows.max(1))
                    {
                        let paragraphs = table.first..content.paragraphs.len();
                        content.data_tables.insert(table.id, paragraphs);
                    }
                }
                // The end of a line of preformatted text.
                ("br", true) => {
                    if preformatted > 0 {
                        content.text("\n", false, true);
                    } else {
                        content.last().1.text.push(' ');
                    }
                }
                ("q", _) => {
                    let number = content.last().0;
                    content.events.push(Event::Quote(number, opens));
                }
                _ => {}
            }
            // Code has only its own structure, and exponents.
            if preformatted == 0 || matches!(tag, "pre" | "sup" | "sub") {
                content.events.push(if opens {
                    Event::Start(node, element)
                } else {
                    Event::End(node, element)
                });
            } else if matches!(flow(tag), Flow::Block | Flow::Line) {
                let number = content.last().0;
                if !content.last().1.text.ends_with('\n') {
                    content.last().1.text.push('\n');
                    content.events.push(Event::Text(number, "\n"));
                }
            }
        }
        content
    }

    fn text(&mut self, text: &'t str, is_prose: bool, has_lines: bool) {
        let number = self.last().0;
        let paragraph = self.last().1;
        if has_lines {
            paragraph.text.push_str(text);
        } else {
            paragraph
                .text
                .extend(text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }));
        }
        paragraph.is_prose |= is_prose && !text.trim().is_empty();
        self.events.push(Event::Text(number, text));
    }

    fn last(&mut self) -> (usize, &mut Paragraph) {
        if self.paragraphs.is_empty() {
            self.paragraphs.push(Paragraph::default());
        }
        let number = self.paragraphs.len() - 1;
        (number, &mut self.paragraphs[number])
    }

    /// Ends the current paragraph, if it has text.
    fn divide(&mut self) {
        let begun = self.paragraphs.last().is_none_or(|last| last.is_prose || !last.text.trim().is_empty());
        if begun {
            self.paragraphs.push(Paragraph::default());
        }
    }

    /// Records the inline elements around a block.
    fn note_wrappers(&mut self, node: NodeRef<'t, Node>) {
        let around = node.ancestors().map_while(|parent| {
            let element = parent.value().as_element()?;
            (flow(name(element)) == Flow::Inline).then(|| parent.id())
        });
        self.wrappers.extend(around);
    }
}

fn note_cell(table: &mut Table, tag: &str, opens: bool, letters: usize) {
    match (tag, opens) {
        ("tr", true) => table.rows += 1,
        ("td" | "th", true) => {
            table.cells += 1;
            table.heads += usize::from(tag == "th");
            table.cell = letters;
        }
        ("td" | "th", false) => table.lays_out |= letters - table.cell > CELL,
        ("form" | "article" | "section" | "nav" | "pre", _) => table.lays_out = true,
        _ if heading_level(tag).is_some() => table.lays_out = true,
        _ => {}
    }
}
