//! The operations. Each is a plain structure of its settings; with it stand, in the file of its family, its formula and shapes, its
//! operands by name, the rule of its shapes, its gradient, what of it may be stored in 16 bits, and what it costs. How it is lowered to
//! kernels, interpreted on the CPU and expressed for the reference stands in files of the same names in those rooms
//! (`plan/lower`, `cpu/ops`, `reference`).
//!
//! Shapes use the legend's letters (`shaders/README.md`): B batch, T time, C channels, H heads, K kv-heads, D head size, F hidden, V
//! vocabulary; N stands for any number of rows (all leading dimensions together), W = (H + 2K)·D for the packed projection of queries,
//! keys and values (in that order along a row). Inputs in round brackets are there only when the op's flag says so. Outputs marked `+=`
//! are gradients of parameters, to which the op adds.

mod attention;
mod cached;
mod distil;
mod elementwise;
mod embedding;
mod fused;
mod head_norm;
mod linear;
mod loss;
mod mlp;
mod norm;
mod operands;
mod policy;
mod preference;
mod rope;
mod unlikelihood;

pub use attention::*;
pub use cached::*;
pub use distil::*;
pub use elementwise::*;
pub use embedding::*;
pub use fused::*;
pub use head_norm::*;
pub use linear::*;
pub use loss::*;
pub use mlp::*;
pub use norm::*;
pub use operands::{Dx, Nothing, Operands, X, Y};
pub use policy::*;
pub use preference::*;
pub use rope::*;
pub use unlikelihood::*;

use super::gradient::Backward;
use super::half::{self, Operand};
use super::shape::Rule;
use super::{GraphError, Type, ValueId};
use operands::operands;

/// Hands the list of all operations, a line a family, to the macro that is named, behind what it is to get beside. Those at the end only
/// fusions make, epilogues of products only on a GPU.
#[macro_export]
macro_rules! operations {
    ([$($then:tt)+] $beside:tt) => {
        $($then)+! {
            $beside
            forward {
                Embedding
                Norm
                HeadNorm
                Linear
                Rope
                Attention
                CachedAttention LastRow
                Activation Gate
                Dropout Noise Add Scale
                CrossEntropy Score
                Preference Policy
                Distil Unlikelihood
            }
            backward {
                EmbeddingBackward
                NormBackward NormWeightBackward
                HeadNormBackward HeadNormWeightBackward
                LinearInputBackward LinearWeightBackward SumRows
                AttentionDelta AttentionBackward
                ActivationBackward GateBackward
                CrossEntropyBackward
                DistilBackward UnlikelihoodBackward
            }
            fused {
                LinearCrossEntropy LinearCrossEntropyBackward
            }
            epilogues {
                LinearActivation LinearRope LinearInputActivationBackward
            }
        }
    };
}

/// `dispatch!(op, name => expression)`: the expression with the operation's own structure as `name`. With `else other` it is that of
/// forward operations alone, with `epilogues other` that of all but the epilogues.
#[macro_export]
macro_rules! dispatch {
    ($value:expr, $op:ident => $body:expr) => {
        $crate::operations!([$crate::dispatch_among] [$value, $op, $body, $body, $body])
    };
    ($value:expr, $op:ident => $body:expr, else $other:expr) => {
        $crate::operations!([$crate::dispatch_among] [$value, $op, $body, $other, $other])
    };
    ($value:expr, $op:ident => $body:expr, epilogues $other:expr) => {
        $crate::operations!([$crate::dispatch_among] [$value, $op, $body, $body, $other])
    };
}

/// What [`dispatch`] makes of the list: what to do with forward operations, with those that follow, and with epilogues.
#[doc(hidden)]
#[macro_export]
macro_rules! dispatch_among {
    ([$value:expr, $op:ident, $first:expr, $then:expr, $last:expr]
        forward { $($ahead:ident)* } backward { $($back:ident)* } fused { $($fused:ident)* } epilogues { $($epilogue:ident)* }
    ) => {
        match $value {
            $($crate::graph::Op::$ahead($op) => $first,)*
            $($crate::graph::Op::$back($op) => { let _ = $op; $then })*
            $($crate::graph::Op::$fused($op) => { let _ = $op; $then })*
            $($crate::graph::Op::$epilogue($op) => { let _ = $op; $last })*
        }
    };
}

macro_rules! define {
    ([] forward { $($ahead:ident)* } backward { $($back:ident)* } fused { $($fused:ident)* } epilogues { $($epilogue:ident)* }) => {
        define! { $($ahead)* $($back)* $($fused)* $($epilogue)* }
    };
    ($($op:ident)*) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Op {
            $(#[doc = concat!("See [`", stringify!($op), "`].")] $op($op),)*
        }

        $(impl From<$op> for Op {
            fn from(op: $op) -> Self {
                Self::$op(op)
            }
        })*
    };
}

operations!([define] []);

impl Op {
    /// Name, as in error messages and profiles.
    pub fn name(&self) -> &'static str {
        fn name<O: Operation>(_: &O) -> &'static str {
            O::NAME
        }
        dispatch!(self, op => name(op))
    }

    /// What it computes, in a line.
    pub fn formula(&self) -> &'static str {
        dispatch!(self, op => op.formula())
    }
}

/// What every operation says of itself.
pub trait Operation: Copy + Into<Op> {
    /// Name, as in error messages and profiles.
    const NAME: &'static str;
    /// What it computes, in a line for whoever looks at the graph; all of it stands with the operation.
    const FORMULA: &'static str;
    /// What it reads.
    type Inputs<T>: Operands<Self, T>;
    /// What it makes.
    type Outputs<T>: Operands<Self, T>;
    /// The gradients of parameters that it adds to; in a node's list they follow its outputs.
    type Gradients<T>: Operands<Self, T>;

    /// What it computes with its settings, in a line.
    fn formula(&self) -> &'static str {
        Self::FORMULA
    }

    /// Types of what it makes, or the rule that its operands break. Shapes alone: all floats are in 32 bits here.
    fn types(
        &self,
        inputs: Self::Inputs<&Type>,
        gradients: Self::Gradients<&Type>,
    ) -> Rule<Self::Outputs<Type>>;

    /// Appends what carries the gradient of its outputs back to its inputs.
    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        inputs: Self::Inputs<ValueId>,
        outputs: Self::Outputs<ValueId>,
    ) -> Result<(), GraphError> {
        let _ = inputs;
        pass.refuse(*self, outputs)
    }

    /// Which operands its kernels have variants for in 16-bit floats.
    fn f16_rules(&self, operands: Named<Self, Operand>) -> Vec<half::Rule> {
        let _ = operands;
        Vec::new()
    }

    /// What it costs at least.
    fn cost(&self, operands: Named<Self, &Type>) -> Cost {
        let _ = operands;
        Cost::default()
    }

    /// Of a loss: what its targets are.
    fn targets(&self, inputs: Self::Inputs<&Type>) -> Option<LossTargets> {
        let _ = inputs;
        None
    }

    /// Whether what it makes is computed again in hardly any time: its work grows with the values alone.
    fn is_cheap(&self, inputs: Self::Inputs<&Type>) -> bool {
        let _ = inputs;
        false
    }
}

/// All operands of a node.
pub struct Named<O: Operation, T> {
    /// What it reads.
    pub inputs: O::Inputs<T>,
    /// What it makes.
    pub outputs: O::Outputs<T>,
    /// What it adds to.
    pub gradients: O::Gradients<T>,
}

impl<O: Operation, T> Named<O, T> {
    /// Of a node's lists; `None` where they are too short.
    pub fn of(
        op: &O,
        inputs: impl IntoIterator<Item = T>,
        outputs: impl IntoIterator<Item = T>,
    ) -> Option<Self> {
        let mut outputs = outputs.into_iter();
        Some(Self {
            inputs: O::Inputs::take(op, &mut inputs.into_iter())?,
            outputs: O::Outputs::take(op, &mut outputs)?,
            gradients: O::Gradients::take(op, &mut outputs)?,
        })
    }
}

/// The targets of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossTargets {
    /// Classes that they are of: columns of the logits.
    pub classes: usize,
    /// The target that does not count.
    pub ignored: Option<u32>,
}

/// The least that an operation has to do. A multiply-add is two floating-point operations; only matrix products and attention are
/// counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Floating-point operations of the forward pass, those that are done once more in the backward pass included.
    pub forward: f64,
    /// Floating-point operations of the backward pass.
    pub backward: f64,
    /// Most bytes that are taken of any operand: rows gathered from a table are no more than the rows that they become.
    pub most_bytes: u64,
}

impl Default for Cost {
    fn default() -> Self {
        Self { forward: 0.0, backward: 0.0, most_bytes: u64::MAX }
    }
}

impl Cost {
    /// Of an operation of the forward pass.
    fn forward(flops: f64) -> Self {
        Self { forward: flops, ..Self::default() }
    }

    /// Of one of the backward pass.
    fn backward(flops: f64) -> Self {
        Self { backward: flops, ..Self::default() }
    }
}

/// Types of a node's new outputs. `gradients` are the values that it adds to.
pub(super) fn types(op: &Op, inputs: &[&Type], gradients: &[&Type]) -> Rule<Vec<Type>> {
    dispatch!(op, op => types_of(op, inputs, gradients))
}

fn types_of<O: Operation>(op: &O, inputs: &[&Type], gradients: &[&Type]) -> Rule<Vec<Type>> {
    let needed = <O::Inputs<&Type> as Operands<O, &Type>>::count(op);
    let added = <O::Gradients<&Type> as Operands<O, &Type>>::count(op);
    let count = |given: usize, needed: usize, what: &str| format!("{given} {what} given, {needed} needed");
    if inputs.len() != needed {
        return Err(count(inputs.len(), needed, "inputs"));
    }
    if gradients.len() != added {
        return Err(count(gradients.len(), added, "gradients"));
    }
    for (at, ty) in inputs.iter().chain(gradients).enumerate() {
        super::shape::countable(at, ty)?;
    }
    let named = (
        O::Inputs::take(op, &mut inputs.iter().copied()),
        O::Gradients::take(op, &mut gradients.iter().copied()),
    );
    let (Some(inputs), Some(gradients)) = named else { return Err("operands are missing".to_owned()) };
    Ok(op.types(inputs, gradients)?.list())
}
