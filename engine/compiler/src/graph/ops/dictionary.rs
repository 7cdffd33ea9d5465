//! Sparse dictionaries: the largest entries of each row, or those above a threshold, and the squared error of a reconstruction.

use super::linear::bias_backward;
use super::loss::targets_fit;
use super::{
    ActivationBackward, ActivationBackwardInputs, Done, Dx, Given, In, LossTargets, Nothing, Operation, Out,
    X, Y, declare, operands,
};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect, vector};
use glasshouse_protocol::Activation;

/// y = x for the k largest entries of each row, if above 0, else 0; entries equal to the k-th largest are all kept (Gao et al. 2024, "Scaling
/// and evaluating sparse autoencoders", arXiv 2406.04093). Input: x [..,F]. Output: the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopK {
    /// k in 1 ..= F.
    pub k: usize,
}

impl Operation for TopK {
    declare!("top_k", "y = x for the k largest x above 0, else 0", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let columns = x.columns();
        expect((1..=columns).contains(&self.k), || format!("k must be in 1 to {columns} (got {})", self.k))?;
        Ok(Y { y: x.clone() })
    }

    /// As of a ReLU of the output: the gradient flows where y is above 0.
    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y).filter(|_| pass.wants(x)) else { return Ok(()) };
        let inputs = ActivationBackwardInputs { x: pass.read(y)?, dy };
        let Dx { dx } = pass.graph.add(ActivationBackward(Activation::Relu), inputs)?;
        pass.flow(x, dx)
    }
}

/// y = x·[x > θ], θ > 0 of each column, of which the logarithm is given. θ's gradient comes from a straight-through estimator, and includes that
/// of a penalty λ·L0, the mean number of entries above θ in the counted rows, which no loss value contains (Rajamanoharan et al. 2024, "Jumping
/// Ahead", arXiv 2407.14435). Inputs: x [..,F], log_threshold log θ [F], targets u32[..]. Output: y [..,F].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JumpRelu {
    /// ε: θ's gradient comes from the entries with |x − θ| < ε/2.
    pub bandwidth: f32,
    /// λ.
    pub penalty: f32,
    /// Target of rows without penalty.
    pub ignore_index: Option<u32>,
}

operands! {
    JumpReluInputs of JumpRelu { x, log_threshold, targets }
}

impl Operation for JumpRelu {
    declare!("jump_relu", "y = x where x > θ, else 0", JumpReluInputs -> Y);

    fn types(
        &self,
        JumpReluInputs { x, log_threshold, targets }: JumpReluInputs<&Type>,
        _: Nothing,
    ) -> Rule<Y<Type>> {
        expect(self.bandwidth > 0.0 && self.bandwidth.is_finite(), || {
            format!("the bandwidth must be positive (got {})", self.bandwidth)
        })?;
        vector("log_threshold", log_threshold, x.columns())?;
        targets_fit(targets, x)?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (JumpReluInputs { x, log_threshold, targets }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let (loss, scale) = pass.loss().unzip();
        let op =
            JumpReluBackward { forward: *self, penalised: loss.is_some(), scale: scale.unwrap_or_default() };
        let inputs = JumpReluBackwardInputs { x: pass.read(x)?, log_threshold, dy, targets, loss };
        let JumpReluBackwardOutputs { dx, dlog_threshold } = pass.graph.add(op, inputs)?;
        bias_backward(pass, dlog_threshold, Some(log_threshold))?;
        if pass.wants(x) { pass.flow(x, dx) } else { Ok(()) }
    }
}

/// dx = dy·[x > θ]; rows of d log θ = −θ·(θ·dy + λ·scale/count)/ε·[|x − θ| < ε/2], without λ in ignored rows. Inputs: x, log θ, dy, targets, (loss
/// [2], whose second entry is the count; without it λ is 0). Outputs: dx and d log θ's rows, like x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JumpReluBackward {
    pub forward: JumpRelu,
    /// Whether the loss is given.
    pub penalised: bool,
    /// 1 / number of micro-batches.
    pub scale: f32,
}

operands! {
    JumpReluBackwardInputs of JumpReluBackward { x, log_threshold, dy, targets, loss: if penalised }
    JumpReluBackwardOutputs of JumpReluBackward { dx, dlog_threshold }
}

impl Operation for JumpReluBackward {
    declare!(
        "jump_relu_backward",
        "dx = dy where x > θ, else 0; d log θ = −θ·(θ·dy + λ / rows that count)/ε where |x − θ| < ε/2",
        JumpReluBackwardInputs -> JumpReluBackwardOutputs
    );

    fn types(&self, inputs: Given<'_, Self>, _: Nothing) -> Rule<JumpReluBackwardOutputs<Type>> {
        let JumpReluBackwardInputs { x, log_threshold, dy, targets, loss } = inputs;
        vector("log_threshold", log_threshold, x.columns())?;
        alike("output gradient", dy, x)?;
        targets_fit(targets, x)?;
        loss.map_or(Ok(()), |loss| alike("loss", loss, &Type::f32(&[2])))?;
        Ok(JumpReluBackwardOutputs { dx: x.clone(), dlog_threshold: x.clone() })
    }
}

/// Squared error of a reconstruction: row loss = Σ (y − x)². Rows whose target is `ignore_index` are ignored. No gradient flows to x. Inputs: y
/// and x [..,C], targets u32[..]. Outputs: loss [2] = (mean over the counted rows, their number; 0 if none), rows [N,2] = (error, row loss:
/// the error, or 0 if ignored).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredError {
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
}

operands! {
    SquaredErrorInputs of SquaredError { y, x, targets }
    SquaredErrorOutputs of SquaredError { loss, rows }
}

impl Operation for SquaredError {
    declare!("squared_error", "mean of Σ (y − x)²", SquaredErrorInputs -> SquaredErrorOutputs);

    fn types(&self, inputs: SquaredErrorInputs<&Type>, _: Nothing) -> Rule<SquaredErrorOutputs<Type>> {
        let SquaredErrorInputs { y, x, targets } = inputs;
        alike("x", x, y)?;
        targets_fit(targets, y)?;
        Ok(SquaredErrorOutputs { loss: Type::f32(&[2]), rows: Type::f32(&[y.rows(), 2]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (SquaredErrorInputs { y, x, targets }, SquaredErrorOutputs { loss, .. }) = (inputs, outputs);
        let Some(scale) = pass.begins_at(loss) else { return Ok(()) };
        let op = SquaredErrorBackward { forward: *self, scale };
        let Dx { dx } = pass.graph.add(op, SquaredErrorBackwardInputs { y, x, targets, loss })?;
        pass.flow(y, dx)
    }

    fn targets(&self, _: SquaredErrorInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: usize::MAX, ignored: self.ignore_index })
    }
}

/// dx = 2·f·(y − x), 0 for ignored rows; f is scale/count. Inputs: y, x, targets, loss [2], whose second entry is the count. Output: like y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredErrorBackward {
    pub forward: SquaredError,
    /// 1 / number of micro-batches.
    pub scale: f32,
}

operands! {
    SquaredErrorBackwardInputs of SquaredErrorBackward { y, x, targets, loss }
}

impl Operation for SquaredErrorBackward {
    declare!("squared_error_backward", "dx = 2·(y − x) / rows that count", SquaredErrorBackwardInputs -> Dx);

    fn types(&self, inputs: SquaredErrorBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let SquaredErrorBackwardInputs { y, x, targets, loss } = inputs;
        alike("x", x, y)?;
        targets_fit(targets, y)?;
        alike("loss", loss, &Type::f32(&[2]))?;
        Ok(Dx { dx: y.clone() })
    }
}
