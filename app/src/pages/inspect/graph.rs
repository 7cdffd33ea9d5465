//! The graph: operations by scope, each with its formula, inputs and outputs, kernel, and duration.

mod node;

use super::{Chosen, Shown, anchored, remembered};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{Detail, GraphNode, GraphValue};
use std::collections::{BTreeMap, BTreeSet};

const MAX_LISTED: usize = 200;

#[derive(Clone, Copy)]
struct Graph<'a> {
    nodes: &'a [GraphNode],
    values: &'a [GraphValue],
    /// Kernel names and sources.
    kernels: &'a [(String, String)],
}

#[derive(Clone, Debug, Default)]
struct Look {
    search: String,
    open: BTreeSet<String>,
    node: Option<usize>,
    kernel: Option<String>,
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, _chosen: &mut Chosen) {
    let mut details = shown.data.details.iter();
    let found = details
        .find_map(picked!(Detail::Graph { nodes, values, kernels } => Graph { nodes, values, kernels }));
    let Some(graph) = found else { return caption(ui, "There is no graph to show.") };
    remembered(ui, "graph", |ui, look: &mut Look| {
        let (hint, width) = ("Operation, scope, kernel or value", ui.available_width().min(320.0));
        line_edit(ui, "Search the graph", hint, width, &mut look.search);
        let search = look.search.trim().to_lowercase();
        let fits = |number: &usize| {
            search.is_empty() || graph.nodes.get(*number).is_some_and(|node| graph.mentions(node, &search))
        };
        let found: Vec<usize> = (0..graph.nodes.len()).filter(fits).collect();
        caption(ui, graph.summary(&found));
        let listed = if search.is_empty() { found.len() } else { found.len().min(MAX_LISTED) };
        for (scope, nodes) in graph.by_scope(found.get(..listed).unwrap_or_default()) {
            // Search results are expanded.
            let mut open = !search.is_empty() || look.open.contains(scope);
            let title = if scope.is_empty() { "whole model" } else { scope };
            anchored(ui, &format!("scope {scope}"), |ui| {
                let toggled = fold_head(ui, &mut open, title, &graph.summary(&nodes));
                if toggled && !look.open.remove(scope) && open {
                    look.open.insert(scope.to_owned());
                }
                if open {
                    graph.nodes_ui(ui, shown.palette, &nodes, look);
                }
            });
        }
        if listed < found.len() {
            let more = format::whole((found.len() - listed) as u64);
            caption(ui, format!("… and {more} more: search for fewer."));
        }
    });
}

impl<'a> Graph<'a> {
    /// Node indices by scope, in the order in which scopes first run.
    fn by_scope(&self, nodes: &[usize]) -> Vec<(&'a str, Vec<usize>)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut scopes: Vec<(&'a str, Vec<usize>)> = Vec::new();
        for number in nodes {
            let Some(node) = self.nodes.get(*number) else { continue };
            let place = *places.entry(&node.scope).or_insert(scopes.len());
            match scopes.get_mut(place) {
                Some((_, own)) => own.push(*number),
                None => scopes.push((&node.scope, vec![*number])),
            }
        }
        scopes
    }

    /// Whether lower-case `words` occur in the node's description.
    fn mentions(&self, node: &GraphNode, words: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(words);
        let values = || node.inputs.iter().chain(&node.outputs).filter_map(|value| self.values.get(*value));
        has(&node.operation)
            || has(&node.scope)
            || node.kernels.iter().any(|(name, _)| has(name))
            || values().any(|value| has(&value.name) || has(&value.ty))
    }

    /// Number and total duration of operations.
    fn summary(&self, nodes: &[usize]) -> String {
        let own = || nodes.iter().filter_map(|number| self.nodes.get(*number));
        let count = format::counted(nodes.len() as u64, "operation");
        let measured: Vec<f64> = own().filter_map(|node| node.ms).collect();
        let launches: usize = own().flat_map(|node| &node.kernels).map(|(_, launches)| launches).sum();
        let mut words = vec![count];
        if launches > 0 {
            let noun = if launches == 1 { "launch" } else { "launches" };
            words.push(format!("{} {noun}", format::whole(launches as u64)));
        }
        if !measured.is_empty() {
            words.push(format::milliseconds(measured.iter().sum()));
        }
        words.join(" · ")
    }

    /// The operations of a scope, with details below the clicked one.
    fn nodes_ui(&self, ui: &mut Ui, palette: &Palette, nodes: &[usize], look: &mut Look) {
        let [operation, ms] = [112.0, 52.0];
        let columns = |ty: f32| {
            [
                Column { title: "Operation", width: operation, align: Align::Left },
                Column { title: "Result", width: ty, align: Align::Left },
                Column { title: "Time", width: ms, align: Align::Right },
            ]
        };
        let others = Table { columns: &columns(0.0), row: 0.0 }.width();
        let columns = columns((ui.available_width() - others).max(60.0));
        let table = Table { columns: &columns, row: 26.0 };
        table.titles_ui(ui);
        let between = std::mem::replace(&mut ui.spacing_mut().item_spacing.y, 0.0);
        for number in nodes {
            let Some(node) = self.nodes.get(*number) else { continue };
            anchored(ui, &format!("node {number}"), |ui| {
                let chosen = look.node == Some(*number);
                if self.row_ui(ui, &table, *number, node, chosen) {
                    look.node = if chosen { None } else { Some(*number) };
                    look.kernel = None;
                }
                if look.node == Some(*number) {
                    ui.spacing_mut().item_spacing.y = between;
                    self.node_ui(ui, palette, node, &mut look.kernel);
                    ui.add_space(space::SMALL);
                }
            });
        }
        ui.spacing_mut().item_spacing.y = between;
    }

    /// An operation in the table. Returns whether it was clicked.
    fn row_ui(&self, ui: &mut Ui, table: &Table<'_>, number: usize, node: &GraphNode, chosen: bool) -> bool {
        let quiet = Palette::of(ui).quiet;
        let ty = node.outputs.first().and_then(|value| self.values.get(*value));
        let ty = ty.map_or("", |value| value.ty.as_str());
        let took = node.ms.map_or_else(|| format::NOTHING.to_owned(), format::milliseconds);
        let name = format!("{} {number} to {ty}", node.operation);
        let row = table.row_ui(ui, &name, chosen, |ui, column| match column {
            0 => {
                let name = format!("{} {number}", node.operation);
                ui.add(Label::new(RichText::new(name).monospace()).truncate());
            }
            1 => {
                ui.add(Label::new(RichText::new(ty).monospace().color(quiet)).truncate());
            }
            _ => {
                ui.label(&took);
            }
        });
        row.clicked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(scope: &str, operation: &str, inputs: &[usize], output: usize, ms: Option<f64>) -> GraphNode {
        GraphNode {
            scope: scope.to_owned(),
            operation: operation.to_owned(),
            formula: "y = x".to_owned(),
            inputs: inputs.to_vec(),
            outputs: vec![output],
            kernels: vec![("example".to_owned(), 2)],
            ms,
        }
    }

    #[test]
    fn operations_stand_in_their_scopes_and_are_found_by_what_is_known_of_them() {
        let value = |name: &str| GraphValue {
            ty: "f32[1, 4]".to_owned(),
            name: name.to_owned(),
            statistics: None,
            gradient: None,
        };
        let values = [value("tokens"), value(""), value("blocks.0.mlp.up.weight")];
        let nodes = [
            node("embedding", "embedding", &[0], 1, Some(0.5)),
            node("blocks.0.mlp", "linear", &[1, 2], 1, Some(0.25)),
            node("embedding", "add", &[1, 9], 1, None),
        ];
        let graph = Graph { nodes: &nodes, values: &values, kernels: &[] };
        let scopes = graph.by_scope(&[0, 1, 2, 7]);
        assert_eq!(scopes, [("embedding", vec![0, 2]), ("blocks.0.mlp", vec![1])]);
        assert_eq!(graph.summary(&[0, 1, 2]), "3 operations · 6 launches · 0.75 ms");
        let found = |words: &str| -> Vec<usize> {
            (0..3).filter(|number| graph.mentions(&nodes[*number], words)).collect()
        };
        assert_eq!(found("linear"), [1]);
        assert_eq!(found("up.weight"), [1]);
        assert_eq!(found("tokens"), [0]);
        assert_eq!(found("exam"), [0, 1, 2]);
        assert_eq!(found("nothing"), [0; 0]);
        assert_eq!(graph.name_of(0, "tokens"), "tokens");
        assert_eq!(graph.name_of(1, ""), "result of embedding 0", "as it stands in the list");
        assert_eq!(graph.name_of(7, ""), "value 7", "nothing makes it");
    }
}
