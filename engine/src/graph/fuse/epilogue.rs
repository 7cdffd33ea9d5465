//! What follows a linear layer entry by entry goes into the epilogue of its product: what the product has in registers need not be
//! read again, and a kernel less is started. Kernels do it four columns at a time, so that columns must fall into fours.

use super::{Fused, linear_before};
use crate::graph::{Graph, Node, Nonlinearity, Op};

/// An activation or gate with the linear layer before it.
pub(super) fn activation(graph: &Graph, node: &Node) -> Option<Fused> {
    let kind = match node.op {
        Op::Activation(kind) => Nonlinearity::Activation(kind),
        Op::Gate(kind) => Nonlinearity::Gate(kind),
        _ => return None,
    };
    let (linear, bias) = linear_before(graph, node)?;
    let inputs = graph.nodes[linear.index()].inputs.clone();
    let fours = [graph.ty(inputs[0]).columns(), graph.ty(node.outputs[0]).columns()];
    let op = Op::LinearActivation { bias, kind };
    fours.iter().all(|columns| columns.is_multiple_of(4)).then_some(Fused { linear, op, inputs })
}

/// Rotary positions, counted from 0, with the projection before them. A pair's two columns are half a head apart.
pub(super) fn rope(graph: &Graph, node: &Node) -> Option<Fused> {
    let Op::Rope { heads, inverse: false, cursor: false } = node.op else { return None };
    let (linear, bias) = linear_before(graph, node)?;
    let mut inputs = graph.nodes[linear.index()].inputs.clone();
    let fours = [graph.ty(inputs[0]).columns(), heads.head_size / 2];
    inputs.push(node.inputs[1]);
    let even = heads.head_size.is_multiple_of(2) && fours.iter().all(|columns| columns.is_multiple_of(4));
    even.then_some(Fused { linear, op: Op::LinearRope { bias, heads }, inputs })
}
