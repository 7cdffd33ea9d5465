//! Activation checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): of each block only what
//! leaves it is kept for the backward pass, and the rest is computed once more when the block's gradient begins.
//!
//! A value is computed again when the first backward node asks for it, by copies of the nodes that lead to it from the
//! block's edge. Nothing else is copied: a block's last matrix product, whose result nobody reads again, runs once. Dropout
//! masks are functions of their numbers, so the copies give the same bits.
//!
//! Less far goes what computes again only what takes no product: it costs hardly any time, and saves what a run keeps twice over, before
//! and behind an activation, a norm or a mask.

use super::ops::{Named, Operation};
use super::{Graph, GraphError, Node, Origin, ValueId};
use crate::dispatch;
use std::collections::HashMap;

/// What the backward pass may read of the forward one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Every value.
    Everything,
    /// All but what activations, gates, norms and dropout make of a value that is kept, and weights in 32 bits that are held in 16: their
    /// work grows with the values alone.
    AllButCheap,
    /// Of each block (`blocks.N` in a node's scope) what other blocks read.
    BlockEdges,
}

/// Values that are computed again, as they are asked for.
#[derive(Debug, Default)]
pub(super) struct Recompute {
    /// Values by number that no longer exist when the backward pass begins.
    forgotten: Vec<bool>,
    /// Where they stand once they were computed again.
    again: HashMap<ValueId, ValueId>,
}

impl Recompute {
    /// Decides what a forward graph keeps.
    pub(super) fn of(graph: &Graph, keep: Keep) -> Self {
        let mut forgotten = vec![false; graph.values.len()];
        match keep {
            Keep::Everything => {}
            Keep::AllButCheap => {
                // A norm's statistics, its second output, are small: its backward pass reads those that there are.
                let cheap = graph.nodes.iter().filter(|node| is_cheap(graph, node));
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

    /// The value to read in place of `value`: itself, or its second copy, for which nodes are appended when it is first asked for.
    pub(super) fn value(&mut self, graph: &mut Graph, value: ValueId) -> Result<ValueId, GraphError> {
        if !self.forgotten.get(value.index()).copied().unwrap_or(false) {
            return Ok(value);
        }
        if let Some(again) = self.again.get(&value) {
            return Ok(*again);
        }
        let Origin::Node(maker) = graph.values[value.index()].origin else { return Ok(value) };
        let node = graph.nodes[maker.index()].clone();
        // No deeper than a block has nodes.
        let inputs: Vec<ValueId> =
            node.inputs.iter().map(|input| self.value(graph, *input)).collect::<Result<_, _>>()?;
        let scope = graph.scope.replace(node.scope);
        let outputs = graph.push(node.op, &inputs);
        graph.scope = scope;
        self.again.extend(node.outputs.into_iter().zip(outputs?));
        Ok(self.again.get(&value).copied().unwrap_or(value))
    }
}

/// Whether what a node makes is computed again in hardly any time, as its operation says.
fn is_cheap(graph: &Graph, node: &Node) -> bool {
    fn is_cheap<O: Operation>(op: &O, graph: &Graph, node: &Node) -> bool {
        graph.types_of(op, node).is_some_and(|Named { inputs, .. }| op.is_cheap(inputs))
    }
    dispatch!(&node.op, op => is_cheap(op, graph, node))
}

/// The block that a node belongs to, by its number.
fn block(node: &Node) -> Option<&str> {
    node.scope.strip_prefix("blocks.")?.split('.').next()
}
