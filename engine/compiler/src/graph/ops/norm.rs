//! LayerNorm and RMSNorm, and the norms of a weight's rows.

use super::linear::{bias_backward, product_flops};
use super::{
    Added, Cost, Done, Dx, Given, In, Named, Nothing, Operation, Out, Y, declare, f16_rules, operands,
};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect, rank, vector};
use glasshouse_protocol::NormKind;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormForm {
    pub kind: NormKind,
    /// Added to the variance or mean square.
    pub eps: f32,
    /// Scale by 1 + w instead of w.
    pub unit_offset: bool,
}

impl NormForm {
    /// Without unit offset.
    pub const fn new(kind: NormKind, eps: f32) -> Self {
        Self { kind, eps, unit_offset: false }
    }

    /// Constant added to each weight.
    pub fn offset(self) -> f32 {
        if self.unit_offset { 1.0 } else { 0.0 }
    }
}

/// Let w be the weight, or 1 + weight with a unit offset. LayerNorm: y = (x − μ)·ρ·w (+ b), ρ = 1/√(var + eps). RMSNorm: y = x·ρ·w, ρ =
/// 1/√(mean x² + eps). Inputs: x [..,C], scale w [C], (bias b [C]). Outputs: y [..,C], statistics [N,2] = (μ, ρ), with μ = 0 for RMSNorm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    pub form: NormForm,
    /// Whether b is given.
    pub bias: bool,
}

operands! {
    NormInputs of Norm { x, scale, bias: if bias }
    NormOutputs of Norm { y, statistics }
}

impl Operation for Norm {
    declare!(
        "norm",
        "LayerNorm: y = (x − μ) / √(var + ε)·w + b; RMSNorm: y = x / √(mean x² + ε)·w",
        NormInputs -> NormOutputs
    );

    fn formula(&self) -> &'static str {
        match (self.form.kind, self.form.unit_offset, self.bias) {
            (NormKind::Layer, false, true) => "y = (x − μ) / √(var + ε)·w + b",
            (NormKind::Layer, false, false) => "y = (x − μ) / √(var + ε)·w",
            (NormKind::Layer, true, true) => "y = (x − μ) / √(var + ε)·(1 + w) + b",
            (NormKind::Layer, true, false) => "y = (x − μ) / √(var + ε)·(1 + w)",
            (NormKind::Rms, false, _) => "y = x / √(mean x² + ε)·w",
            (NormKind::Rms, true, _) => "y = x / √(mean x² + ε)·(1 + w)",
        }
    }

    fn types(&self, inputs: NormInputs<&Type>, _: Nothing) -> Rule<NormOutputs<Type>> {
        let NormInputs { x, scale, bias } = inputs;
        vector("scale", scale, x.columns())?;
        if let Some(bias) = bias {
            expect(self.form.kind == NormKind::Layer, || "RMSNorm has no bias".to_owned())?;
            vector("bias", bias, x.columns())?;
        }
        Ok(NormOutputs { y: x.clone(), statistics: Type::f32(&[x.rows(), 2]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (NormInputs { x, scale, bias }, NormOutputs { y, statistics }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let of_scale = pass.parameter(scale);
        let of_bias = bias.and_then(|bias| pass.parameter(bias)).filter(|_| of_scale.is_some());
        if of_bias.is_none() {
            bias_backward(pass, dy, bias)?;
        }
        if pass.wants(x) || of_scale.is_some() {
            let residual = pass.gradient(x);
            let op = NormBackward {
                form: self.form,
                residual: residual.is_some(),
                weight: of_scale.is_some(),
                bias: of_bias.is_some(),
            };
            let (read, statistics) = (pass.read(x)?, pass.read(statistics)?);
            let inputs = NormBackwardInputs { x: read, scale, statistics, dy, residual };
            let Dx { dx } =
                pass.graph.add_into(op, inputs, NormGradients { scale: of_scale, bias: of_bias })?;
            if pass.wants(x) {
                pass.replace(x, dx);
            }
        }
        Ok(())
    }

    f16_rules!(independent: outputs.y);

    const IS_CHEAP: bool = true;
}

/// Inputs: x [..,C], scale w [C], statistics [N,2], dy [..,C], (residual r [..,C], the other gradients of x). Outputs: dx (+ r),
/// (+= dw [C]), (+= db [C]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormBackward {
    pub form: NormForm,
    /// Whether r is given.
    pub residual: bool,
    /// Whether w's gradient is computed too.
    pub weight: bool,
    /// Whether b's is, which needs w's.
    pub bias: bool,
}

operands! {
    NormBackwardInputs of NormBackward { x, scale, statistics, dy, residual: if residual }
    NormGradients of NormBackward { scale: if weight, bias: if bias }
}

impl Operation for NormBackward {
    declare!(
        "norm_backward",
        "dx = ρ·(w·dy − mean(w·dy) − x̂·mean(w·dy·x̂)), x̂ = (x − μ)·ρ; RMSNorm: without the mean; dw += Σ dy·x̂; db += Σ dy",
        NormBackwardInputs -> Dx += NormGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Rule<Dx<Type>> {
        let NormBackwardInputs { x, scale, statistics, dy, residual } = inputs;
        vector("scale", scale, x.columns())?;
        alike("statistics", statistics, &Type::f32(&[x.rows(), 2]))?;
        alike("output gradient", dy, x)?;
        residual.map_or(Ok(()), |residual| alike("residual", residual, x))?;
        expect(self.weight || !self.bias, || "a bias's gradient needs its weight's".to_owned())?;
        for gradient in [gradients.scale, gradients.bias].into_iter().flatten() {
            vector("gradient", gradient, x.columns())?;
        }
        Ok(Dx { dx: x.clone() })
    }

    f16_rules!(independent: inputs.dy);
}

/// y = 1/‖w + factor·b·a‖ for each row, and 0 if the norm is 0. Inputs: a weight w [O,I], its low-rank change a [r,I] and b [O,r].
/// Output: [O]. It has no gradient: norms count as constants (Liu et al. 2024, arXiv 2402.09353, §4.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowNorm {
    pub factor: f32,
}

operands! {
    RowNormInputs of RowNorm { weight, a, b }
}

impl Operation for RowNorm {
    declare!("row_norm", "y = 1 / ‖w + factor·b·a‖, for each row", RowNormInputs -> Y);

    fn types(&self, RowNormInputs { weight, a, b }: RowNormInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        rank("weight", weight, 2)?;
        expect(self.factor.is_finite(), || format!("factor {} is not a finite number", self.factor))?;
        alike("a", a, &Type::f32(&[b.columns(), weight.columns()]))?;
        alike("b", b, &Type::f32(&[weight.shape[0], b.columns()]))?;
        Ok(Y { y: Type::f32(&[weight.shape[0]]) })
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::forward(product_flops(inputs.b, inputs.a))
    }
}
