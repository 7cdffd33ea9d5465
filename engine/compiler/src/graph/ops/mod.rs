//! The operations. Each is a plain struct of its settings. Its family's file holds its formula and shapes, its named operands,
//! shape rule, gradient, f16 rules and cost. Files of the same names hold its lowering to kernels, its CPU interpretation and
//! its oracle implementation (`plan/lower`, `cpu/ops`, `oracle`).
//!
//! Shapes use the letters of `shaders/README.md`: B batch, T time, C channels, H heads, K kv-heads, D head size, F hidden, V
//! vocabulary; N is any number of rows (the product of all leading dimensions), W = (H + 2K)·D the packed projection of
//! queries, keys and values (in that order along a row). Inputs in round brackets exist only if the op's flag is set. Outputs
//! marked `+=` are parameter gradients, to which the op adds.

mod attention;
mod cached;
mod dictionary;
mod distil;
mod elementwise;
mod embedding;
mod experts;
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
mod unpack;

pub use attention::*;
pub use cached::*;
pub use dictionary::*;
pub use distil::*;
pub use elementwise::*;
pub use embedding::*;
pub use experts::*;
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
pub use unpack::*;

use super::gradient::Backward;
use super::half::{self, Operand};
use super::shape::Rule;
use super::{GraphError, Type, ValueId};
use operands::{declare, f16_rules, operands};

/// Passes the list of all operations to the given macro, after the tokens `$beside`. Those of `fused` are made by fusions only.
#[macro_export]
macro_rules! operations {
    ([$($then:tt)+] $beside:tt) => {
        $($then)+! {
            $beside
            forward {
                Embedding
                Norm RowNorm
                HeadNorm
                Linear
                Rope
                Attention
                CachedAttention LastRow
                Activation Gate
                Route RouterLoss WeighExperts ExpertLinear
                Dropout Noise Add Scale Multiply Softcap Unpack
                CrossEntropy Score
                Preference Policy
                Distil Unlikelihood
                TopK JumpRelu SquaredError
            }
            backward {
                EmbeddingBackward
                NormBackward
                HeadNormBackward HeadNormWeightBackward
                LinearInputBackward LinearWeightBackward SumRows
                AttentionBackward
                ActivationBackward GateBackward SoftcapBackward
                RouteBackward RouterLossBackward WeighExpertsBackward
                ExpertLinearInputBackward ExpertLinearWeightBackward
                CrossEntropyBackward
                DistilBackward UnlikelihoodBackward
                JumpReluBackward SquaredErrorBackward
            }
            fused {
                LinearCrossEntropy LinearCrossEntropyBackward
            }
        }
    };
}

/// `dispatch!(op, name => expression)` evaluates the expression with the operation's own struct as `name`. With `else other`,
/// only forward operations take the expression.
#[macro_export]
macro_rules! dispatch {
    ($value:expr, $op:ident => $body:expr) => {
        $crate::operations!([$crate::dispatch_among] [$value, $op, $body, $body])
    };
    ($value:expr, $op:ident => $body:expr, else $other:expr) => {
        $crate::operations!([$crate::dispatch_among] [$value, $op, $body, $other])
    };
}

/// Expansion of [`dispatch`] over the list: separate expressions for forward operations, and for backward and fused ones.
#[doc(hidden)]
#[macro_export]
macro_rules! dispatch_among {
    ([$value:expr, $op:ident, $first:expr, $then:expr]
        forward { $($ahead:ident)* } backward { $($back:ident)* } fused { $($fused:ident)* }
    ) => {
        match $value {
            $($crate::graph::Op::$ahead($op) => $first,)*
            $($crate::graph::Op::$back($op) => { let _ = $op; $then })*
            $($crate::graph::Op::$fused($op) => { let _ = $op; $then })*
        }
    };
}

macro_rules! define {
    ([] forward { $($ahead:ident)* } backward { $($back:ident)* } fused { $($fused:ident)* }) => {
        define! { $($ahead)* $($back)* $($fused)* }
    };
    ($($op:ident)*) => {
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
    /// Name in error messages and profiles.
    pub fn name(&self) -> &'static str {
        fn name<O: Operation>(_: &O) -> &'static str {
            O::NAME
        }
        dispatch!(self, op => name(op))
    }

    pub fn formula(&self) -> &'static str {
        dispatch!(self, op => op.formula())
    }
}

type In<O> = <O as Operation>::Inputs<ValueId>;
type Out<O> = <O as Operation>::Outputs<ValueId>;
type Done = Result<(), GraphError>;
/// Types of the inputs and gradients of an operation, and the rule for those of its outputs.
type Given<'ty, O> = <O as Operation>::Inputs<&'ty Type>;
type Added<'ty, O> = <O as Operation>::Gradients<&'ty Type>;
type Made<O> = Rule<<O as Operation>::Outputs<Type>>;

pub trait Operation: Copy + Into<Op> {
    /// Name in error messages and profiles.
    const NAME: &'static str;
    /// One-line formula for display; the full one is in the operation's documentation.
    const FORMULA: &'static str;
    /// Whether recomputing its output takes hardly any time: its work is linear in the number of values.
    const IS_CHEAP: bool = false;
    type Inputs<T>: Operands<Self, T>;
    type Outputs<T>: Operands<Self, T>;
    /// Parameter gradients that it adds to; they follow the outputs in a node's list.
    type Gradients<T>: Operands<Self, T>;

    /// One-line formula with its settings.
    fn formula(&self) -> &'static str {
        Self::FORMULA
    }

    /// Output types, or the shape rule that is broken. All floats are in 32 bits here.
    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Made<Self>;

    /// Appends the nodes that carry the gradient of the outputs back to the inputs.
    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let _ = inputs;
        pass.refuse(*self, outputs)
    }

    /// Operands for which its kernels have f16 variants.
    fn f16_rules(&self, operands: Named<Self, Operand>) -> Vec<half::Rule> {
        let _ = operands;
        Vec::new()
    }

    fn cost(&self, operands: Named<Self, &Type>) -> Cost {
        let _ = operands;
        Cost::default()
    }

    fn targets(&self, inputs: Self::Inputs<&Type>) -> Option<LossTargets> {
        let _ = inputs;
        None
    }
}

/// All operands of a node, by name.
pub struct Named<O: Operation, T> {
    pub inputs: O::Inputs<T>,
    pub outputs: O::Outputs<T>,
    pub gradients: O::Gradients<T>,
}

impl<O: Operation, T> Named<O, T> {
    /// Names a node's inputs and outputs; `None` if there are too few.
    pub fn try_new(
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossTargets {
    /// Number of classes: columns of the logits; `usize::MAX` if the loss reads only whether a target is ignored.
    pub classes: usize,
    /// Target of rows that do not count.
    pub ignored: Option<u32>,
}

/// Minimum work of an operation. A multiply-add is two FLOPs; only matrix products and attention are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// FLOPs of the forward pass, also where the backward pass repeats them.
    pub forward: f64,
    /// FLOPs of the backward pass.
    pub backward: f64,
    /// Maximum bytes to count for any one operand: a gather reads no more of a table than it writes.
    pub most_bytes: u64,
}

impl Default for Cost {
    fn default() -> Self {
        Self { forward: 0.0, backward: 0.0, most_bytes: u64::MAX }
    }
}

impl Cost {
    fn forward(flops: f64) -> Self {
        Self { forward: flops, ..Self::default() }
    }

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
