//! Mixed precision (Micikevicius et al. 2018, "Mixed Precision Training"): selects the values of a training graph to store in
//! 16-bit floats. All arithmetic stays in 32 bits; mixed precision saves memory and memory bandwidth.
//!
//! A value is stored in f16 if the kernel that writes it and every kernel that reads it support that, as each operation declares
//! ([`Operation::f16_rules`]). No operation declares it for the values that training quality depends on, so these stay in 32 bits: the
//! residual stream and its gradient, norm statistics, log-sum-exp, logits, losses, weights, and weight gradients, which are sums. Matrix
//! products read an f16 copy of a weight ([`crate::plan::lower::BindingSource::Half`]) if their other operand is in f16 too.

use super::ops::{Named, Operation};
use super::{Element, Graph, Node, Origin, ValueId};
use crate::dispatch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Index among the inputs or the outputs.
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

    /// Whether the number of columns is a multiple of 4, as matrix products require of f16.
    pub(super) fn by_four(self) -> bool {
        self.columns.is_multiple_of(4)
    }
}

/// An operand may be in f16 if all of `with` are and `without` is not.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) operand: Operand,
    /// Operands that must be in f16 too.
    pub(super) with: Vec<Operand>,
    /// An operand that must not be in f16.
    pub(super) without: Option<Operand>,
}

/// The operand may be in f16 whatever the others are.
pub(super) fn alone(operand: Operand) -> Rule {
    with(operand, Vec::new())
}

/// The operand may be in f16 if all of `with` are.
pub(super) fn with(operand: Operand, with: Vec<Operand>) -> Rule {
    Rule { operand, with, without: None }
}

/// The operand may be in f16 if `other` is not.
pub(super) fn alone_without(operand: Operand, other: Operand) -> Rule {
    Rule { without: Some(other), ..alone(operand) }
}

/// Each operand may be in f16, independently of the others.
pub(super) fn independent(operands: &[Operand]) -> Vec<Rule> {
    operands.iter().copied().map(alone).collect()
}

/// Each operand whose number of columns is a multiple of 4 may be in f16, independently of the others.
pub(super) fn alone_by_four(operands: &[Operand]) -> Vec<Rule> {
    operands.iter().copied().filter(|operand| operand.by_four()).map(alone).collect()
}

/// The operands may be in f16 if all of them are.
pub(super) fn together(operands: &[Operand]) -> Vec<Rule> {
    operands.iter().map(|operand| with(*operand, operands.to_vec())).collect()
}

/// Stores every value in f16 that may be. Call it after the backward nodes were added: shape rules expect 32-bit floats.
pub fn store_in_half(graph: &mut Graph) {
    let made = |origin: &Origin| matches!(origin, Origin::Node(_));
    // Kernels read f16 four at a time.
    let floats = graph.values.iter().map(|value| {
        let by_four = value.ty.columns().is_multiple_of(4);
        made(&value.origin) && value.ty.element == Element::F32 && by_four
    });
    let mut half: Vec<bool> = floats.collect();
    let rules: Vec<Vec<Rule>> = graph.nodes.iter().map(|node| admitted(graph, node)).collect();
    // All candidates start in f16; rejecting a value for one node may reject others at other nodes.
    while let Some(value) = first_misfit(graph, &rules, &half, |_, _| true) {
        half[value.index()] = false;
    }
    // Mutually exclusive operands are decided last, once all values that cannot be in f16 anyway are ruled out.
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

pub fn has_half(graph: &Graph) -> bool {
    let mut computed = graph.values.iter().filter(|value| !matches!(value.origin, Origin::Parameter(_)));
    computed.any(|value| value.ty.element == Element::F16)
}

/// The first f16 value that one of its nodes does not admit.
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
        let [inputs, outputs] = operands(graph, node);
        let misfit = inputs.chain(outputs).find(|operand| half[operand.of(node).index()] && !fits(*operand));
        misfit.map(|operand| operand.of(node))
    })
}

/// A node's inputs and outputs.
fn operands(graph: &Graph, node: &Node) -> [impl Iterator<Item = Operand>; 2] {
    [(&node.inputs, At::Input as fn(usize) -> At), (&node.outputs, At::Output)].map(|(values, at)| {
        let columns = values.iter().map(|value| graph.ty(*value).columns());
        columns.enumerate().map(move |(number, columns)| Operand { at: at(number), columns })
    })
}

/// The f16 rules of a node.
fn admitted(graph: &Graph, node: &Node) -> Vec<Rule> {
    fn f16_rules<O: Operation>(op: &O, graph: &Graph, node: &Node) -> Vec<Rule> {
        let [inputs, outputs] = operands(graph, node);
        Named::try_new(op, inputs, outputs).map_or_else(Vec::new, |operands| op.f16_rules(operands))
    }
    dispatch!(&node.op, op => f16_rules(op, graph, node))
}

#[cfg(test)]
mod tests;
