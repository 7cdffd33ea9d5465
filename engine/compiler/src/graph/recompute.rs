//! Activation checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): keeps only each block's
//! outputs for the backward pass and recomputes the rest when the block's gradient begins.
//!
//! A value is recomputed when the first backward node reads it, by copies of the nodes that lead to it from the block's edge.
//! Nothing else is copied: a block's last matrix product, whose result is not read again, runs once. Dropout masks are
//! functions of their counters, so the copies give the same bits.
//!
//! [`Keep::AllButCheap`] recomputes only values that take no matrix product. This costs hardly any time and saves storing
//! values twice, before and after an activation, a norm or a mask.

use super::ops::Operation;
use super::{Graph, GraphError, Node, Origin, ValueId};
use crate::dispatch;
use std::collections::HashMap;

/// The forward values that the backward pass may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Everything,
    /// All but the outputs of activations, gates, norms and dropout on kept values, and 32-bit copies of 16-bit weights: their
    /// work is linear in the number of values.
    AllButCheap,
    /// Only the values of each block (`blocks.N` in a node's scope) that other blocks read.
    BlockEdges,
}

/// Values to recompute on first use.
#[derive(Debug, Default)]
pub(super) struct Recompute {
    /// By value id: whether the value no longer exists when the backward pass begins.
    forgotten: Vec<bool>,
    again: HashMap<ValueId, ValueId>,
}

impl Recompute {
    /// Selects the values of a forward graph to forget.
    pub(super) fn new(graph: &Graph, keep: Keep) -> Self {
        let mut forgotten = vec![false; graph.values.len()];
        match keep {
            Keep::Everything => {}
            Keep::AllButCheap => {
                // A norm's statistics, its second output, are small; its backward pass reads the original ones.
                let cheap = graph.nodes.iter().filter(|node| is_cheap(node));
                for output in cheap.filter_map(|node| node.outputs.first()) {
                    forgotten[output.index()] = true;
                }
            }
            Keep::BlockEdges => {
                for node in graph.nodes.iter().filter(|node| block(node).is_some()) {
                    node.outputs.iter().for_each(|output| forgotten[output.index()] = true);
                }
                for reader in &graph.nodes {
                    for input in &reader.inputs {
                        if let Origin::Node(maker) = graph.values[input.index()].origin
                            && block(&graph.nodes[maker.index()]) != block(reader)
                        {
                            forgotten[input.index()] = false;
                        }
                    }
                }
            }
        }
        Self { forgotten, again: HashMap::new() }
    }

    /// Returns the value to read in place of `value`: itself or its copy, whose nodes are appended on first use.
    pub(super) fn value(&mut self, graph: &mut Graph, value: ValueId) -> Result<ValueId, GraphError> {
        if !self.forgotten.get(value.index()).copied().unwrap_or(false) {
            return Ok(value);
        }
        if let Some(again) = self.again.get(&value) {
            return Ok(*again);
        }
        let Origin::Node(maker) = graph.values[value.index()].origin else { return Ok(value) };
        let node = graph.nodes[maker.index()].clone();
        // Recursion depth is limited by the nodes of a block.
        let inputs: Vec<ValueId> =
            node.inputs.iter().map(|input| self.value(graph, *input)).collect::<Result<_, _>>()?;
        let scope = graph.scope.replace(node.scope);
        let outputs = graph.push(node.op, &inputs);
        graph.scope = scope;
        self.again.extend(node.outputs.into_iter().zip(outputs?));
        Ok(self.again.get(&value).copied().unwrap_or(value))
    }
}

/// Whether a node's output is cheap to recompute.
fn is_cheap(node: &Node) -> bool {
    fn is_cheap<O: Operation>(_: &O) -> bool {
        O::IS_CHEAP
    }
    dispatch!(&node.op, op => is_cheap(op))
}

fn block(node: &Node) -> Option<&str> {
    node.scope.strip_prefix("blocks.")?.split('.').next()
}
