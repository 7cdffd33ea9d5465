//! Finds the parts of a page to skip: hidden elements, consent banners, advertisements.

use super::tags::{Flow, flow, name};
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{Html, Node};
use std::collections::HashSet;

/// Maximum letters of a consent banner; longer elements are pages about cookies.
const BANNER: usize = 3000;

/// Maximum letters outside of links in an advertisement.
const ADVERTISEMENT: usize = 200;

/// Maximum characters read of a style.
const STYLE: usize = 1024;

/// Maximum nesting of hidden elements that scripts show.
const LAYERS: usize = 4;

/// The elements of a page to skip with their contents.
pub(super) struct Hidden(HashSet<NodeId>);

impl Hidden {
    /// Finds the elements to skip; banners only if `banners` is set.
    ///
    /// A hidden element with more text than all visible ones is shown by a script after loading, so it is not skipped.
    pub(super) fn of(html: &Html, banners: bool) -> Self {
        let mut shown = HashSet::new();
        for _ in 0..LAYERS {
            let (hidden, visible) = outermost(html, &shown);
            let larger = hidden.iter().filter(|(_, letters)| *letters > visible).map(|(id, _)| *id);
            let before = shown.len();
            shown.extend(larger);
            if shown.len() == before {
                break;
            }
        }
        let mut gone: HashSet<NodeId> = outermost(html, &shown).0.into_iter().map(|(id, _)| id).collect();
        if banners {
            gone.extend(intrusions(html, &gone));
        }
        Self(gone)
    }

    pub(super) fn contains(&self, id: NodeId) -> bool {
        self.0.contains(&id)
    }
}

/// The outermost hidden elements with their letters outside of links, and the number of visible letters.
fn outermost(html: &Html, shown: &HashSet<NodeId>) -> (Vec<(NodeId, usize)>, usize) {
    let mut hidden = Vec::new();
    let (mut letters, mut inside, mut links) = (0, None, 0_usize);
    let mut visible = 0;
    let mut edges = html.tree.root().traverse();
    while let Some(edge) = edges.next() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(text) if links == 0 => letters += count(text),
                Node::Element(element) => {
                    let tag = name(element);
                    if is_gone(node, element) {
                        skip(&mut edges, node);
                        continue;
                    }
                    links += usize::from(tag == "a");
                    if inside.is_none() && is_hidden(node, element) && !shown.contains(&node.id()) {
                        visible += std::mem::take(&mut letters);
                        inside = Some(node.id());
                    }
                }
                _ => {}
            },
            Edge::Close(node) => {
                if inside == Some(node.id()) {
                    hidden.push((node.id(), std::mem::take(&mut letters)));
                    inside = None;
                }
                let link = node.value().as_element().is_some_and(|element| element.name() == "a");
                links = links.saturating_sub(usize::from(link));
            }
        }
    }
    (hidden, visible + letters)
}

fn intrusions(html: &Html, gone: &HashSet<NodeId>) -> Vec<NodeId> {
    #[derive(Clone, Copy, Default)]
    struct Count {
        letters: usize,
        linked: usize,
        controls: usize,
    }
    let mut found = Vec::new();
    let mut open: Vec<(NodeId, Intrusion, Count)> = Vec::new();
    let mut so_far = Count::default();
    let (mut links, mut articles) = (0_usize, 0_usize);
    let mut edges = html.tree.root().traverse();
    while let Some(edge) = edges.next() {
        match edge {
            Edge::Open(node) => match node.value() {
                Node::Text(text) => {
                    so_far.letters += count(text);
                    so_far.linked += if links > 0 { count(text) } else { 0 };
                }
                Node::Element(element) => {
                    so_far.controls += usize::from(is_control(element));
                    if gone.contains(&node.id()) || is_gone(node, element) {
                        skip(&mut edges, node);
                        continue;
                    }
                    links += usize::from(element.name() == "a");
                    articles += usize::from(is_article(element));
                    if let Some(intrusion) = intrusion(element, articles > 0) {
                        open.push((node.id(), intrusion, so_far));
                    }
                }
                _ => {}
            },
            Edge::Close(node) => {
                let Node::Element(element) = node.value() else { continue };
                links = links.saturating_sub(usize::from(element.name() == "a"));
                articles = articles.saturating_sub(usize::from(is_article(element)));
                if let Some((id, intrusion, before)) = open.pop_if(|(id, ..)| *id == node.id()) {
                    let letters = so_far.letters - before.letters;
                    let is = match intrusion {
                        Intrusion::Banner => letters < BANNER,
                        Intrusion::Consent => letters < BANNER && so_far.controls > before.controls,
                        Intrusion::Advertisement => letters - (so_far.linked - before.linked) < ADVERTISEMENT,
                    };
                    if is {
                        found.push(id);
                    }
                }
            }
        }
    }
    found
}

/// Possible kinds of an element, judged by its class or id.
#[derive(Clone, Copy)]
enum Intrusion {
    /// Named as a cookie banner.
    Banner,
    /// Mentions consent: a banner if it has a control.
    Consent,
    Advertisement,
}

fn intrusion(element: &Element, within_article: bool) -> Option<Intrusion> {
    let container = matches!(
        element.name(),
        "div" | "section" | "aside" | "form" | "footer" | "header" | "nav" | "ul" | "center"
    );
    if !container {
        return None;
    }
    let names =
        [element.attr("class"), element.attr("id")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let names = names.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| names.contains(word));
    let banner = [
        "banner", "notice", "bar", "popup", "modal", "overlay", "message", "law", "alert", "dialog", "policy",
    ];
    let opens = matches!(element.attr("role"), Some("dialog" | "alertdialog"))
        || element.attr("aria-modal").is_some();
    let advertises =
        |name: &str| matches!(name, "ad" | "ads") || name.starts_with("ad-") || name.starts_with("advert");
    // Inside an article, these may be its topic.
    if opens || !within_article {
        if names.contains("cookie") && says(&banner) {
            return Some(Intrusion::Banner);
        } else if says(&["gdpr", "consent", "cookie"]) {
            return Some(Intrusion::Consent);
        }
    }
    names.split_ascii_whitespace().any(advertises).then_some(Intrusion::Advertisement)
}

fn is_article(element: &Element) -> bool {
    matches!(element.name(), "article" | "main")
}

fn is_control(element: &Element) -> bool {
    match element.name() {
        "button" | "input" => true,
        "a" => {
            element.attr("role") == Some("button")
                || element.attr("href").is_none_or(|href| href.starts_with(['#', 'j']))
                || element
                    .attr("class")
                    .is_some_and(|class| class.contains("btn") || class.contains("button"))
        }
        _ => false,
    }
}

/// Whether an element has no visible text of its own: scripts, pictures, controls. A button that is a heading has.
pub(super) fn is_gone(node: NodeRef<'_, Node>, element: &Element) -> bool {
    let parent = || node.parent().and_then(|parent| parent.value().as_element());
    match element.name() {
        "button" => !parent().is_some_and(|parent| {
            matches!(parent.name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "summary" | "dt")
        }),
        "dialog" => element.attr("open").is_none(),
        "template" => element.attr("shadowrootmode").is_none(),
        tag => flow(tag) == Flow::Gone,
    }
}

/// Whether an element is hidden, or is not part of the text: edit links, reference marks.
fn is_hidden(node: NodeRef<'_, Node>, element: &Element) -> bool {
    let tag = element.name();
    if matches!(tag, "main" | "article" | "html" | "body") || holds_formula(node) {
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

/// Whether an element contains a formula, which is hidden on pages that show it as a picture.
fn holds_formula(node: NodeRef<'_, Node>) -> bool {
    let mut elements = node.children().filter_map(|child| child.value().as_element());
    elements.next().is_some_and(|element| element.name() == "math")
}

pub(super) fn skip<'t>(edges: &mut impl Iterator<Item = Edge<'t, Node>>, node: NodeRef<'t, Node>) {
    edges.find(|edge| matches!(edge, Edge::Close(closed) if closed.id() == node.id()));
}

fn count(text: &str) -> usize {
    text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count()
}
