//! The main content of a page, chosen by `dom_smoothie`, a port of Mozilla's Readability.
//!
//! The tree is built here and not by its parser: elements without a bearing on the choice never get into it, which makes it a
//! fraction of the page; its depth is bounded, since Readability recurses and asks each element about all below it; and the
//! page is cut up once.

use dom_query::{Document, NodeId, NodeRef};
use dom_smoothie::{Config, Readability};

use super::sift::Sink;
use super::tags::{Flow, Tag};
use super::tokens::Attributes;
use super::writer::{Writer, first_number, language_of};

/// Bytes of a class or identifier that are looked at.
const NAMES: usize = 256;
/// A consent banner is at most this long, in bytes of text; what is longer is a page that speaks of cookies.
const BANNER: usize = 3000;

/// Characters of main content with which Readability is content; below, it tries again with fewer doubts about each part of the
/// page. Half of its default: a short article is better than a short article with its advertisements.
const ENOUGH: usize = 250;

/// Attributes by which the writer knows a heading's level, a list's start and code's language after Readability's cleaning.
const LEVEL: &str = "data-level";
const START: &str = "data-start";
const LANGUAGE: &str = "data-language";

/// Builds the tree that main content is chosen from.
pub(super) struct Builder {
    document: Document,
    body: NodeId,
    stack: Vec<Open>,
    text: String,
    /// Bytes of text so far.
    length: usize,
    /// Elements so far.
    elements: usize,
    most_elements: usize,
    /// Line breaks since the last text or other element.
    breaks: usize,
}

struct Open {
    node: NodeId,
    /// Whether its name is that of a consent banner, and the bytes of text before it.
    banner: bool,
    length: usize,
}

impl Builder {
    /// An empty tree for at most so many elements.
    pub(super) fn new(most_elements: usize) -> Option<Self> {
        let document = Document::from("<html><head></head><body></body></html>");
        let body = document.body()?.id;
        Some(Self {
            document,
            body,
            stack: Vec::new(),
            text: String::new(),
            length: 0,
            elements: 0,
            most_elements,
            breaks: 0,
        })
    }

    /// The main content as text; `None` where there is none or the page has too many elements.
    pub(super) fn main_content(mut self) -> Option<String> {
        self.flush();
        if self.elements > self.most_elements || self.length == 0 {
            return None;
        }
        // Its JSON reader is meant for JSON that is valid; titles and dates are found elsewhere.
        let config = Config { disable_json_ld: true, char_threshold: ENOUGH, ..Config::default() };
        let mut readability = Readability::with_document(self.document, None, Some(config)).ok()?;
        readability.parse().ok()?;
        let content = readability.doc.select_single("#readability-page-1");
        let mut writer = Writer::default();
        write(content.nodes().first()?, &mut writer);
        Some(writer.finish())
    }

    fn parent(&self) -> NodeId {
        self.stack.last().map_or(self.body, |open| open.node)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = self.document.tree.new_text(self.text.as_str()).id;
            self.document.tree.append_child_of(&self.parent(), &text);
            self.text.clear();
        }
    }

    /// Adds an element to the tree; gives back whether it may be a banner.
    fn add(&mut self, tag: Tag, attributes: Attributes<'_>) -> (NodeId, bool) {
        // Readability renames `h1` and takes the first for the title.
        let name = if tag == Tag::H1 { "h2" } else { tag.name() };
        let node = self.document.tree.new_element(name);
        if let Some(level) = tag.heading_level() {
            node.set_attr(LEVEL, &level.to_string());
        }
        let mut banner = false;
        for (name, value) in attributes {
            let value = value.get(..NAMES).unwrap_or(if value.len() < NAMES { value } else { "" });
            match name {
                "class" | "id" => {
                    banner |= is_banner(value);
                    node.set_attr(name, value);
                    if let Some(language) = language_of(value) {
                        node.set_attr(LANGUAGE, language);
                    }
                }
                "href" | "role" | "rel" | "itemprop" | "aria-modal" | "summary" | "colspan" => {
                    node.set_attr(name, value);
                }
                "start" if tag == Tag::Ordered => node.set_attr(START, value),
                _ => {}
            }
        }
        let id = node.id;
        self.document.tree.append_child_of(&self.parent(), &id);
        (
            id,
            banner
                && matches!(tag.flow(), Flow::Block | Flow::Line)
                && tag != Tag::Main
                && tag != Tag::Article,
        )
    }
}

impl Sink for Builder {
    fn open(&mut self, tag: Tag, attributes: Attributes<'_>) {
        let break_only = self.text.trim_ascii().is_empty();
        self.breaks = match tag {
            Tag::Break if break_only => self.breaks + 1,
            Tag::Break => 1,
            _ => 0,
        };
        // Two breaks end a paragraph; more say no more.
        if self.breaks > 2 {
            return;
        }
        self.flush();
        self.elements += 1;
        if self.elements > self.most_elements {
            // The tree is given up.
            return;
        }
        let (node, banner) = self.add(tag, attributes);
        if tag.flow() == Flow::Empty {
            return;
        }
        self.stack.push(Open { node, banner, length: self.length });
    }

    fn close(&mut self, tag: Tag) {
        if tag.flow() == Flow::Empty || self.elements > self.most_elements {
            return;
        }
        self.flush();
        if let Some(open) = self.stack.pop()
            && open.banner
            && self.length - open.length < BANNER
        {
            self.document.tree.remove_from_parent(&open.node);
        }
    }

    fn text(&mut self, text: &str) {
        self.length += text.len();
        if self.elements <= self.most_elements {
            self.text.push_str(text);
        }
    }
}

/// Whether a class or identifier is that of a banner that asks for consent.
fn is_banner(names: &str) -> bool {
    let names = names.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| names.contains(word));
    says(&["gdpr", "consent"])
        || (names.contains("cookie")
            && says(&[
                "banner", "notice", "bar", "popup", "modal", "overlay", "message", "law", "alert", "dialog",
                "policy",
            ]))
}

/// Writes what Readability left of the tree.
fn write(root: &NodeRef<'_>, writer: &mut Writer) {
    let mut open: Vec<(NodeRef<'_>, Tag)> = Vec::new();
    let mut next = root.first_child();
    loop {
        let Some(node) = next else {
            let Some((node, tag)) = open.pop() else { return };
            writer.end(tag);
            next = node.next_sibling();
            continue;
        };
        if node.is_text() {
            node.query(|data| {
                if let dom_query::NodeData::Text { contents } = &data.data {
                    writer.write(contents);
                }
            });
            next = node.next_sibling();
            continue;
        }
        let tag = node.qual_name_ref().map_or(Tag::Inline, |name| Tag::of(&name.local));
        writer.start(tag, first_number(node.attr(START).as_deref()));
        if tag.heading_level().is_some()
            && let Some(level) = node.attr(LEVEL).and_then(|level| level.parse::<usize>().ok())
        {
            writer.heading(level.min(6));
        }
        if let Some(language) = node.attr(LANGUAGE) {
            writer.language(&language);
        }
        next = node.first_child();
        open.push((node, tag));
    }
}
