//! Parts of a page that a script puts in their places while it loads, as React's server sends them: behind the page, hidden, with the
//! calls `$RC("B:0","S:0")` (part S:0 takes the place of the fallback behind the template B:0) and `$RS("S:1","P:1")` (of the template P:1).

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::{Html, Node};
use std::collections::{HashMap, HashSet};

/// Parts of a page that are placed.
const PARTS: usize = 1000;

/// How deep elements may nest once parts are placed: twice what the parser allows.
const DEPTH: usize = 128;

/// Nodes of parts that are visited in all, some of them many times.
const VISITS: usize = 10_000_000;

/// Nodes behind a place that are looked at for the end of its fallback.
const FALLBACK: usize = 10_000;

/// Whether a comment bounds what is put in its place later: `$`, `$?`, `$!` and `/$`.
pub(super) fn is_boundary(comment: &str) -> bool {
    comment.len() <= 3 && (comment.starts_with('$') || comment == "/$")
}

/// Puts parts in their places; `page` is what the tree was made of.
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

/// Moves what a part holds to before a place; where it replaces what stands there, that goes.
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
            // The part itself may stand behind where no comment ends the fallback.
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

/// How many levels of nodes a part has below it; more than the bound where that is not looked at to the end.
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
