//! Minimum work of a node or a dispatch: FLOPs, and bytes moved through memory once. With a device's peak rates they give a
//! lower bound of the time.
//!
//! FLOPs are those that each op declares: matrix products and attention. Bytes are the bound operands, once each, and twice for
//! accumulated ones (gradients, weights, moments). Of a table from which rows are gathered, only the gathered rows count.

use super::estimate::cost;
use super::{Binding, Buffer, Dispatch, Plan};
use crate::graph::ops::Cost;
use crate::graph::{Element, Graph, Node, Origin};
use glasshouse_shaders::Access;

/// Bytes counted for each small control struct.
const SMALL: u64 = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// FLOPs; a multiply-add counts as two.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

/// Work of a node, as one pass over its operands.
pub fn of_node(graph: &Graph, node: &Node) -> Work {
    let Cost { forward, backward, most_bytes } = cost(graph, node);
    let bytes = |value: &crate::graph::ValueId| graph.ty(*value).bytes().min(most_bytes) as f64;
    let read = node.inputs.iter().map(bytes).sum::<f64>();
    let written = node.outputs.iter().map(|value| {
        let added = matches!(graph.values[value.index()].origin, Origin::Gradient(_));
        bytes(value) * if added { 2.0 } else { 1.0 }
    });
    Work { flops: forward + backward, bytes: read + written.sum::<f64>() }
}

/// Work of dispatch `at` of a plan. If a node has several dispatches, its FLOPs are assigned to the kernels that multiply.
pub fn of_dispatch(plan: &Plan, at: usize) -> Work {
    let dispatch = &plan.dispatches[at];
    let flops = dispatch.node.map_or(0.0, |node| {
        let Cost { forward, backward, .. } = cost(&plan.graph, &plan.graph.nodes[node.index()]);
        let together = plan.dispatches.iter().filter(|other| other.node == Some(node)).map(products);
        (forward + backward) * products(dispatch) / together.sum::<f64>().max(1.0)
    });
    Work { flops, bytes: bytes(plan, dispatch) }
}

/// Bytes of a dispatch over the buffers of a plan: one of the plan's or one of the update's.
pub fn bytes(plan: &Plan, dispatch: &Dispatch) -> f64 {
    let graph = &plan.graph;
    let most = dispatch.node.map_or(u64::MAX, |node| cost(graph, &graph.nodes[node.index()]).most_bytes);
    let declared = dispatch.kernel.bindings.iter().skip(1);
    let operands = dispatch.bindings.iter().zip(declared).map(|(binding, declared)| {
        let bytes = bound(plan, binding).min(most) as f64;
        let added = matches!(
            binding.buffer,
            Buffer::Parameters(_) | Buffer::Gradients(_) | Buffer::FirstMoments(_) | Buffer::SecondMoments(_)
        );
        if added && declared.access == Access::ReadWrite { 2.0 * bytes } else { bytes }
    });
    operands.sum()
}

/// A dispatch's weight among its node's products: of a matrix product, its multiply-adds. Adding slices and the loss itself are not products.
fn products(dispatch: &Dispatch) -> f64 {
    match dispatch.kernel.name {
        name if name.starts_with("sum_") || name.starts_with("cross_entropy") => 0.0,
        name if name.starts_with("linear") => {
            // Rows, columns and inner steps, or results and inner steps in fours.
            let size = |at: usize| {
                f64::from(bytemuck::pod_read_unaligned::<u32>(&dispatch.arguments[4 * at..4 * at + 4]))
            };
            match name.split_once(':') {
                Some(("linear_few", variant)) => {
                    size(0) * size(2) * if variant.contains("scalar") { 1.0 } else { 4.0 }
                }
                _ => size(0) * size(1) * size(2),
            }
        }
        _ => {
            let slots = dispatch.bindings.iter().filter(|binding| matches!(binding.buffer, Buffer::Slot(_)));
            slots.filter_map(|binding| binding.bytes).min().unwrap_or(1) as f64
        }
    }
}

/// Bytes of a binding: those of one micro-batch if a buffer holds several.
fn bound(plan: &Plan, binding: &Binding) -> u64 {
    let graph = &plan.graph;
    let of_origin = |origin| graph.find(origin).map_or(0, |value| graph.ty(value).bytes());
    binding.bytes.unwrap_or_else(|| match binding.buffer {
        Buffer::Slot(slot) => plan.placement.slots.get(slot).copied().unwrap_or(0),
        Buffer::Input(input) => of_origin(Origin::Input(input)),
        Buffer::Cache(number) => of_origin(Origin::Cache(number)),
        Buffer::Constant(value) => graph.ty(value).bytes(),
        // Bound by ranges of known length.
        Buffer::Parameters(_)
        | Buffer::HalfParameters(_)
        | Buffer::Stored(_)
        | Buffer::Gradients(_)
        | Buffer::FirstMoments(_)
        | Buffer::SecondMoments(_) => 0,
        Buffer::Partials => super::update::partial_bytes(&plan.arena),
        Buffer::Schedule | Buffer::Control | Buffer::Reports | Buffer::Decode(_) => SMALL,
    })
}

/// A node's operand shapes as text: `768x128 384x128 -> 768x384`, without integers.
pub fn shapes(graph: &Graph, node: &Node) -> String {
    let words = |values: &[crate::graph::ValueId]| {
        let floats = values.iter().map(|value| graph.ty(*value)).filter(|ty| ty.element != Element::U32);
        let shape =
            |ty: &crate::graph::Type| ty.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        floats.map(shape).collect::<Vec<_>>().join(" ")
    };
    format!("{} -> {}", words(&node.inputs), words(&node.outputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ops;
    use crate::model::training_graphs;
    use crate::plan::compile;
    use crate::plan::lower::Target;
    use glasshouse_protocol::presets;

    /// Every FLOP of a step is assigned to a dispatch.
    #[test]
    fn the_dispatches_share_the_work_of_the_graph() {
        // The head of the last is fused with the loss.
        for name in ["nanogpt-cpu", "stories-260k", "gpt2-124m"] {
            let mut config = presets::preset(name).unwrap();
            config.train.batch_size = 2;
            let graphs = training_graphs(&config.model, &config.train).unwrap();
            let plan = compile(graphs.train, &[graphs.train_loss], &Target::new(false)).unwrap();
            let add = |one: Work, other: Work| Work {
                flops: one.flops + other.flops,
                bytes: one.bytes + other.bytes,
            };
            let nodes = plan.graph.nodes.iter().map(|node| of_node(&plan.graph, node));
            let nodes = nodes.fold(Work::default(), add);
            let dispatches = (0..plan.dispatches.len()).map(|at| of_dispatch(&plan, at));
            let dispatches = dispatches.fold(Work::default(), add);
            let near = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-9;
            assert!(near(dispatches.flops, super::super::estimate::work(&plan.graph)), "{name}");
            assert!(near(nodes.flops, dispatches.flops), "{name}");
            // A node with several dispatches reads its operands several times, and every one at least once.
            assert!(dispatches.bytes > 0.9 * nodes.bytes, "{name}");
        }
    }

    /// y = x·wᵀ over 24 rows of 8 into 16 columns: 24·8 + 16·8 floats in, 24·16 out, two FLOPs per product.
    #[test]
    fn a_product_counts_its_operands_once() {
        let mut graph = Graph::default();
        let mut parameter = |shape: &[usize]| {
            graph.parameter(crate::graph::Parameter::zeros("w", crate::graph::Type::f32(shape)))
        };
        let (x, w) = (parameter(&[24, 8]), parameter(&[16, 8]));
        let y = graph.push(ops::Linear { bias: false, residual: false }, &[x, w]).unwrap();
        let plan = compile(graph, &y, &Target::new(false)).unwrap();
        let expected =
            Work { flops: 2.0 * 24.0 * 8.0 * 16.0, bytes: 4.0 * (24 * 8 + 16 * 8 + 24 * 16) as f64 };
        // The places of bias and residual are bound to something small.
        let bytes = expected.bytes + 2.0 * SMALL as f64;
        assert_eq!(of_dispatch(&plan, 0), Work { bytes, ..expected });
        assert_eq!(of_node(&plan.graph, &plan.graph.nodes[0]), expected);
        assert_eq!(shapes(&plan.graph, &plan.graph.nodes[0]), "24x8 16x8 -> 24x16");
    }
}
