//! Fusions: passes over a forward graph that replace some nodes by one that does their work in less memory or time. Each can be
//! switched off, and the result is the same up to rounding.

use super::{Graph, GraphError, Node, NodeId, Op, Origin, ValueId};
use std::collections::{HashMap, HashSet};

/// Chunks at most: each is six dispatches, and a step is to have no more than 30 beside its layers'. Where a device cannot bind a
/// chunk that is so large, the batch must be smaller.
const MOST_CHUNKS: usize = 5;

/// Which fusions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusions {
    /// The head goes with the cross-entropy ([`Op::LinearCrossEntropy`]).
    pub head: Option<HeadFusion>,
}

/// Where the head goes with the cross-entropy: its product is computed once more in the backward pass, so that its logits need
/// not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadFusion {
    /// Logits of more bytes than this are not stored whole.
    pub bytes: u64,
    /// Columns that the logits have at least. A chunk's weight gradient has few tiles where there are fewer, and its rows are not
    /// cut into slices as a linear layer's would be.
    pub vocabulary: usize,
    /// Bytes below which a chunk is not made smaller.
    pub chunk: u64,
}

impl Fusions {
    /// None: every operation by itself.
    pub const NONE: Self = Self { head: None };
}

impl Default for Fusions {
    fn default() -> Self {
        // Half of what any WebGPU device binds at once.
        Self { head: Some(HeadFusion { bytes: 64 << 20, vocabulary: 2048, chunk: 32 << 20 }) }
    }
}

/// The graph with its fusions made, and where `wanted`, a value that no fusion removes, stands in it.
pub fn fuse(graph: &Graph, wanted: ValueId, fusions: Fusions) -> Result<(Graph, ValueId), GraphError> {
    let mut copy = Graph { parameters: graph.parameters.clone(), ..Graph::default() };
    let mut places: HashMap<ValueId, ValueId> = HashMap::new();
    let heads: Vec<Option<Head>> =
        graph.nodes.iter().map(|node| head_of(graph, node, fusions.head?)).collect();
    let gone: HashSet<NodeId> = heads.iter().flatten().map(|head| head.node).collect();
    for (at, node) in graph.nodes.iter().enumerate() {
        if gone.contains(&NodeId(at as u32)) {
            continue;
        }
        let (op, inputs) = match (heads[at], node.op) {
            (Some(Head { node: head, chunk }), Op::CrossEntropy { label_smoothing, ignore_index }) => {
                let head = &graph.nodes[head.index()];
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

/// A head that goes with its cross-entropy, so many rows at a time.
#[derive(Clone, Copy)]
struct Head {
    node: NodeId,
    chunk: usize,
}

/// The plain linear layer whose result goes into this cross-entropy and nowhere else, where that result is too large.
fn head_of(graph: &Graph, node: &Node, fusion: HeadFusion) -> Option<Head> {
    let Op::CrossEntropy { .. } = node.op else { return None };
    let logits = node.inputs[0];
    let Origin::Node(head) = graph.values[logits.index()].origin else { return None };
    let plain = graph.nodes[head.index()].op == Op::Linear { bias: false, residual: false };
    let readers = graph.nodes.iter().filter(|reader| reader.inputs.contains(&logits)).count();
    let ty = graph.ty(logits);
    let large = ty.bytes() > fusion.bytes && ty.columns() >= fusion.vocabulary;
    let chunk = chunk(ty.rows(), ty.columns(), fusion.chunk);
    (plain && readers == 1 && large).then_some(Head { node: head, chunk })
}

/// Rows at a time: a multiple of 64, or all.
fn chunk(rows: usize, vocabulary: usize, least: u64) -> usize {
    let fitting = (least / (vocabulary as u64 * 4)) as usize / 64 * 64;
    fitting.max(rows.div_ceil(MOST_CHUNKS).next_multiple_of(64)).min(rows)
}
