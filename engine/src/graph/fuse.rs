//! Fusions: passes over a forward graph that replace some nodes by one that does their work in less memory or time. Each can be
//! switched off, and the result is the same up to rounding.

use super::{Graph, GraphError, Node, NodeId, Op, Origin, ValueId};
use std::collections::HashMap;

/// Logits of more bytes than this are not stored whole: half of what any WebGPU device binds at once.
const LARGEST_LOGITS: u64 = 64 << 20;

/// Bytes below which a chunk of logits is not made smaller.
const CHUNK_OF_LOGITS: u64 = 32 << 20;

/// Chunks at most: each is six dispatches, and a step is to have no more than 30 beside its layers'.
const MOST_CHUNKS: usize = 7;

/// Which fusions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusions {
    /// The head goes with the cross-entropy where its logits have more bytes than this ([`Op::LinearCrossEntropy`]).
    pub head: Option<u64>,
}

impl Fusions {
    /// None: every operation by itself.
    pub const NONE: Self = Self { head: None };
}

impl Default for Fusions {
    fn default() -> Self {
        Self { head: Some(LARGEST_LOGITS) }
    }
}

/// The graph with its fusions made, and where `wanted`, a value that no fusion removes, stands in it.
pub fn fuse(graph: &Graph, wanted: ValueId, fusions: Fusions) -> Result<(Graph, ValueId), GraphError> {
    let mut copy = Graph { parameters: graph.parameters.clone(), ..Graph::default() };
    let mut places: HashMap<ValueId, ValueId> = HashMap::new();
    let heads: Vec<Option<NodeId>> = graph.nodes.iter().map(|node| head_of(graph, node, fusions)).collect();
    for (at, node) in graph.nodes.iter().enumerate() {
        if heads.contains(&Some(NodeId(at as u32))) {
            continue;
        }
        let (op, inputs) = match (heads[at], node.op) {
            (Some(head), Op::CrossEntropy { label_smoothing, ignore_index }) => {
                let head = &graph.nodes[head.index()];
                let logits = graph.ty(head.outputs[0]);
                let chunk = chunk(logits.rows(), logits.columns());
                let op = Op::LinearCrossEntropy { label_smoothing, ignore_index, chunk };
                (op, vec![head.inputs[0], head.inputs[1], node.inputs[1]])
            }
            _ => (node.op, node.inputs.clone()),
        };
        let inputs: Vec<ValueId> = inputs
            .into_iter()
            .map(|input| {
                *places.entry(input).or_insert_with(|| {
                    let value = &graph.values[input.index()];
                    copy.value(value.ty.clone(), value.origin)
                })
            })
            .collect();
        copy.scope = Some(node.scope.clone());
        let outputs = copy.push(op, &inputs)?;
        places.extend(node.outputs.iter().copied().zip(outputs));
    }
    let wanted = places.get(&wanted).copied().ok_or_else(|| GraphError {
        scope: "graph".to_owned(),
        op: "fusion",
        reason: format!("value {} is gone", wanted.0),
    })?;
    Ok((copy, wanted))
}

/// The plain linear layer whose result goes into this cross-entropy and nowhere else, where that result is too large.
fn head_of(graph: &Graph, node: &Node, fusions: Fusions) -> Option<NodeId> {
    let Op::CrossEntropy { .. } = node.op else { return None };
    let logits = node.inputs[0];
    let Origin::Node(head) = graph.values[logits.index()].origin else { return None };
    let plain = graph.nodes[head.index()].op == Op::Linear { bias: false, residual: false };
    let readers = graph.nodes.iter().filter(|reader| reader.inputs.contains(&logits)).count();
    let large = fusions.head.is_some_and(|most| graph.ty(logits).bytes() > most);
    (plain && readers == 1 && large).then_some(head)
}

/// Rows at a time.
fn chunk(rows: usize, vocabulary: usize) -> usize {
    let fitting = (CHUNK_OF_LOGITS / (vocabulary as u64 * 4)) as usize / 64 * 64;
    fitting.max(rows.div_ceil(MOST_CHUNKS).next_multiple_of(64)).min(rows)
}
