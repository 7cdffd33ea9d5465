//! From a page's tree to its text: what is hidden goes, and `trafilatura` chooses the main content of what is left.
//!
//! `trafilatura` is a port of go-trafilatura. It answers with markup in which line breaks, empty cells and what stands in preformatted text are
//! not what they were; so marks are put beside them that come back with the text.

use super::metadata::Metadata;
use super::sift;
use super::tags::{Flow, flow};
use super::writer::{TextWriter, first_number, language_of};
use super::{Mode, Page, Settings};
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use html5ever::tendril::StrTendril;
use scraper::node::{Element, Text};
use scraper::{Html, Node};
use std::collections::HashMap;
use trafilatura::{ExtractionFocus, HtmlDateMode, Options};

/// A consent banner is at most this long, in bytes of text; what is longer is a page that speaks of cookies.
const BANNER: usize = 3000;

/// How many letters of a style are read.
const STYLE: usize = 1024;

/// Marks, of characters that no text has a use for; a page's own are left out of it.
const CODE: char = '\u{f8f0}';
const BREAK: char = '\u{f8f1}';
const CELL: char = '\u{f8f2}';

/// Whether a character is one of the marks.
pub(super) fn is_mark(letter: char) -> bool {
    matches!(letter, CODE | BREAK | CELL)
}

/// Takes the text of a page.
///
/// # Errors
/// None here; a build without this reader has one.
pub(super) fn page(html: &str, settings: &Settings) -> Result<Page, String> {
    let tree = Tree::new(html, settings.mode);
    let mut text = String::new();
    let mut fallback = false;
    if settings.mode == Mode::MainContent && tree.elements <= settings.most_elements {
        text = tree.main_content();
    }
    if text.len() < settings.shortest_main_content || settings.mode == Mode::AllText {
        let all = tree.all_text();
        if all.len() >= text.len() {
            fallback = settings.mode == Mode::MainContent;
            text = all;
        }
    }
    let Metadata { title, language, date, licence, .. } = tree.metadata;
    let [title, language, date, licence] = [title, language, date, licence].map(|found| Some(found?.1));
    Ok(Page { title, text, language, date, licence, fallback })
}

/// A page that was read.
struct Tree {
    html: Html,
    /// Tags that it was made of.
    elements: usize,
    metadata: Metadata,
    /// Preformatted texts by their number, each with its language.
    code: HashMap<usize, (String, String)>,
}

impl Tree {
    /// Reads a page.
    fn new(page: &str, mode: Mode) -> Self {
        let (html, elements) = sift::parse(page);
        let metadata = Metadata::of(&html);
        let mut tree = Self { html, elements, metadata, code: HashMap::new() };
        tree.remove(mode == Mode::MainContent);
        tree.mark();
        if mode == Mode::MainContent {
            tree.separate();
        }
        tree
    }

    /// Takes out what is not to be seen, and `also_banners`.
    fn remove(&mut self, also_banners: bool) {
        let mut gone: Vec<NodeId> = Vec::new();
        // Banners that may be, with the bytes of text before them.
        let mut banners: Vec<(NodeId, usize)> = Vec::new();
        let mut length = 0;
        for edge in self.html.tree.root().traverse() {
            match edge {
                Edge::Open(node) => match node.value() {
                    Node::Text(text) => length += text.len(),
                    Node::Element(element) => {
                        let tag = element.name();
                        if flow(tag) == Flow::Gone || is_hidden(tag, element) {
                            gone.push(node.id());
                        } else if also_banners && is_banner(tag, element) {
                            banners.push((node.id(), length));
                        }
                    }
                    _ => {}
                },
                Edge::Close(node) => {
                    if let Some((_, before)) = banners.pop_if(|(id, _)| *id == node.id())
                        && length - before < BANNER
                    {
                        gone.push(node.id());
                    }
                }
            }
        }
        for id in gone {
            if let Some(mut node) = self.html.tree.get_mut(id) {
                // What stood on both sides of it is not one word.
                node.insert_before(text(" "));
                node.detach();
            }
        }
    }

    /// Puts marks beside what would be lost.
    fn mark(&mut self) {
        let mut marks: Vec<(NodeId, &str)> = Vec::new();
        for node in self.html.tree.root().descendants() {
            if let Node::Element(element) = node.value() {
                match element.name() {
                    "br" => marks.push((node.id(), "br")),
                    "pre" => marks.push((node.id(), "pre")),
                    "td" | "th" if content(node).trim().is_empty() => marks.push((node.id(), "td")),
                    _ => {}
                }
            }
        }
        for (id, tag) in marks {
            if tag == "pre" {
                let Some(node) = self.html.tree.get(id) else { continue };
                let classes = node.descendants().filter_map(|node| node.value().as_element()?.attr("class"));
                let language = classes.filter_map(language_of).next().unwrap_or_default().to_owned();
                let number = self.code.len();
                self.code.insert(number, (language, content(node)));
                if let Some(mut node) = self.html.tree.get_mut(id) {
                    node.prepend(text(&format!("{CODE}{number}{CODE}")));
                }
            } else if let Some(mut node) = self.html.tree.get_mut(id) {
                if tag == "br" {
                    node.insert_after(text(&format!(" {BREAK} ")));
                } else {
                    node.append(text(&CELL.to_string()));
                }
            }
        }
    }

    /// Puts white space behind blocks, which pages without any between their tags lack: trafilatura joins the texts of a short article's blocks.
    fn separate(&mut self) {
        let joined = |node: &NodeRef<'_, Node>| {
            let block = node.value().as_element().is_some_and(|element| flow(element.name()) != Flow::Inline);
            let behind = node.next_sibling();
            let spaced = behind
                .and_then(|next| next.value().as_text())
                .is_some_and(|text| text.starts_with(char::is_whitespace));
            block && !spaced
        };
        let blocks: Vec<NodeId> =
            self.html.tree.root().descendants().filter(joined).map(|node| node.id()).collect();
        for id in blocks {
            if let Some(mut node) = self.html.tree.get_mut(id) {
                node.insert_after(text("\n"));
            }
        }
    }

    /// The main content as text; empty where none is found.
    fn main_content(&self) -> String {
        let options = Options::default()
            .with_focus(ExtractionFocus::FavorRecall)
            .with_html_date_mode(HtmlDateMode::Disabled);
        match trafilatura::extract(&self.html.html(), &options) {
            Ok(found) => {
                let line = self.write(Html::parse_fragment(&found.content_html).tree.root());
                if line.contains('\n') { line } else { self.with_structure(&line).unwrap_or(line) }
            }
            Err(_) => String::new(),
        }
    }

    /// A text of one line with the headings and paragraphs that it has in the page: of a short article trafilatura takes the words alone. None
    /// where no article has these and no others.
    fn with_structure(&self, line: &str) -> Option<String> {
        let letters = |text: &str| -> String {
            text.chars().filter(|letter| !letter.is_whitespace() && !is_mark(*letter)).collect()
        };
        let wanted = letters(line);
        let whole = |node: &NodeRef<'_, Node>| {
            let element = node.value().as_element();
            element.is_some_and(|element| matches!(element.name(), "article" | "main" | "body"))
                && letters(&content(*node)) == wanted
        };
        self.html.tree.root().descendants().find(whole).map(|node| self.write(node))
    }

    /// All visible text.
    fn all_text(&self) -> String {
        self.write(self.html.tree.root())
    }

    fn write(&self, root: NodeRef<'_, Node>) -> String {
        let mut writer = TextWriter::default();
        let mut edges = root.traverse();
        while let Some(edge) = edges.next() {
            let node = match edge {
                Edge::Open(node) => node,
                Edge::Close(node) => {
                    if let Node::Element(element) = node.value() {
                        writer.end(element.name());
                    }
                    continue;
                }
            };
            match node.value() {
                Node::Text(text) => write_text(&mut writer, text),
                Node::Element(element) => {
                    let tag = element.name();
                    let passed = matches!(element.name(), "script" | "style" | "title" | "textarea" | "head")
                        || matches!(tag, "pre" | "code") && self.write_code(&mut writer, node);
                    if passed {
                        // Behind all that it holds.
                        let id = node.id();
                        edges.by_ref().find(|edge| matches!(edge, Edge::Close(node) if node.id() == id));
                        continue;
                    }
                    let start = if tag == "ol" { first_number(element.attr("start")) } else { 0 };
                    writer.start(tag, start);
                }
                _ => {}
            }
        }
        writer.finish()
    }

    /// Writes what a mark in an element stands for; whether there was one.
    fn write_code(&self, writer: &mut TextWriter, node: NodeRef<'_, Node>) -> bool {
        let text = content(node);
        let number =
            text.trim_start().strip_prefix(CODE).and_then(|rest| rest.split_once(CODE)?.0.parse().ok());
        let Some((language, code)) = number.and_then(|number: usize| self.code.get(&number)) else {
            return false;
        };
        writer.start("pre", 0);
        writer.language(language);
        writer.write(code);
        writer.end("pre");
        true
    }
}

/// Writes a text without its marks.
fn write_text(writer: &mut TextWriter, text: &str) {
    for (number, part) in text.split(BREAK).enumerate() {
        if number > 0 {
            writer.start("br", 0);
        }
        if part.contains(is_mark) {
            writer.write(&part.replace(is_mark, ""));
        } else {
            writer.write(part);
        }
    }
}

/// The text in an element.
fn content(node: NodeRef<'_, Node>) -> String {
    let mut content = String::new();
    for node in node.descendants() {
        match node.value() {
            Node::Text(text) => content.push_str(text),
            Node::Element(element) if element.name() == "br" => content.push('\n'),
            _ => {}
        }
    }
    content
}

fn text(text: &str) -> Node {
    Node::Text(Text { text: StrTendril::from(text) })
}

/// Whether an element is not to be seen, or holds what is no part of the text: edit links, reference marks.
fn is_hidden(tag: &str, element: &Element) -> bool {
    if matches!(tag, "main" | "article" | "html" | "body") {
        return false;
    }
    element.attrs().any(|(name, value)| match name {
        "hidden" => !value.eq_ignore_ascii_case("until-found"),
        "aria-hidden" => value == "true",
        "style" => {
            // `display: none`, in any case and with any spaces.
            let style: String =
                value.chars().filter(|letter| !letter.is_ascii_whitespace()).take(STYLE).collect();
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        "class" => value
            .split_ascii_whitespace()
            .any(|class| class == "mw-editsection" || (tag == "sup" && class == "reference")),
        _ => false,
    })
}

/// Whether an element's class or identifier is that of a banner that asks for consent, or of an advertisement.
fn is_banner(tag: &str, element: &Element) -> bool {
    if !matches!(flow(tag), Flow::Block | Flow::Line) || matches!(tag, "main" | "article") {
        return false;
    }
    [element.attr("class"), element.attr("id")].into_iter().flatten().any(|names| {
        let names = names.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| names.contains(word));
        let banner = [
            "banner", "notice", "bar", "popup", "modal", "overlay", "message", "law", "alert", "dialog",
            "policy",
        ];
        let advertises = |name: &str| {
            matches!(name, "ad" | "ads") || name.starts_with("ad-") || name.starts_with("advert")
        };
        says(&["gdpr", "consent"])
            || (names.contains("cookie") && says(&banner))
            || names.split_ascii_whitespace().any(advertises)
    })
}
