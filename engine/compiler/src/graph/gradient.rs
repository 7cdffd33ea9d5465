//! Reverse-mode differentiation: walks the forward nodes from the loss back and appends each one's gradient rule.
//!
//! A rule stands beside its forward formula in [`super::op`]. Where a value flows into several nodes its gradients are
//! summed; the sum costs nothing where the last contribution comes from a norm or a linear layer, whose backward kernels
//! take the rest as a residual.

use super::recompute::{Keep, Recompute};
use super::{Graph, GraphError, NodeId, Nonlinearity, Op, Origin, ParameterId, ValueId};
use std::collections::HashMap;

/// Appends the gradient of `loss` (the first output of a [`Op::CrossEntropy`] or [`Op::LinearCrossEntropy`]), times `scale`, with respect to every
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

struct Backward<'graph> {
    graph: &'graph mut Graph,
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
        for at in (0..self.graph.nodes.len()).rev() {
            self.node(NodeId(at as u32))?;
        }
        Ok(())
    }

    /// What has flowed back into a value, or is added up for it where it is a parameter.
    fn gradient_of(&self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) => self.graph.find(Origin::Gradient(id)),
            _ => self.gradients.get(&value).copied(),
        }
    }

    fn wants(&self, value: ValueId) -> bool {
        self.wanted.get(value.index()).copied().unwrap_or(false)
    }

    /// The gradient value of a parameter, if it is one that trains.
    fn parameter(&mut self, value: ValueId) -> Option<ValueId> {
        match self.graph.values[value.index()].origin {
            Origin::Parameter(id) if self.wants(value) => Some(self.graph.gradient_of(ParameterId(id.0))),
            _ => None,
        }
    }

    /// A forward value to read: kept, or computed again.
    fn read(&mut self, value: ValueId) -> Result<ValueId, GraphError> {
        self.recompute.value(self.graph, value)
    }

    fn one(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, GraphError> {
        Ok(self.graph.push(op, inputs)?[0])
    }

    fn into(&mut self, op: Op, inputs: &[ValueId], gradients: &[ValueId]) -> Result<(), GraphError> {
        self.graph.push_into(op, inputs, gradients).map(|_| ())
    }

    /// Adds `gradient` to what has flowed into `value`.
    fn flow(&mut self, value: ValueId, gradient: ValueId) -> Result<(), GraphError> {
        let sum = match self.gradients.get(&value).copied() {
            Some(before) => self.one(Op::Add, &[before, gradient])?,
            None => gradient,
        };
        self.gradients.insert(value, sum);
        Ok(())
    }

    /// Runs a backward op that takes what has flowed into `value` so far as its residual.
    fn flow_through(
        &mut self,
        value: ValueId,
        op: impl Fn(bool) -> Op,
        inputs: &[ValueId],
    ) -> Result<(), GraphError> {
        let before = self.gradients.get(&value).copied();
        let mut inputs = inputs.to_vec();
        inputs.extend(before);
        let sum = self.one(op(before.is_some()), &inputs)?;
        self.gradients.insert(value, sum);
        Ok(())
    }

    /// What flows back through a linear layer x·wᵀ (+ b), whose inputs begin with x, w and b.
    fn linear(&mut self, dy: ValueId, inputs: &[ValueId], bias: bool) -> Result<(), GraphError> {
        let (x, weight) = (inputs[0], inputs[1]);
        if let Some(gradient) = self.parameter(weight) {
            let x = self.read(x)?;
            self.into(Op::LinearWeightBackward, &[dy, x], &[gradient])?;
        }
        if bias && let Some(gradient) = self.parameter(inputs[2]) {
            let groups = self.graph.ty(dy).rows();
            self.into(Op::SumRows { groups }, &[dy], &[gradient])?;
        }
        if !self.wants(x) {
            return Ok(());
        }
        if let Some((kind, z)) = self.activation_before(x, dy) {
            let before = self.read(z)?;
            let gradient = self.one(Op::LinearInputActivationBackward(kind), &[dy, weight, before])?;
            return self.flow(z, gradient);
        }
        self.flow_through(x, |residual| Op::LinearInputBackward { residual }, &[dy, weight])
    }

    /// The nonlinearity that made `x` in the epilogue of a product, and the value before it, where x has this one reader: then its
    /// gradient goes into an epilogue too. Kernels read `dy` four columns at a time.
    fn activation_before(&self, x: ValueId, dy: ValueId) -> Option<(Nonlinearity, ValueId)> {
        let Origin::Node(maker) = self.graph.values[x.index()].origin else { return None };
        let maker = &self.graph.nodes[maker.index()];
        let Op::LinearActivation { kind, .. } = maker.op else { return None };
        let forward = &self.graph.nodes[..self.forward];
        let readers = forward.iter().filter(|reader| reader.inputs.contains(&x)).count();
        let fours = self.graph.ty(dy).columns().is_multiple_of(4);
        (readers == 1 && fours && maker.outputs[0] == x).then_some((kind, maker.outputs[1]))
    }

    fn node(&mut self, id: NodeId) -> Result<(), GraphError> {
        let node = self.graph.nodes[id.index()].clone();
        let (inputs, outputs) = (&node.inputs, &node.outputs);
        if !self.wants(outputs[0]) {
            return Ok(());
        }
        self.graph.scope = Some(node.scope.clone());
        if let Op::CrossEntropy { label_smoothing, ignore_index } = node.op {
            if let Some((loss, scale)) = self.loss
                && outputs[0] == loss
            {
                let op = Op::CrossEntropyBackward { label_smoothing, ignore_index, scale };
                let gradient = self.one(op, &[inputs[0], inputs[1], outputs[1], outputs[0]])?;
                self.flow(inputs[0], gradient)?;
            }
            return Ok(());
        }
        if let Op::LinearCrossEntropy { label_smoothing, ignore_index, chunk } = node.op {
            if let Some((loss, scale)) = self.loss
                && outputs[0] == loss
            {
                let gradient = self.parameter(inputs[1]);
                let weight = gradient.is_some();
                let op =
                    Op::LinearCrossEntropyBackward { label_smoothing, ignore_index, scale, chunk, weight };
                let operands = [inputs[0], inputs[1], inputs[2], outputs[1], outputs[0]];
                let into: Vec<ValueId> = gradient.into_iter().collect();
                let dx = self.graph.push_into(op, &operands, &into)?[0];
                self.flow(inputs[0], dx)?;
            }
            return Ok(());
        }
        if let Op::LinearActivation { bias, kind } = node.op {
            if let Some(dy) = self.gradients.get(&outputs[0]).copied() {
                let z = self.read(outputs[1])?;
                let gradient = self.one(kind.backward(), &[z, dy])?;
                self.flow(outputs[1], gradient)?;
            }
            if let Some(dz) = self.gradients.get(&outputs[1]).copied() {
                self.linear(dz, inputs, bias)?;
            }
            return Ok(());
        }
        let Some(dy) = self.gradients.get(&outputs[0]).copied() else { return Ok(()) };
        match node.op {
            Op::Embedding { positions, .. } => {
                if let Some(table) = self.parameter(inputs[1]) {
                    let count = self.graph.ty(inputs[0]).count();
                    let order = self.graph.input(super::Input::TokenOrder, super::Type::u32(&[2, count]));
                    self.into(Op::EmbeddingBackward, &[dy, inputs[0], order], &[table])?;
                }
                if positions && let Some(table) = self.parameter(inputs[2]) {
                    let groups = self.graph.ty(inputs[0]).shape[0];
                    self.into(Op::SumRows { groups }, &[dy], &[table])?;
                }
            }
            Op::Norm { form, bias } => {
                if let Some(scale) = self.parameter(inputs[1]) {
                    let mut gradients = vec![scale];
                    if bias {
                        gradients.extend(self.parameter(inputs[2]));
                    }
                    let bias = gradients.len() == 2;
                    let (x, statistics) = (self.read(inputs[0])?, self.read(outputs[1])?);
                    self.into(Op::NormWeightBackward { bias }, &[x, statistics, dy], &gradients)?;
                }
                if self.wants(inputs[0]) {
                    let (x, statistics) = (self.read(inputs[0])?, self.read(outputs[1])?);
                    let op = |residual| Op::NormBackward { form, residual };
                    self.flow_through(inputs[0], op, &[x, inputs[1], statistics, dy])?;
                }
            }
            Op::Linear { bias, residual } => {
                self.linear(dy, inputs, bias)?;
                if residual && let Some(stream) = inputs.last().copied().filter(|value| self.wants(*value)) {
                    self.flow(stream, dy)?;
                }
            }
            Op::LinearRope { bias, heads } => {
                let turn_back = Op::Rope { heads, inverse: true, cursor: false };
                let gradient = self.one(turn_back, &[dy, inputs[inputs.len() - 1]])?;
                self.linear(gradient, inputs, bias)?;
            }
            Op::HeadNorm { heads, .. } => {
                let (qkv, roots) = (self.read(inputs[0])?, self.read(outputs[1])?);
                if let (Some(query), Some(key)) = (self.parameter(inputs[1]), self.parameter(inputs[2])) {
                    let op = Op::HeadNormWeightBackward { heads };
                    self.into(op, &[qkv, roots, dy], &[query, key])?;
                }
                let op = Op::HeadNormBackward { heads };
                let gradient = self.one(op, &[qkv, inputs[1], inputs[2], roots, dy])?;
                self.flow(inputs[0], gradient)?;
            }
            Op::Rope { heads, inverse, cursor } => {
                let mut from = vec![dy];
                from.extend_from_slice(&inputs[1..]);
                let gradient = self.one(Op::Rope { heads, inverse: !inverse, cursor }, &from)?;
                self.flow(inputs[0], gradient)?;
            }
            Op::Attention { heads, dropout } => {
                let (qkv, y, lse) = (self.read(inputs[0])?, self.read(outputs[0])?, self.read(outputs[1])?);
                let delta = self.one(Op::AttentionDelta { heads }, &[y, dy])?;
                let op = Op::AttentionBackward { heads, dropout };
                let gradient = self.one(op, &[qkv, lse, delta, dy])?;
                self.flow(inputs[0], gradient)?;
            }
            Op::Activation(kind) => {
                let x = self.read(inputs[0])?;
                let gradient = self.one(Op::ActivationBackward(kind), &[x, dy])?;
                self.flow(inputs[0], gradient)?;
            }
            Op::Gate(kind) => {
                let x = self.read(inputs[0])?;
                let gradient = self.one(Op::GateBackward(kind), &[x, dy])?;
                self.flow(inputs[0], gradient)?;
            }
            Op::Dropout { site, residual } => {
                if self.wants(inputs[0]) {
                    let gradient = self.one(Op::Dropout { site, residual: false }, &[dy])?;
                    self.flow(inputs[0], gradient)?;
                }
                if residual && self.wants(inputs[1]) {
                    self.flow(inputs[1], dy)?;
                }
            }
            Op::Add => {
                for input in inputs {
                    if self.wants(*input) {
                        self.flow(*input, dy)?;
                    }
                }
            }
            Op::CrossEntropy { .. }
            | Op::CachedAttention { .. }
            | Op::LastRow
            | Op::CrossEntropyBackward { .. }
            | Op::LinearCrossEntropy { .. }
            | Op::LinearCrossEntropyBackward { .. }
            | Op::LinearActivation { .. }
            | Op::LinearInputBackward { .. }
            | Op::LinearInputActivationBackward(_)
            | Op::LinearWeightBackward
            | Op::SumRows { .. }
            | Op::NormBackward { .. }
            | Op::NormWeightBackward { .. }
            | Op::HeadNormBackward { .. }
            | Op::HeadNormWeightBackward { .. }
            | Op::AttentionDelta { .. }
            | Op::AttentionBackward { .. }
            | Op::ActivationBackward(_)
            | Op::GateBackward(_)
            | Op::EmbeddingBackward => {
                return Err(GraphError {
                    scope: node.scope.to_string(),
                    op: node.op.name(),
                    reason: "has no gradient of its own".to_owned(),
                });
            }
        }
        Ok(())
    }
}
