//! Extraction of a subgraph: the nodes needed for some values, given others.

use super::{Graph, Input, Node, NodeId, Origin, ValueId};

/// Returns the subgraph that computes `keep` from `given`. `given[i]` becomes [`Input::Free`]`(i)`. Values keep their ids;
/// those that no node computes any more are [`Origin::Removed`].
pub fn cut(graph: &Graph, given: &[ValueId], keep: &[ValueId]) -> Graph {
    let mut part = graph.clone();
    for (number, value) in given.iter().enumerate() {
        part.values[value.index()].origin = Origin::Input(Input::Free(number as u32));
    }
    let mut needed = vec![false; part.values.len()];
    for value in keep {
        needed[value.index()] = true;
    }
    // A gradient is accumulated by several nodes: if it is needed, all of them are.
    let mut wanted: Vec<bool> = vec![false; part.nodes.len()];
    for (at, node) in part.nodes.iter().enumerate().rev() {
        let makes = |value: &ValueId| needed[value.index()] && is_made(&part, *value, at);
        wanted[at] = node.outputs.iter().any(makes);
        if wanted[at] {
            for input in &node.inputs {
                needed[input.index()] = true;
            }
        }
    }
    let mut number = 0;
    let new: Vec<Option<NodeId>> = wanted
        .iter()
        .map(|wanted| {
            wanted.then(|| {
                number += 1;
                NodeId(number - 1)
            })
        })
        .collect();
    for value in &mut part.values {
        if let Origin::Node(node) = value.origin {
            value.origin = new[node.index()].map_or(Origin::Removed, Origin::Node);
        }
    }
    let kept = part.nodes.drain(..).zip(wanted).filter(|(_, wanted)| *wanted);
    part.nodes = kept.map(|(node, _)| node).collect::<Vec<Node>>();
    part
}

/// Whether a node writes a value or adds to it; false for given values.
fn is_made(graph: &Graph, value: ValueId, node: usize) -> bool {
    match graph.values[value.index()].origin {
        Origin::Node(made_by) => made_by.index() == node,
        Origin::Gradient(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::{Add, AddInputs, Scale, X};
    use super::super::{Graph, Input, Origin, Type};
    use super::cut;

    #[test]
    fn a_part_has_what_its_values_need_and_no_more() {
        let mut graph = Graph::default();
        let x = graph.input(Input::Free(7), Type::f32(&[4]));
        let doubled = graph.add(Scale(2.0), X { x }).unwrap().y;
        let sum = graph.add(Add, AddInputs { a: doubled, b: x }).unwrap().y;
        let beside = graph.add(Scale(3.0), X { x: doubled }).unwrap().y;
        let end = graph.add(Scale(5.0), X { x: sum }).unwrap().y;

        let part = cut(&graph, &[], &[sum]);
        assert_eq!((part.nodes.len(), &part.values[beside.index()].origin), (2, &Origin::Removed));
        let part = cut(&graph, &[sum], &[end]);
        assert_eq!(part.nodes.len(), 1);
        assert_eq!(part.values[sum.index()].origin, Origin::Input(Input::Free(0)));
        // The remaining node has a new index.
        let Origin::Node(node) = part.values[end.index()].origin else { panic!("a node makes it") };
        assert_eq!(part.nodes[node.index()].outputs, [end]);
    }
}
