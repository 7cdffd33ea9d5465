//! Reverse-mode differentiation: walks the forward nodes from the loss back and appends each one's gradient rule.
//!
//! A rule stands beside its forward formula in [`super::ops`]. Where a value flows into several nodes its gradients are
//! summed; the sum costs nothing where the last contribution comes from a norm or a linear layer, whose backward kernels
//! take the rest as a residual.

use super::ops::{Add, AddInputs, Named, Operands, Operation, Y};
use super::recompute::{Keep, Recompute};
use super::{Graph, GraphError, Node, Origin, ParameterId, ValueId};
use crate::dispatch;
use std::collections::HashMap;

/// Appends the gradient of `loss` (the first output of a [`super::ops::CrossEntropy`] or of an objective behind it), times `scale`, with respect to every
/// trainable parameter that it depends on. `keep` says what it may read of the forward values; the rest is computed again.
pub fn gradient(graph: &mut Graph, loss: ValueId, scale: f32, keep: Keep) -> Result<(), GraphError> {
    let (wanted, recompute) = (wanted(graph, &[]), Recompute::of(graph, keep));
    let gradients = HashMap::new();
    let forward = graph.nodes.len();
    Backward { loss: Some((loss, scale)), wanted, recompute, gradients, forward, graph }.all_nodes()
}

/// Appends the gradient of Σ output·seed over the pairs `(output, seed)` of `seeds`, a seed being a value of its output's
/// shape, with respect to every trainable parameter and to `inputs`. Returns the gradient of each of `inputs`, or `None`
/// where no seeded output depends on it. Several seeds of one output are one too many: they replace each other.
pub fn gradient_from(
    graph: &mut Graph,
    seeds: &[(ValueId, ValueId)],
    inputs: &[ValueId],
) -> Result<Vec<Option<ValueId>>, GraphError> {
    let wanted = wanted(graph, inputs);
    let gradients = seeds.iter().copied().collect();
    let recompute = Recompute::default();
    let forward = graph.nodes.len();
    let mut pass = Backward { loss: None, wanted, recompute, gradients, forward, graph };
    pass.all_nodes()?;
    Ok(inputs.iter().map(|input| pass.gradient_of(*input)).collect())
}

/// Which values lead back to a trainable parameter or to one of `inputs`.
fn wanted(graph: &Graph, inputs: &[ValueId]) -> Vec<bool> {
    let mut wanted: Vec<bool> = graph
        .values
        .iter()
        .map(|value| match value.origin {
            Origin::Parameter(id) => graph.parameters[id.index()].trainable,
            _ => false,
        })
        .collect();
    for input in inputs {
        wanted[input.index()] = true;
    }
    for node in &graph.nodes {
        if node.inputs.iter().any(|input| wanted[input.index()]) {
            for output in &node.outputs {
                wanted[output.index()] = true;
            }
        }
    }
    wanted
}

/// The pass backwards, as the operations see it.
pub struct Backward<'graph> {
    /// The graph, which backward nodes are added to.
    pub(super) graph: &'graph mut Graph,
    /// Nodes of the forward pass, which come first.
    forward: usize,
    /// Where the pass begins, and the factor on its gradient; without it, `gradients` holds seeds.
    loss: Option<(ValueId, f32)>,
    wanted: Vec<bool>,
    recompute: Recompute,
    /// What has flowed back into each value so far.
    gradients: HashMap<ValueId, ValueId>,
}

impl Backward<'_> {
    fn all_nodes(&mut self) -> Result<(), GraphError> {
        for at in (0..self.forward).rev() {
            let node = self.graph.nodes[at].clone();
            if node.outputs.first().is_some_and(|output| self.wants(*output)) {
                self.graph.scope = Some(node.scope.clone());
                dispatch!(&node.op, op => self.node(op, &node))?;
            }
        }
        Ok(())
    }

    fn node<O: Operation>(&mut self, op: &O, node: &Node) -> Result<(), GraphError> {
        match node.named(op) {
            Some(Named { inputs, outputs, .. }) => op.differentiate(self, inputs, outputs),
            None => Err(self.graph.refuse(O::NAME, "operands are missing")),
        }
    }

    /// What has flowed back into a value, or is added up for it where it is a parameter.
    fn gradient_of(&self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) => self.graph.find(Origin::Gradient(id)),
            _ => self.gradient(value),
        }
    }

    /// Whether a value leads back to anything that a gradient is wanted of.
    pub(super) fn wants(&self, value: ValueId) -> bool {
        self.wanted.get(value.index()).copied().unwrap_or(false)
    }

    /// What has flowed back into a value so far.
    pub(super) fn gradient(&self, value: ValueId) -> Option<ValueId> {
        self.gradients.get(&value).copied()
    }

    /// The factor on the gradient of the loss, where the pass begins at this one.
    pub(super) fn begins_at(&self, loss: ValueId) -> Option<f32> {
        self.loss.filter(|(first, _)| *first == loss).map(|(_, scale)| scale)
    }

    /// The factor on the gradient of the loss that the pass begins at.
    pub(super) fn scale(&self) -> f32 {
        self.loss.map_or(1.0, |(_, scale)| scale)
    }

    /// The gradient value of a parameter, if it is one that trains.
    pub(super) fn parameter(&mut self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) if self.wants(value) => Some(self.graph.gradient_of(ParameterId(id.0))),
            _ => None,
        }
    }

    /// A forward value to read: kept, or computed again.
    pub(super) fn read(&mut self, value: ValueId) -> Result<ValueId, GraphError> {
        self.recompute.value(self.graph, value)
    }

    /// Adds `gradient` to what has flowed into `value`.
    pub(super) fn flow(&mut self, value: ValueId, gradient: ValueId) -> Result<(), GraphError> {
        let sum = match self.gradient(value) {
            Some(a) => {
                let Y { y } = self.graph.add(Add, AddInputs { a, b: gradient })?;
                y
            }
            None => gradient,
        };
        self.replace(value, sum);
        Ok(())
    }

    /// Sets what has flowed into `value`, by an operation that took what had before.
    pub(super) fn replace(&mut self, value: ValueId, sum: ValueId) {
        self.gradients.insert(value, sum);
    }

    /// Refuses to carry on what has flowed back into what an operation makes.
    pub(super) fn refuse<O: Operation>(&self, _: O, outputs: O::Outputs<ValueId>) -> Result<(), GraphError> {
        match outputs.list().first().and_then(|output| self.gradient(*output)) {
            Some(_) => Err(self.graph.refuse(O::NAME, "has no gradient of its own")),
            None => Ok(()),
        }
    }
}
