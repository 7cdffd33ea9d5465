//! Mixed precision (Micikevicius et al. 2018, "Mixed Precision Training"): decides, value by value, what of a training graph is
//! stored in 16-bit floats. Arithmetic stays in 32 bits everywhere; what is saved is memory and the time to move it.
//!
//! A value is stored in f16 where the kernel that writes it can and every kernel that reads it can, which each operation
//! says of itself ([`Operation::f16_rules`]). What decides how well a model trains is in no kernel's list and so stays in 32 bits: the residual
//! stream and its gradient, the norms' statistics, log-sum-exp, logits, losses, weights, and the gradients of weights, which
//! are sums. Of the weights, matrix products read a copy in f16 ([`crate::plan::lower::BindingSource::Half`]) where their other operand
//! is in f16 too.

use super::ops::{Named, Operation};
use super::{Element, Graph, Node, Origin, ValueId};
use crate::dispatch;

/// An operand of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Its number among the inputs, or among the outputs.
    at: At,
    columns: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Input(usize),
    Output(usize),
}

impl Operand {
    fn of(self, node: &Node) -> ValueId {
        match self.at {
            At::Input(number) => node.inputs[number],
            At::Output(number) => node.outputs[number],
        }
    }

    /// Whether kernels can take its columns four at a time, as matrix products take f16.
    pub(super) fn by_four(self) -> bool {
        self.columns.is_multiple_of(4)
    }
}

/// An operand may be in f16 if those that go with it are, and the one that must not be is not.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which.
    pub(super) operand: Operand,
    /// Those that go with it.
    pub(super) with: Vec<Operand>,
    /// One that must not be in f16 then.
    pub(super) without: Option<Operand>,
}

/// An operand may be in f16 whatever the others are.
pub(super) fn alone(operand: Operand) -> Rule {
    with(operand, Vec::new())
}

/// An operand may be in f16 if those that go with it are.
pub(super) fn with(operand: Operand, with: Vec<Operand>) -> Rule {
    Rule { operand, with, without: None }
}

/// An operand may be in f16 if another is not.
pub(super) fn alone_without(operand: Operand, other: Operand) -> Rule {
    Rule { without: Some(other), ..alone(operand) }
}

/// Those of the operands that fall into fours may, each by itself.
pub(super) fn alone_by_four(operands: &[Operand]) -> Vec<Rule> {
    operands.iter().copied().filter(|operand| operand.by_four()).map(alone).collect()
}

/// Operands may be in f16 if all of them are.
pub(super) fn together(operands: &[Operand]) -> Vec<Rule> {
    operands.iter().map(|operand| with(*operand, operands.to_vec())).collect()
}

/// Stores in f16 what can be. To be called once a graph has its backward nodes: shape rules know nothing of f16.
pub fn store_in_half(graph: &mut Graph) {
    let made = |origin| matches!(origin, Origin::Node(_));
    // Kernels take f16 four at a time.
    let floats = graph.values.iter().map(|value| {
        let by_four = value.ty.columns().is_multiple_of(4);
        made(value.origin) && value.ty.element == Element::F32 && by_four
    });
    let mut half: Vec<bool> = floats.collect();
    let rules: Vec<Vec<Rule>> = graph.nodes.iter().map(|node| admitted(graph, node)).collect();
    // Everything begins in f16; what one node cannot have so may decide another's.
    while let Some(value) = first_misfit(graph, &rules, &half, |_, _| true) {
        half[value.index()] = false;
    }
    // What excludes each other is decided once all that cannot be in f16 anyway is out of it.
    let excluded = |half: &[bool], node: &Node, rule: &Rule| {
        rule.without.is_some_and(|other| half[other.of(node).index()])
    };
    while let Some(value) = first_misfit(graph, &rules, &half, |node, rule| !excluded(&half, node, rule)) {
        half[value.index()] = false;
    }
    for (value, half) in graph.values.iter_mut().zip(half) {
        if half {
            value.ty.element = Element::F16;
        }
    }
}

/// Whether any value that a graph computes is stored in f16.
pub fn has_half(graph: &Graph) -> bool {
    let mut computed = graph.values.iter().filter(|value| !matches!(value.origin, Origin::Parameter(_)));
    computed.any(|value| value.ty.element == Element::F16)
}

/// A value that is in f16 where a node does not admit it.
fn first_misfit(
    graph: &Graph,
    rules: &[Vec<Rule>],
    half: &[bool],
    holds: impl Fn(&Node, &Rule) -> bool,
) -> Option<ValueId> {
    graph.nodes.iter().zip(rules).find_map(|(node, rules)| {
        let fits = |operand: Operand| {
            rules.iter().any(|rule| {
                rule.operand == operand
                    && holds(node, rule)
                    && rule.with.iter().all(|other| half[other.of(node).index()])
            })
        };
        let misfit = inputs(graph, node)
            .chain(outputs(graph, node))
            .find(|operand| half[operand.of(node).index()] && !fits(*operand));
        misfit.map(|operand| operand.of(node))
    })
}

fn inputs(graph: &Graph, node: &Node) -> impl Iterator<Item = Operand> {
    let columns = node.inputs.iter().map(|value| graph.ty(*value).columns());
    columns.enumerate().map(|(number, columns)| Operand { at: At::Input(number), columns })
}

fn outputs(graph: &Graph, node: &Node) -> impl Iterator<Item = Operand> {
    let columns = node.outputs.iter().map(|value| graph.ty(*value).columns());
    columns.enumerate().map(|(number, columns)| Operand { at: At::Output(number), columns })
}

/// Which operands a node's kernels have variants for.
fn admitted(graph: &Graph, node: &Node) -> Vec<Rule> {
    fn f16_rules<O: Operation>(op: &O, graph: &Graph, node: &Node) -> Vec<Rule> {
        let named = Named::of(op, inputs(graph, node), outputs(graph, node));
        named.map_or_else(Vec::new, |operands| op.f16_rules(operands))
    }
    dispatch!(&node.op, op => f16_rules(op, graph, node))
}

#[cfg(test)]
mod tests;
