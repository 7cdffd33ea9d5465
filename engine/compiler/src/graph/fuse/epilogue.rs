//! What follows a linear layer entry by entry goes into the epilogue of its product: what the product has in registers need not be
//! read again, and a kernel less is started. Kernels do it four columns at a time, so that columns must fall into fours. A weight
//! that not every device binds whole is multiplied in parts, which might tear the pairs of a gate or a rotation apart, and stays alone.

use super::{Fused, linear_before};
use crate::graph::ops;
use crate::graph::{Graph, Node, Nonlinearity, Op};

/// Bytes that any WebGPU device binds at once.
const BINDING: u64 = 128 << 20;

/// An activation or gate with the linear layer before it.
pub(super) fn activation(graph: &Graph, node: &Node) -> Option<Fused> {
    let kind = match node.op {
        Op::Activation(ops::Activation(kind)) => Nonlinearity::Activation(kind),
        Op::Gate(ops::Gate(kind)) => Nonlinearity::Gate(kind),
        _ => return None,
    };
    let (linear, bias) = linear_before(graph, node)?;
    let inputs = graph.nodes[linear.index()].inputs.clone();
    let fours = [graph.ty(inputs[0]).columns(), graph.ty(node.outputs[0]).columns()];
    let op = Op::LinearActivation(ops::LinearActivation { bias, kind });
    let fits =
        graph.ty(inputs[1]).bytes() <= BINDING && fours.iter().all(|columns| columns.is_multiple_of(4));
    fits.then_some(Fused { linear, op, inputs })
}

/// Rotary positions, counted from 0, with the projection before them. A pair's two columns are half a head apart.
pub(super) fn rope(graph: &Graph, node: &Node) -> Option<Fused> {
    let Op::Rope(ops::Rope { heads, inverse: false, cursor: false }) = node.op else { return None };
    let (linear, bias) = linear_before(graph, node)?;
    let mut inputs = graph.nodes[linear.index()].inputs.clone();
    let fours = [graph.ty(inputs[0]).columns(), heads.head_size / 2];
    inputs.push(node.inputs[1]);
    let even = heads.head_size.is_multiple_of(2) && fours.iter().all(|columns| columns.is_multiple_of(4));
    let fits = even && graph.ty(inputs[1]).bytes() <= BINDING;
    fits.then_some(Fused { linear, op: Op::LinearRope(ops::LinearRope { bias, heads }), inputs })
}
