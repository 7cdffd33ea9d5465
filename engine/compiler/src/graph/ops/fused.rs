//! Fused operations. Fusions (`plan/fuse`) create them in complete training graphs, after element types were assigned. Model
//! builders never use them, they have no gradients, and the oracle does not implement them.

use super::linear::product_flops;
use super::loss::{share_fits, targets_fit};
use super::{Added, Cost, Given, LossTargets, Made, Named, Nothing, Operation, declare, operands};
use crate::graph::Type;
use crate::graph::shape::{Rule, alike, columns, expect, rank};

/// [`super::Linear`] of x and the head's weight, then [`super::CrossEntropy`], `chunk` rows at a time, so that only one chunk of
/// the logits exists at once (the idea is Liger Kernel's, Hsu et al. 2024). Inputs: x [..,C], weight w [V,C], targets u32[..].
/// Outputs: loss [2], rows [N,2], and scratch space for a chunk of logits [chunk,V], not to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearCrossEntropy {
    /// s in [0, 1).
    pub label_smoothing: f32,
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
    /// Rows per chunk: all of them, or a multiple of 64.
    pub chunk: usize,
}

operands! {
    LinearCrossEntropyInputs of LinearCrossEntropy { x, weight, targets }
    LinearCrossEntropyOutputs of LinearCrossEntropy { loss, rows, logits }
}

impl Operation for LinearCrossEntropy {
    declare!(
        "linear_cross_entropy",
        "mean(lse(x·wᵀ) − (x·wᵀ)[target]), some rows at a time",
        LinearCrossEntropyInputs -> LinearCrossEntropyOutputs
    );

    fn types(&self, inputs: Given<'_, Self>, _: Nothing) -> Rule<LinearCrossEntropyOutputs<Type>> {
        let LinearCrossEntropyInputs { x, weight, targets } = inputs;
        let logits = chunk_of_logits(x, weight, targets, self.chunk)?;
        let rows = Type::f32(&[x.rows(), 2]);
        Ok(LinearCrossEntropyOutputs { loss: Type::f32(&[2]), rows, logits })
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::forward(product_flops(inputs.x, inputs.weight))
    }

    fn targets(&self, inputs: LinearCrossEntropyInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: inputs.weight.rows(), ignored: self.ignore_index })
    }
}

/// The gradient of [`LinearCrossEntropy`], chunk by chunk, with the logits recomputed: dx = dlogits·w and, if `weight` is set, dw +=
/// dlogitsᵀ·x. Inputs: x [..,C], weight w [V,C], targets, rows [N,2], share [2] or [N], as for [`super::CrossEntropyBackward`]. Outputs: dx
/// [..,C], scratch space for a chunk of logits and of their gradients [chunk,V], not to be read; (+= [V,C]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearCrossEntropyBackward {
    /// s of the forward op.
    pub label_smoothing: f32,
    pub ignore_index: Option<u32>,
    /// 1 / number of micro-batches.
    pub scale: f32,
    pub chunk: usize,
    /// Whether each row has its own weight, as in [`super::CrossEntropyBackward`].
    pub weighted: bool,
    /// Whether w's gradient is computed.
    pub weight: bool,
}

operands! {
    LinearCrossEntropyBackwardInputs of LinearCrossEntropyBackward { x, weight, targets, rows, share }
    LinearCrossEntropyBackwardOutputs of LinearCrossEntropyBackward { dx, logits, dlogits }
    HeadGradients of LinearCrossEntropyBackward { weight: if weight }
}

impl Operation for LinearCrossEntropyBackward {
    declare!(
        "linear_cross_entropy_backward",
        "dx = dlogits·w; dw += dlogitsᵀ·x, some rows at a time",
        LinearCrossEntropyBackwardInputs -> LinearCrossEntropyBackwardOutputs += HeadGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Made<Self> {
        let LinearCrossEntropyBackwardInputs { x, weight, targets, rows, share } = inputs;
        let logits = chunk_of_logits(x, weight, targets, self.chunk)?;
        alike("rows", rows, &Type::f32(&[x.rows(), 2]))?;
        share_fits(share, x.rows(), self.weighted)?;
        gradients.weight.map_or(Ok(()), |gradient| alike("gradient", gradient, weight))?;
        Ok(LinearCrossEntropyBackwardOutputs { dx: x.clone(), logits: logits.clone(), dlogits: logits })
    }

    /// The logits once more, plus a linear layer's backward pass.
    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        let forward = product_flops(inputs.x, inputs.weight);
        Cost { forward, backward: if self.weight { 2.0 * forward } else { forward }, ..Cost::default() }
    }
}

/// The type of a chunk of x·wᵀ.
fn chunk_of_logits(x: &Type, weight: &Type, targets: &Type, chunk: usize) -> Rule<Type> {
    rank("weight", weight, 2)?;
    columns("input", x, weight.columns())?;
    targets_fit(targets, x)?;
    let rows = x.rows();
    expect(chunk == rows || (chunk < rows && chunk > 0 && chunk.is_multiple_of(64)), || {
        format!("chunks of {chunk} rows: they must be multiples of 64, or all {rows}")
    })?;
    Ok(Type::f32(&[chunk, weight.rows()]))
}
