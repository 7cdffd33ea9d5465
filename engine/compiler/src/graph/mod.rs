//! The model as data: a small typed graph of operations.
//!
//! [`crate::model`] builds a forward graph once; [`gradient`] adds backward nodes; [`crate::plan`] lowers it to kernel
//! dispatches; `cpu` and `oracle` interpret it. Nodes are in topological order. Every computed value is written exactly
//! once, except parameter gradients ([`Origin::Gradient`]): a node that lists one among its outputs *adds* to it, and the
//! executor clears all gradients before the first micro-batch of a step.

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
pub use ops::{DropoutSite, Heads, NormForm, Op};
pub use recompute::Keep;

use crate::blocks::gguf::GgmlType;
use crate::{blocks, dispatch};
use glasshouse_protocol::{Rope, RopeScaling, WeightFormat};
use ops::{LossTargets, Named, Nothing, Operands, Operation};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Index into [`Graph::parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub u32);

impl ValueId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ParameterId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    /// 16-bit float: storage for values that are computed in 32 bits (see [`store_in_half`]), and for frozen weights.
    F16,
    /// 32-bit unsigned integer: token ids and indices.
    U32,
    /// Frozen weights in blocks of few bits that we make ourselves (see [`crate::blocks`]).
    Quantised(GgmlType),
    /// Frozen weights in the blocks of a GGUF file (see [`crate::blocks::gguf`]).
    Gguf {
        /// Words per row.
        row: u32,
    },
}

impl Element {
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Quantised(_))
    }
}

impl From<WeightFormat> for Element {
    fn from(format: WeightFormat) -> Self {
        match format.into() {
            // A file's blocks are not made from weights: those that a run has are put into the graph.
            GgmlType::F32 => Self::F32,
            GgmlType::F16 => Self::F16,
            ty => Self::Quantised(ty),
        }
    }
}

/// Shape (row-major, last dimension fastest) and element type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Sizes of the dimensions, outermost first.
    pub shape: Vec<usize>,
    pub element: Element,
}

impl Type {
    pub fn f32(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), element: Element::F32 }
    }

    pub fn u32(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), element: Element::U32 }
    }

    /// Number of entries; saturates at `usize::MAX`.
    pub fn count(&self) -> usize {
        product(&self.shape)
    }

    /// Size in bytes, rounded up to a multiple of 4; saturating.
    pub fn bytes(&self) -> u64 {
        let entries = self.count() as u64;
        match self.element {
            Element::F32 | Element::U32 => entries.saturating_mul(4),
            Element::F16 => entries.div_ceil(2).saturating_mul(4),
            _ => (self.rows() as u64).saturating_mul(self.row_bytes()),
        }
    }

    /// Size of a row in bytes.
    pub fn row_bytes(&self) -> u64 {
        let columns = self.columns();
        match self.element {
            Element::F16 => columns as u64 * 2,
            element => blocks::row_words(element, columns) as u64 * 4,
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
    // A size of 0 makes the product 0, even if the others overflow.
    if sizes.contains(&0) {
        0
    } else {
        sizes.iter().fold(1, |product: usize, size| product.saturating_mul(*size))
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let element: &str = match self.element {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::U32 => "u32",
            Element::Quantised(ty) => &ty.name().to_lowercase(),
            Element::Gguf { .. } => "gguf",
        };
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        write!(formatter, "{element}[{}]", shape.join(", "))
    }
}

/// An input that the executor fills in before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// u32[B, T]: token ids.
    Tokens,
    /// u32[B, T]: the id of the token after each one.
    Targets,
    /// u32[B, T]: for rows that hold several documents, the first position of the document that each position belongs to.
    Starts,
    /// u32[2, B·T]: row 0 lists the positions of the batch sorted by token id (stable). Row 1 holds the length of the run where
    /// a new id begins in row 0, else 0. See [`token_order`].
    TokenOrder,
    /// u32[B, 3]: for each chunk of a decoding batch, the position of its first token in its text, its number of real tokens,
    /// and its cache slot.
    Cursor,
    /// f32: per-batch constants of the objective (advantages, reference log-probabilities …), in the shape that its operation asks for.
    Scores,
    /// f32[B·T]: the share of each token in the means of a router's losses, 0 for padding.
    Shares,
    /// Any other input of a test or a probe, by number.
    Free(u32),
}

/// A table that depends on the configuration only, computed on the host with `libm` so that all targets agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// f32[T, D]: row t holds f·cos(t·θᵢ) for i < D/2, then f·sin(t·θᵢ), with θᵢ and f from [`rope_waves`].
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
        let wave = |i: usize| (libm::pow(10000.0, -2.0 * i as f64 / columns as f64), 1.0);
        let waves = match self {
            Self::RopeTable(rope) => rope_waves(rope, columns, rows),
            Self::SinusoidalTable => (0..half).map(wave).collect(),
        };
        for (t, row) in table.chunks_exact_mut(columns.max(1)).enumerate() {
            for (i, (frequency, factor)) in waves.iter().enumerate() {
                let angle = t as f64 * frequency;
                let [cosine, sine] = [libm::cos(angle), libm::sin(angle)].map(|part| (factor * part) as f32);
                match self {
                    Self::RopeTable(_) => (row[i], row[half + i]) = (cosine, sine),
                    Self::SinusoidalTable => (row[2 * i], row[2 * i + 1]) = (sine, cosine),
                }
            }
        }
        table
    }
}

/// θᵢ = base^(−2i/R), scaled, in radians per position, and the attention factor f, for each channel pair i of a head; 0 and 1 for i ≥
/// R/2. `context` is T. As in `modeling_rope_utils.py` of `transformers`.
pub fn rope_waves(rope: &Rope, head_size: usize, context: usize) -> Vec<(f64, f64)> {
    let (channels, context) = (rope.channels.unwrap_or(head_size), context as f64);
    let (base, size) = (f64::from(rope.base), channels as f64);
    let factor = match &rope.scaling {
        Some(RopeScaling::Yarn { factor, attention_factor, .. }) => {
            attention_factor.map_or_else(|| 0.1 * libm::log((*factor).into()) + 1.0, f64::from)
        }
        Some(RopeScaling::Longrope { original_context_length: original, attention_factor, .. }) => {
            let original = *original as f64;
            let longer = libm::log((context / original).max(1.0));
            attention_factor.map_or_else(|| (1.0 + longer / libm::log(original)).sqrt(), f64::from)
        }
        _ => 1.0,
    };
    let frequency = |pair: usize| {
        let power = |base: f64, size: f64| libm::pow(base, -2.0 * pair as f64 / size);
        let plain = power(base, size);
        match &rope.scaling {
            None => plain,
            Some(RopeScaling::Linear { factor }) => plain / f64::from(*factor),
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_context_length,
            }) => {
                let [factor, low, high] = [*factor, *low_freq_factor, *high_freq_factor].map(f64::from);
                // Wavelengths per original context length.
                let waves = *original_context_length as f64 * plain / (2.0 * std::f64::consts::PI);
                let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - kept) * plain / factor + kept * plain
            }
            Some(RopeScaling::Dynamic { factor, original_context_length }) => {
                let (factor, original) = (f64::from(*factor), *original_context_length as f64);
                plain * power(factor * context.max(original) / original - (factor - 1.0), size - 2.0)
            }
            Some(RopeScaling::Yarn {
                factor,
                original_context_length,
                beta_fast,
                beta_slow,
                truncate,
                ..
            }) => {
                // The channel pair with this many turns in the original context, as a fraction.
                let pair_of = |turns: f32| {
                    let wave =
                        *original_context_length as f64 / (f64::from(turns) * 2.0 * std::f64::consts::PI);
                    size * libm::log(wave) / (2.0 * libm::log(base))
                };
                let (low, high) = (pair_of(*beta_fast), pair_of(*beta_slow));
                let (low, high) = if *truncate { (low.floor(), high.ceil()) } else { (low, high) };
                let (low, high) = (low.max(0.0), high.min(size - 1.0));
                let span = if low == high { 0.001 } else { high - low };
                let scaled = ((pair as f64 - low) / span).clamp(0.0, 1.0);
                scaled * plain / f64::from(*factor) + (1.0 - scaled) * plain
            }
            Some(RopeScaling::Longrope {
                short_factor,
                long_factor,
                original_context_length: original,
                ..
            }) => {
                let factors = if context > *original as f64 { long_factor } else { short_factor };
                plain / factors.get(pair).map_or(1.0, |own| f64::from(*own))
            }
        }
    };
    let wave = |pair| if 2 * pair < channels { (frequency(pair), factor) } else { (0.0, 1.0) };
    (0..head_size / 2).map(wave).collect()
}

#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    Input(Input),
    Parameter(ParameterId),
    /// A weight's gradient: nodes add to it.
    Gradient(ParameterId),
    /// Computed once.
    Constant(Constant),
    /// Kept between runs and updated in place: a layer's key cache (even numbers) or value cache (odd numbers).
    Cache(u32),
    Node(NodeId),
    /// No longer written: a fusion has removed it.
    Removed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub ty: Type,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub op: Op,
    /// In the order of the op's documentation.
    pub inputs: Vec<ValueId>,
    /// Values that the node writes, then parameter gradients that it adds to.
    pub outputs: Vec<ValueId>,
    /// Dotted path for the profiler, the inspector and the memory report: `blocks.3.attention`.
    pub scope: Rc<str>,
}

impl Node {
    /// Operands by name; `op` must be the node's operation.
    pub fn named<O: Operation>(&self, op: &O) -> Option<Named<O, ValueId>> {
        Named::try_new(op, self.inputs.iter().copied(), self.outputs.iter().copied())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Dotted path, for example `blocks.3.attention.qkv.weight`.
    pub name: String,
    /// Shape; [out, in] for a linear layer.
    pub ty: Type,
    pub decayed: bool,
    pub trainable: bool,
    pub init: Init,
    /// Rows of the matrices stacked in it, such as those of query, key and value; empty for a single one.
    pub stacked: Vec<usize>,
}

impl Parameter {
    /// A frozen parameter of zeros.
    pub fn zeros(name: &str, ty: Type) -> Self {
        let (decayed, trainable, init) = (false, false, Init::Constant(0.0));
        Self { name: name.to_owned(), ty, decayed, trainable, init, stacked: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    Constant(f32),
    /// Uniform between minus this and this.
    Uniform(f32),
}

#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// In topological order.
    pub nodes: Vec<Node>,
    pub values: Vec<Value>,
    pub parameters: Vec<Parameter>,
    scope: Option<Rc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{scope}: {op}: {reason}")]
pub struct GraphError {
    pub scope: String,
    pub op: &'static str,
    /// The shape rule that its inputs break.
    pub reason: String,
}

impl Graph {
    /// Sets the scope of subsequently added nodes.
    pub fn set_scope(&mut self, scope: &str) {
        self.scope = Some(Rc::from(scope));
    }

    pub(crate) fn value(&mut self, ty: Type, origin: Origin) -> ValueId {
        self.values.push(Value { ty, origin });
        ValueId((self.values.len() - 1) as u32)
    }

    /// Returns the value of an input, adding it on first use.
    pub fn input(&mut self, input: Input, ty: Type) -> ValueId {
        self.find(Origin::Input(input)).unwrap_or_else(|| self.value(ty, Origin::Input(input)))
    }

    /// Returns the value of a constant table, adding it on first use of this table and type.
    pub fn constant(&mut self, constant: Constant, ty: Type) -> ValueId {
        let origin = Origin::Constant(constant);
        let same = self.values.iter().position(|value| value.origin == origin && value.ty == ty);
        same.map_or_else(|| self.value(ty, origin), |at| ValueId(at as u32))
    }

    /// Adds a cache, which is kept between runs.
    pub fn cache(&mut self, number: u32, ty: Type) -> ValueId {
        self.value(ty, Origin::Cache(number))
    }

    pub fn parameter(&mut self, parameter: Parameter) -> ValueId {
        let id = ParameterId(self.parameters.len() as u32);
        let ty = parameter.ty.clone();
        self.parameters.push(parameter);
        self.value(ty, Origin::Parameter(id))
    }

    /// Returns the gradient of a weight, adding it on first use.
    pub fn gradient_of(&mut self, parameter: ParameterId) -> ValueId {
        let origin = Origin::Gradient(parameter);
        let ty = self.parameters[parameter.index()].ty.clone();
        self.find(origin.clone()).unwrap_or_else(|| self.value(ty, origin))
    }

    /// The value with this origin (not for [`Origin::Node`], which may have several).
    #[allow(clippy::needless_pass_by_value, reason = "callers write the origin in place")]
    pub fn find(&self, origin: Origin) -> Option<ValueId> {
        let at = self.values.iter().position(|value| value.origin == origin)?;
        Some(ValueId(at as u32))
    }

    pub fn ty(&self, value: ValueId) -> &Type {
        &self.values[value.index()].ty
    }

    /// Types of a node's operands by name; `op` must be the node's operation.
    pub fn types_of<O: Operation>(&self, op: &O, node: &Node) -> Option<Named<O, &Type>> {
        let ty = |value: &ValueId| self.ty(*value);
        Named::try_new(op, node.inputs.iter().map(ty), node.outputs.iter().map(ty))
    }

    /// The targets of the graph's loss, or `None` if it has no loss.
    pub fn loss_targets(&self) -> Option<LossTargets> {
        fn targets<O: Operation>(op: &O, graph: &Graph, node: &Node) -> Option<LossTargets> {
            graph.types_of(op, node).and_then(|Named { inputs, .. }| op.targets(inputs))
        }
        self.nodes.iter().find_map(|node| dispatch!(&node.op, op => targets(op, self, node)))
    }

    /// Appends a node whose outputs are all new values. Their types follow from the op's shape rule.
    pub fn push(&mut self, op: impl Into<Op>, inputs: &[ValueId]) -> Result<Vec<ValueId>, GraphError> {
        self.push_into(op.into(), inputs, &[])
    }

    /// Appends a node that also adds to `gradients`, which follow its new outputs.
    pub fn push_into(
        &mut self,
        op: Op,
        inputs: &[ValueId],
        gradients: &[ValueId],
    ) -> Result<Vec<ValueId>, GraphError> {
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

    /// Like [`Self::push`], with operands by name.
    pub fn add<O: Operation<Gradients<ValueId> = Nothing>>(
        &mut self,
        op: O,
        inputs: O::Inputs<ValueId>,
    ) -> Result<O::Outputs<ValueId>, GraphError> {
        self.add_into(op, inputs, Nothing)
    }

    /// Like [`Self::push_into`], with operands by name.
    pub fn add_into<O: Operation>(
        &mut self,
        op: O,
        inputs: O::Inputs<ValueId>,
        gradients: O::Gradients<ValueId>,
    ) -> Result<O::Outputs<ValueId>, GraphError> {
        let outputs = self.push_into(op.into(), &inputs.list(), &gradients.list())?;
        O::Outputs::take(&op, &mut outputs.into_iter())
            .ok_or_else(|| self.refuse(O::NAME, "results are missing"))
    }

    fn scope(&self) -> Rc<str> {
        self.scope.clone().unwrap_or_else(|| Rc::from("graph"))
    }

    fn refuse(&self, op: &'static str, reason: &str) -> GraphError {
        GraphError { scope: self.scope().to_string(), op, reason: reason.to_owned() }
    }

    /// Total number of weight entries.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.ty.count()).sum()
    }
}

/// Returns the [`Input::TokenOrder`] of a batch. It makes the embedding's gradient a sum over runs, without atomics and in a
/// deterministic order.
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
