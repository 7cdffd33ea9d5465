//! The model as data: a small typed graph of operations.
//!
//! [`crate::model`] builds a forward graph once; [`gradient`] adds backward nodes to it; [`crate::plan`] lowers it
//! to kernel dispatches; `cpu` and `reference` interpret it. Nodes are stored in an order in which
//! every value is made before it is used. Every computed value is written exactly once. The exception is a parameter's
//! gradient ([`Origin::Gradient`]): a node that lists one among its outputs *adds* to it, and the executor clears
//! all gradients before the first micro-batch of a step.

mod cut;
mod gradient;
mod half;
pub mod ops;
pub mod random;
mod recompute;
mod shape;
#[cfg(test)]
mod tests;

pub use cut::cut;
pub use gradient::{gradient, gradient_from};
pub use half::{has_half, store_in_half};
pub use ops::{DropoutSite, Heads, Nonlinearity, NormForm, Op};
pub use recompute::Keep;

use crate::dispatch;
use glasshouse_protocol::{Rope, RopeScaling};
use ops::{LossTargets, Named, Nothing, Operands, Operation};
use std::rc::Rc;

/// Index of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Index of a parameter in its graph, in the order of [`Graph::parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub u32);

impl ValueId {
    /// As an index into [`Graph::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    /// As an index into [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ParameterId {
    /// As an index into [`Graph::parameters`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What one entry of a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float, as which [`store_in_half`] has values stored that are computed in 32 bits; and a frozen weight that is held so.
    F16,
    /// 32-bit unsigned integer: token ids and indices.
    U32,
}

/// Shape (row-major, last dimension fastest) and element of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// What an entry is.
    pub element: Element,
}

impl Type {
    /// A float value of this shape.
    pub fn f32(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), element: Element::F32 }
    }

    /// An integer value of this shape.
    pub fn u32(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), element: Element::U32 }
    }

    /// Number of entries; the largest number there is where that is not enough, so that no limit takes it for a small one.
    pub fn count(&self) -> usize {
        product(&self.shape)
    }

    /// Size in bytes, a multiple of 4.
    pub fn bytes(&self) -> u64 {
        let entries = self.count() as u64;
        match self.element {
            Element::F32 | Element::U32 => entries.saturating_mul(4),
            Element::F16 => entries.div_ceil(2).saturating_mul(4),
        }
    }

    /// Size of the last dimension; 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.shape.split_last().map_or(1, |(_, leading)| product(leading))
    }
}

fn product(sizes: &[usize]) -> usize {
    // A size of 0 counts wherever it stands.
    if sizes.contains(&0) {
        0
    } else {
        sizes.iter().fold(1, |product: usize, size| product.saturating_mul(*size))
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let element = match self.element {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::U32 => "u32",
        };
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        write!(formatter, "{element}[{}]", shape.join(", "))
    }
}

/// What the executor fills in before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// u32[B, T]: token ids.
    Tokens,
    /// u32[B, T]: the id that follows each token.
    Targets,
    /// u32[B, T]: the first position of the document that each position of a row belongs to, where a row holds several.
    Starts,
    /// u32[2, B·T]: row 0 lists the positions of the batch sorted by token id (stable); row 1 holds, where a new id
    /// begins in row 0, how many positions have it, else 0. See [`token_order`].
    TokenOrder,
    /// u32[2]: where the first token of a decoded chunk stands in its text, and how many tokens of the chunk are real.
    Cursor,
    /// f32: what the objective knows of a micro-batch beforehand, in the shape that its operation asks for.
    Scores,
    /// Anything else that a test or a probe feeds in, told apart by number.
    Free(u32),
}

/// Tables that follow from the configuration alone, computed on the host with `libm` so that all targets agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant {
    /// f32[T, D]: row t holds cos(t·θᵢ) for i < D/2, then sin(t·θᵢ), θᵢ = base^(−2i/R) for i < R/2 and 0 for the others, slower where
    /// there is a scaling.
    RopeTable(Rope),
    /// f32[T, C]: columns 2i and 2i + 1 hold sin and cos of t·10000^(−2i/C).
    SinusoidalTable,
}

impl Constant {
    /// The table's entries, row-major, for its type f32[rows, columns].
    pub fn data(&self, ty: &Type) -> Vec<f32> {
        let (rows, columns) = (ty.rows(), ty.columns());
        let mut table = vec![0.0f32; rows * columns];
        let half = columns / 2;
        for (t, row) in table.chunks_exact_mut(columns.max(1)).enumerate() {
            for i in 0..half {
                let frequency = match self {
                    Self::RopeTable(rope) => rope_frequency(rope, i, columns),
                    Self::SinusoidalTable => libm::pow(10000.0, -2.0 * i as f64 / columns as f64),
                };
                let angle = t as f64 * frequency;
                let (cosine, sine) = (libm::cos(angle) as f32, libm::sin(angle) as f32);
                match self {
                    Self::RopeTable(_) => (row[i], row[half + i]) = (cosine, sine),
                    Self::SinusoidalTable => (row[2 * i], row[2 * i + 1]) = (sine, cosine),
                }
            }
        }
        table
    }
}

/// Radians a position of the pair of channels `pair` of a head of `head_size`.
fn rope_frequency(rope: &Rope, pair: usize, head_size: usize) -> f64 {
    let channels = rope.channels.unwrap_or(head_size);
    if 2 * pair >= channels {
        return 0.0;
    }
    let frequency = libm::pow(f64::from(rope.base), -2.0 * pair as f64 / channels as f64);
    match rope.scaling {
        None => frequency,
        Some(RopeScaling::Linear { factor }) => frequency / f64::from(factor),
        Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length }) => {
            let [factor, low, high] = [factor, low_freq_factor, high_freq_factor].map(f64::from);
            // How often a wave fits into the context of before.
            let waves = original_context_length as f64 * frequency / (2.0 * std::f64::consts::PI);
            let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
            (1.0 - kept) * frequency / factor + kept * frequency
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Origin {
    /// Filled in before a run.
    Input(Input),
    /// A weight.
    Parameter(ParameterId),
    /// A weight's gradient: nodes add to it.
    Gradient(ParameterId),
    /// A table computed once.
    Constant(Constant),
    /// Kept from run to run and changed in place: layer's key cache (even numbers) and value cache (odd numbers).
    Cache(u32),
    /// Written by a node.
    Node(NodeId),
    /// Written by nobody any more: a fusion does without it.
    Removed,
}

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Shape and element.
    pub ty: Type,
    /// Where it comes from.
    pub origin: Origin,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it reads, in the order that the op's documentation gives.
    pub inputs: Vec<ValueId>,
    /// What it writes, or adds to where the value is a gradient.
    pub outputs: Vec<ValueId>,
    /// The human path that the profiler, the inspector and the memory report speak in: `blocks.3.attention`.
    pub scope: Rc<str>,
}

impl Node {
    /// Its operands by name, its operation being `op`.
    pub fn named<O: Operation>(&self, op: &O) -> Option<Named<O, ValueId>> {
        Named::of(op, self.inputs.iter().copied(), self.outputs.iter().copied())
    }
}

/// A weight of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Dotted path, as in `blocks.3.attention.qkv.weight`.
    pub name: String,
    /// Shape; a linear layer's is [out, in].
    pub ty: Type,
    /// Weight decay applies (matrices and embeddings).
    pub decayed: bool,
    /// Training changes it.
    pub trainable: bool,
    /// What its entries are drawn from before a run.
    pub init: Init,
}

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal, mean 0.
    Normal(f32),
    /// Every entry the same.
    Constant(f32),
    /// Uniform between minus this and this.
    Uniform(f32),
}

/// A graph under construction or done.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Operations, each after those whose values it reads.
    pub nodes: Vec<Node>,
    /// Values by [`ValueId`].
    pub values: Vec<Value>,
    /// Weights by [`ParameterId`].
    pub parameters: Vec<Parameter>,
    scope: Option<Rc<str>>,
}

/// A node that cannot be: which op, under which scope, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{scope}: {op}: {reason}")]
pub struct GraphError {
    /// Scope of the node.
    pub scope: String,
    /// Name of the op.
    pub op: &'static str,
    /// The rule that its inputs break.
    pub reason: String,
}

impl Graph {
    /// Sets the scope of the nodes that follow.
    pub fn set_scope(&mut self, scope: &str) {
        self.scope = Some(Rc::from(scope));
    }

    pub(crate) fn value(&mut self, ty: Type, origin: Origin) -> ValueId {
        self.values.push(Value { ty, origin });
        ValueId((self.values.len() - 1) as u32)
    }

    /// An input; the same one is the same value.
    pub fn input(&mut self, input: Input, ty: Type) -> ValueId {
        self.find(Origin::Input(input)).unwrap_or_else(|| self.value(ty, Origin::Input(input)))
    }

    /// A constant table; the same one of the same size is the same value.
    pub fn constant(&mut self, constant: Constant, ty: Type) -> ValueId {
        let origin = Origin::Constant(constant);
        let same = self.values.iter().position(|value| value.origin == origin && value.ty == ty);
        same.map_or_else(|| self.value(ty, origin), |at| ValueId(at as u32))
    }

    /// A cache, kept from run to run.
    pub fn cache(&mut self, number: u32, ty: Type) -> ValueId {
        self.value(ty, Origin::Cache(number))
    }

    /// Adds a weight.
    pub fn parameter(&mut self, parameter: Parameter) -> ValueId {
        let id = ParameterId(self.parameters.len() as u32);
        let ty = parameter.ty.clone();
        self.parameters.push(parameter);
        self.value(ty, Origin::Parameter(id))
    }

    /// The gradient of a weight; the same one is the same value.
    pub fn gradient_of(&mut self, parameter: ParameterId) -> ValueId {
        let origin = Origin::Gradient(parameter);
        let ty = self.parameters[parameter.index()].ty.clone();
        self.find(origin).unwrap_or_else(|| self.value(ty, origin))
    }

    /// The value with this origin (not for [`Origin::Node`], which may have several).
    pub fn find(&self, origin: Origin) -> Option<ValueId> {
        let at = self.values.iter().position(|value| value.origin == origin)?;
        Some(ValueId(at as u32))
    }

    /// Type of a value.
    pub fn ty(&self, value: ValueId) -> &Type {
        &self.values[value.index()].ty
    }

    /// Types of a node's operands by name, its operation being `op`.
    pub fn types_of<O: Operation>(&self, op: &O, node: &Node) -> Option<Named<O, &Type>> {
        let ty = |value: &ValueId| self.ty(*value);
        Named::of(op, node.inputs.iter().map(ty), node.outputs.iter().map(ty))
    }

    /// What the targets of its loss are; `None` where it has no loss.
    pub fn loss_targets(&self) -> Option<LossTargets> {
        fn targets<O: Operation>(op: &O, graph: &Graph, node: &Node) -> Option<LossTargets> {
            graph.types_of(op, node).and_then(|Named { inputs, .. }| op.targets(inputs))
        }
        self.nodes.iter().find_map(|node| dispatch!(&node.op, op => targets(op, self, node)))
    }

    /// Appends a node whose outputs are all new values; their types follow from the op's shape rule.
    pub fn push(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>, GraphError> {
        self.push_into(op, inputs, &[])
    }

    /// Appends a node that also adds to `gradients`, which follow its new outputs.
    pub fn push_into(
        &mut self,
        op: impl Into<Op>,
        inputs: &[ValueId],
        gradients: &[ValueId],
    ) -> Result<Vec<ValueId>, GraphError> {
        let op = op.into();
        let input_types: Vec<&Type> = inputs.iter().map(|id| self.ty(*id)).collect();
        let gradient_types: Vec<&Type> = gradients.iter().map(|id| self.ty(*id)).collect();
        let types = ops::types(&op, &input_types, &gradient_types)
            .map_err(|reason| self.refuse(op.name(), &reason))?;
        let node = NodeId(self.nodes.len() as u32);
        let mut outputs: Vec<ValueId> =
            types.into_iter().map(|ty| self.value(ty, Origin::Node(node))).collect();
        outputs.extend_from_slice(gradients);
        let scope = self.scope();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.clone(), scope });
        Ok(outputs)
    }

    /// [`Self::push`], operands by name.
    pub fn add<O: Operation<Gradients<ValueId> = Nothing>>(
        &mut self,
        op: O,
        inputs: O::Inputs<ValueId>,
    ) -> Result<O::Outputs<ValueId>, GraphError> {
        self.add_into(op, inputs, Nothing)
    }

    /// [`Self::push_into`], operands by name.
    pub fn add_into<O: Operation>(
        &mut self,
        op: O,
        inputs: O::Inputs<ValueId>,
        gradients: O::Gradients<ValueId>,
    ) -> Result<O::Outputs<ValueId>, GraphError> {
        let outputs = self.push_into(op, &inputs.list(), &gradients.list())?;
        O::Outputs::take(&op, &mut outputs.into_iter())
            .ok_or_else(|| self.refuse(O::NAME, "results are missing"))
    }

    fn scope(&self) -> Rc<str> {
        self.scope.clone().unwrap_or_else(|| Rc::from("graph"))
    }

    fn refuse(&self, op: &'static str, reason: &str) -> GraphError {
        GraphError { scope: self.scope().to_string(), op, reason: reason.to_owned() }
    }

    /// Total entries of all weights.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.ty.count()).sum()
    }
}

/// The [`Input::TokenOrder`] of a batch: the embedding's gradient is then a sum over runs, without atomics, in an
/// order that no scheduler can change.
pub fn token_order(tokens: &[u32]) -> Vec<u32> {
    let count = tokens.len();
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|position| tokens[*position as usize]);
    let mut runs = vec![0u32; count];
    let mut start = 0;
    while start < count {
        let token = tokens[order[start] as usize];
        let length =
            order[start..].iter().take_while(|position| tokens[**position as usize] == token).count();
        runs[start] = length as u32;
        start += length;
    }
    order.extend_from_slice(&runs);
    order
}
