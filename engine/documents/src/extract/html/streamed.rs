//! Parts of a page that a script moves into place while it loads, as sent by React's server: after the page, hidden, with the
//! calls `$RC("B:0","S:0")` (part S:0 replaces the fallback after the template B:0) and `$RS("S:1","P:1")` (part S:1 replaces
//! the template P:1).

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::{Html, Node};
use std::collections::{HashMap, HashSet};

const PARTS: usize = 1000;

/// Maximum nesting after parts were moved: twice the parser's limit.
const DEPTH: usize = 128;

/// Maximum number of node visits in parts, including repeated ones.
const VISITS: usize = 10_000_000;

/// Maximum number of nodes searched for the end of a fallback.
const FALLBACK: usize = 10_000;

/// Whether a comment delimits content to be replaced: `$`, `$?`, `$!` and `/$`.
pub(super) fn is_boundary(comment: &str) -> bool {
    comment.len() <= 3 && (comment.starts_with('$') || comment == "/$")
}

/// Moves parts into place; `page` is the source of the tree.
pub(super) fn place(page: &str, html: &mut Html) {
    if !page.contains("$R") {
        return;
    }
    let mut calls: Vec<(String, String, bool)> = Vec::new();
    let mut ids: HashMap<String, NodeId> = HashMap::new();
    for node in html.tree.root().descendants() {
        match node.value() {
            Node::Element(element) => {
                if let Some(id) = element.attr("id") {
                    ids.entry(id.to_owned()).or_insert(node.id());
                }
            }
            Node::Text(text)
                if text.contains("$R")
                    && node.parent().is_some_and(|parent| {
                        parent.value().as_element().is_some_and(|element| element.name() == "script")
                    }) =>
            {
                let found = text.split("$R").skip(1).filter_map(|call| {
                    let (kind, arguments) = call.split_at_checked(1)?;
                    let mut quoted = arguments.strip_prefix('(')?.split('"').map(str::to_owned);
                    let (first, second) = (quoted.nth(1)?, quoted.nth(1)?);
                    match kind {
                        "C" | "R" => Some((first, second, true)),
                        "S" => Some((second, first, false)),
                        _ => None,
                    }
                });
                calls.extend(found.take(PARTS - calls.len().min(PARTS)));
            }
            _ => {}
        }
    }
    let mut visits = VISITS;
    for (place, part, replaces) in calls {
        // Each is used once.
        if let (Some(place), Some(part)) = (ids.remove(&place), ids.remove(&part)) {
            move_to(html, place, part, replaces, &mut visits);
        }
    }
}

/// Moves the contents of a part before a place, and removes the fallback there if it is replaced.
fn move_to(html: &mut Html, place: NodeId, part: NodeId, replaces: bool, visits: &mut usize) {
    let (Some(at), Some(from)) = (html.tree.get(place), html.tree.get(part)) else { return };
    let above: HashSet<NodeId> = from.ancestors().map(|node| node.id()).collect();
    if at.ancestors().any(|node| node.id() == part) || above.contains(&place) {
        return;
    }
    if at.ancestors().take(DEPTH).count() + height(from, visits) > DEPTH {
        return;
    }
    let mut fallback = Vec::new();
    if replaces {
        let mut depth = 0;
        for node in at.next_siblings().take(FALLBACK) {
            match node.value() {
                Node::Comment(comment) if &**comment == "/$" && depth == 0 => break,
                Node::Comment(comment) if &**comment == "/$" => depth -= 1,
                Node::Comment(_) => depth += 1,
                _ => {}
            }
            // Without a closing comment, the part itself may follow.
            if node.id() == part || above.contains(&node.id()) {
                fallback.clear();
                break;
            }
            fallback.push(node.id());
        }
        if !at.next_siblings().take(FALLBACK).any(|node| matches!(node.value(), Node::Comment(_))) {
            fallback.clear();
        }
    }
    let children: Vec<NodeId> = from.children().map(|node| node.id()).collect();
    for child in children {
        if let Some(mut place) = html.tree.get_mut(place) {
            place.insert_id_before(child);
        }
    }
    for gone in fallback.into_iter().chain([place, part]) {
        if let Some(mut node) = html.tree.get_mut(gone) {
            node.detach();
        }
    }
}

/// Height of a part's tree; more than the limit if visits run out.
fn height(part: NodeRef<'_, Node>, visits: &mut usize) -> usize {
    let (mut depth, mut height) = (0_usize, 0);
    for edge in part.traverse() {
        match edge {
            Edge::Open(_) => depth += 1,
            Edge::Close(_) => depth = depth.saturating_sub(1),
        }
        height = height.max(depth);
        *visits = visits.saturating_sub(1);
        if height > DEPTH || *visits == 0 {
            return DEPTH + 1;
        }
    }
    height
}
