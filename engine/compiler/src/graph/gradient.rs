//! Reverse-mode differentiation: walks the forward nodes back from the loss and appends each one's gradient rule.
//!
//! Each rule is next to its forward formula in [`super::ops`]. If a value is used by several nodes, its gradients are summed. The sum is
//! free when the last contribution comes from a norm or a linear layer: their backward kernels take the rest as a residual.

use super::ops::{Add, AddInputs, Named, Operands, Operation, Y};
use super::recompute::{Keep, Recompute};
use super::{Graph, GraphError, Node, Origin, ParameterId, ValueId};
use crate::dispatch;
use std::collections::HashMap;

/// Appends the gradient of `scale`·`loss` with respect to every trainable parameter that it depends on. `loss` is the first
/// output of a [`super::ops::CrossEntropy`] or of an objective computed from one. `keep` selects the forward values that the
/// backward pass may read; the others are recomputed.
pub fn gradient(graph: &mut Graph, loss: ValueId, scale: f32, keep: Keep) -> Result<(), GraphError> {
    let (wanted, recompute) = (wanted(graph, &[]), Recompute::new(graph, keep));
    Backward::new(graph, wanted, recompute, Some((loss, scale))).all_nodes()
}

/// Appends the gradient of Σ output·seed over the pairs `(output, seed)` of `seeds` with respect to every trainable parameter
/// and to `inputs`. Each seed has the shape of its output. Returns the gradient of each of `inputs`, or `None` if no seeded
/// output depends on it. Seed each output at most once: a later seed replaces an earlier one.
pub fn gradient_from(
    graph: &mut Graph,
    seeds: &[(ValueId, ValueId)],
    inputs: &[ValueId],
) -> Result<Vec<Option<ValueId>>, GraphError> {
    let wanted = wanted(graph, inputs);
    let mut pass = Backward::new(graph, wanted, Recompute::default(), None);
    pass.gradients.extend(seeds.iter().copied());
    pass.all_nodes()?;
    Ok(inputs.iter().map(|input| pass.gradient_of(*input)).collect())
}

/// Marks the values that depend on a trainable parameter or on one of `inputs`.
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

/// State of the backward pass, as the gradient rules see it.
pub struct Backward<'graph> {
    pub(super) graph: &'graph mut Graph,
    /// Number of forward nodes, which come first.
    forward: usize,
    /// The loss and the factor on its gradient; if `None`, `gradients` holds seeds.
    loss: Option<(ValueId, f32)>,
    wanted: Vec<bool>,
    recompute: Recompute,
    /// The gradient accumulated so far for each value.
    gradients: HashMap<ValueId, ValueId>,
    /// The graph's values of [`Origin::Gradient`].
    of_parameters: HashMap<ParameterId, ValueId>,
}

impl<'graph> Backward<'graph> {
    fn new(
        graph: &'graph mut Graph,
        wanted: Vec<bool>,
        recompute: Recompute,
        loss: Option<(ValueId, f32)>,
    ) -> Self {
        let of_parameters =
            (0..).map(ValueId).zip(&graph.values).filter_map(|(at, value)| match value.origin {
                Origin::Gradient(id) => Some((id, at)),
                _ => None,
            });
        let (of_parameters, forward) = (of_parameters.collect(), graph.nodes.len());
        Self { graph, forward, loss, wanted, recompute, gradients: HashMap::new(), of_parameters }
    }

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

    /// The accumulated gradient of a value; of a parameter, its [`Origin::Gradient`].
    fn gradient_of(&self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) => self.of_parameters.get(&id).copied(),
            _ => self.gradient(value),
        }
    }

    /// Whether a gradient must flow into a value.
    pub(super) fn wants(&self, value: ValueId) -> bool {
        self.wanted.get(value.index()).copied().unwrap_or(false)
    }

    pub(super) fn gradient(&self, value: ValueId) -> Option<ValueId> {
        self.gradients.get(&value).copied()
    }

    /// The factor on the gradient of the loss, if the pass begins at `loss`.
    pub(super) fn begins_at(&self, loss: ValueId) -> Option<f32> {
        self.loss.filter(|(first, _)| *first == loss).map(|(_, scale)| scale)
    }

    /// The loss and the factor on its gradient, if the pass begins at one.
    pub(super) fn loss(&self) -> Option<(ValueId, f32)> {
        self.loss
    }

    /// The factor on the gradient of the loss, if the pass begins at one.
    pub(super) fn loss_scale(&self) -> Option<f32> {
        self.loss.map(|(_, scale)| scale)
    }

    /// The factor on the gradient of the loss, or 1.
    pub(super) fn scale(&self) -> f32 {
        self.loss_scale().unwrap_or(1.0)
    }

    /// The gradient value of a parameter, if it is trainable.
    pub(super) fn parameter(&mut self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) if self.wants(value) => {
                let ty = self.graph.parameters[id.index()].ty.clone();
                let add = || self.graph.value(ty, Origin::Gradient(id));
                Some(*self.of_parameters.entry(id).or_insert_with(add))
            }
            _ => None,
        }
    }

    /// A forward value to read: kept or recomputed.
    pub(super) fn read(&mut self, value: ValueId) -> Result<ValueId, GraphError> {
        self.recompute.value(self.graph, value)
    }

    /// Adds `gradient` to the gradient of `value`.
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

    /// Sets the gradient of `value`; `sum` already includes the previous one.
    pub(super) fn replace(&mut self, value: ValueId, sum: ValueId) {
        self.gradients.insert(value, sum);
    }

    /// Fails if a gradient flows into an operation without a gradient rule.
    pub(super) fn refuse<O: Operation>(&self, _: O, outputs: O::Outputs<ValueId>) -> Result<(), GraphError> {
        match outputs.list().first().and_then(|output| self.gradient(*output)) {
            Some(_) => Err(self.graph.refuse(O::NAME, "has no gradient of its own")),
            None => Ok(()),
        }
    }
}
