//! The head with its cross-entropy, some rows at a time: its product is computed once more in the backward pass, so that its logits
//! need not exist.

use super::{Fused, linear_before};
use crate::graph::ops;
use crate::graph::{Graph, Node, Op};

/// Chunks at most: each is six dispatches, and a step is to have no more than 30 beside its layers'. Where a device cannot bind a
/// chunk that is so large, the batch must be smaller.
const MOST_CHUNKS: usize = 5;

/// Where the head goes with the cross-entropy.
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

impl Default for HeadFusion {
    fn default() -> Self {
        // Half of what any WebGPU device binds at once.
        Self { bytes: 64 << 20, vocabulary: 2048, chunk: 32 << 20 }
    }
}

/// A cross-entropy with the plain linear layer before it, where the logits are too large.
pub(super) fn fused(graph: &Graph, node: &Node, fusion: HeadFusion) -> Option<Fused> {
    let Op::CrossEntropy(ops::CrossEntropy { label_smoothing, ignore_index }) = node.op else { return None };
    let (linear, bias) = linear_before(graph, node)?;
    let ty = graph.ty(node.inputs[0]);
    let large = ty.bytes() > fusion.bytes && ty.columns() >= fusion.vocabulary;
    let chunk = chunk(ty.rows(), ty.columns(), fusion.chunk);
    let head = &graph.nodes[linear.index()];
    (large && !bias).then(|| Fused {
        linear,
        op: Op::LinearCrossEntropy(ops::LinearCrossEntropy { label_smoothing, ignore_index, chunk }),
        inputs: vec![head.inputs[0], head.inputs[1], node.inputs[1]],
    })
}

/// Rows at a time: a multiple of 64, or all.
fn chunk(rows: usize, vocabulary: usize, least: u64) -> usize {
    let fitting = (least / (vocabulary as u64 * 4)) as usize / 64 * 64;
    fitting.max(rows.div_ceil(MOST_CHUNKS).next_multiple_of(64)).min(rows)
}
