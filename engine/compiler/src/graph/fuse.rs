//! Fusions: passes over a forward graph that replace some nodes by one that does their work in less memory or time. Each can be
//! switched off, and the result is the same up to rounding.

mod epilogue;
mod head;

pub use head::HeadFusion;

use super::{Graph, GraphError, Node, NodeId, Op, Origin, ValueId};
use crate::graph::ops;
use std::collections::HashMap;

/// Which fusions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusions {
    /// The head goes with the cross-entropy ([`Op::LinearCrossEntropy`]).
    pub head: Option<HeadFusion>,
    /// An MLP's activation or gate goes with the linear layer before it ([`Op::LinearActivation`]), and its gradient with that of the
    /// layer behind it ([`Op::LinearInputActivationBackward`]).
    pub activation: bool,
    /// Rotary positions go with the projection of queries and keys ([`Op::LinearRope`]).
    pub rope: bool,
    /// Sums with the residual stream go with the linear layer or dropout before them.
    pub residual: bool,
}

impl Fusions {
    /// None: every operation by itself.
    pub const NONE: Self = Self { head: None, activation: false, rope: false, residual: false };
    /// Those in the epilogues of matrix products, whatever the sizes.
    pub const EPILOGUES: Self = Self { head: None, activation: true, rope: true, residual: true };
}

impl Default for Fusions {
    fn default() -> Self {
        Self { head: Some(HeadFusion::default()), ..Self::EPILOGUES }
    }
}

/// The graph with its fusions made, and where `wanted`, a value that no fusion removes, stands in it.
pub fn fuse(graph: &Graph, wanted: ValueId, fusions: Fusions) -> Result<(Graph, ValueId), GraphError> {
    let fused: Vec<Option<Fused>> = graph.nodes.iter().map(|node| of(graph, node, fusions)).collect();
    let mut copy = Copy {
        graph,
        copy: Graph { parameters: graph.parameters.clone(), ..Graph::default() },
        places: HashMap::new(),
    };
    for (at, node) in graph.nodes.iter().enumerate() {
        if fused.iter().flatten().any(|fused| fused.linear == NodeId(at as u32)) {
            continue;
        }
        copy.copy.scope = Some(node.scope.clone());
        match &fused[at] {
            Some(Fused { linear, op, inputs }) => {
                let outputs = copy.push(*op, inputs)?;
                copy.places.extend(node.outputs.iter().copied().zip(outputs.iter().copied()));
                if let Op::LinearActivation(_) = op {
                    copy.places.insert(graph.nodes[linear.index()].outputs[0], outputs[1]);
                }
            }
            None => copy.node(node, fusions.residual)?,
        }
    }
    let wanted = copy.places.get(&wanted).copied().ok_or_else(|| GraphError {
        scope: "graph".to_owned(),
        op: "fusion",
        reason: format!("value {} is gone", wanted.0),
    })?;
    Ok((copy.copy, wanted))
}

/// What takes the place of a node and of the linear layer before it.
struct Fused {
    linear: NodeId,
    op: Op,
    /// Values of the graph before.
    inputs: Vec<ValueId>,
}

fn of(graph: &Graph, node: &Node, fusions: Fusions) -> Option<Fused> {
    match node.op {
        Op::CrossEntropy(_) => head::fused(graph, node, fusions.head?),
        Op::Activation(_) | Op::Gate(_) if fusions.activation => epilogue::activation(graph, node),
        Op::Rope(_) if fusions.rope => epilogue::rope(graph, node),
        _ => None,
    }
}

/// The linear layer without residual whose result is this node's first input and goes nowhere else; whether it has a bias.
fn linear_before(graph: &Graph, node: &Node) -> Option<(NodeId, bool)> {
    let value = node.inputs[0];
    let Origin::Node(linear) = graph.values[value.index()].origin else { return None };
    let Op::Linear(ops::Linear { bias, residual: false }) = graph.nodes[linear.index()].op else {
        return None;
    };
    let readers = graph.nodes.iter().filter(|reader| reader.inputs.contains(&value)).count();
    (readers == 1).then_some((linear, bias))
}

/// A graph on its way into another.
struct Copy<'graph> {
    graph: &'graph Graph,
    copy: Graph,
    /// Where the values of the first stand in the second.
    places: HashMap<ValueId, ValueId>,
}

impl Copy<'_> {
    /// Appends an operation on values of the first graph.
    fn push(&mut self, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, GraphError> {
        let inputs: Vec<ValueId> = inputs.iter().map(|input| self.place(*input)).collect();
        self.copy.push(op, &inputs)
    }

    /// Where a value of the first graph stands in the second.
    fn place(&mut self, value: ValueId) -> ValueId {
        *self.places.entry(value).or_insert_with(|| {
            let value = &self.graph.values[value.index()];
            self.copy.value(value.ty.clone(), value.origin)
        })
    }

    /// Appends a node as it is, or its sum with the residual stream as a node of its own.
    fn node(&mut self, node: &Node, residual: bool) -> Result<(), GraphError> {
        let alone = match node.op {
            Op::Linear(ops::Linear { bias, residual: true }) => {
                Some(Op::Linear(ops::Linear { bias, residual: false }))
            }
            Op::Dropout(ops::Dropout { site, residual: true }) => {
                Some(Op::Dropout(ops::Dropout { site, residual: false }))
            }
            _ => None,
        };
        let outputs = match (alone.filter(|_| !residual), node.inputs.split_last()) {
            (Some(op), Some((stream, inputs))) => {
                let operands = [self.push(op, inputs)?[0], self.place(*stream)];
                self.copy.push(ops::Add, &operands)?
            }
            _ => self.push(node.op, &node.inputs)?,
        };
        self.places.extend(node.outputs.iter().copied().zip(outputs));
        Ok(())
    }
}
