//! The norm of query and key heads.

use super::{Added, Done, Dx, Given, Heads, In, Nothing, Operation, Out, declare, f16_rules, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, packed, vector};

/// RMSNorm of each query and key head separately; values pass unchanged. Inputs: qkv [..,W], query scale wq [D], key scale wk
/// [D]. Outputs: y [..,W], reciprocal roots [N,H+K]. If `whole`, of all queries and of all keys: wq [H·D], wk [K·D], roots [N,2].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadNorm {
    pub heads: Heads,
    pub whole: bool,
    /// Added to the mean square.
    pub eps: f32,
}

operands! {
    HeadNormInputs of HeadNorm { qkv, query, key }
    HeadNormOutputs of HeadNorm { y, roots }
}

/// Checks packed rows and their scales, and returns the type of the reciprocal roots.
fn checked(qkv: &Type, heads: Heads, whole: bool, scales: [(&str, &Type); 2]) -> Rule<Type> {
    packed(qkv, heads)?;
    let groups = heads.normed(whole);
    for ((name, scale), [_, size]) in scales.into_iter().zip(groups) {
        vector(name, scale, size)?;
    }
    Ok(Type::f32(&[qkv.rows(), groups[0][0] + groups[1][0]]))
}

impl Operation for HeadNorm {
    declare!(
        "head_norm",
        "y = x / √(mean x² + ε) · w, for each head of queries and keys",
        HeadNormInputs -> HeadNormOutputs
    );

    fn types(&self, inputs: HeadNormInputs<&Type>, _: Nothing) -> Rule<HeadNormOutputs<Type>> {
        let HeadNormInputs { qkv, query, key } = inputs;
        let roots = checked(qkv, self.heads, self.whole, [("query scale", query), ("key scale", key)])?;
        Ok(HeadNormOutputs { y: qkv.clone(), roots })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let HeadNormOutputs { y, roots } = outputs;
        let Self { heads, whole, .. } = *self;
        let HeadNormInputs { qkv: x, query, key } = inputs;
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let (qkv, roots) = (pass.read(x)?, pass.read(roots)?);
        if let (Some(query), Some(key)) = (pass.parameter(query), pass.parameter(key)) {
            let inputs = HeadNormWeightBackwardInputs { qkv, roots, dy };
            pass.graph.add_into(
                HeadNormWeightBackward { heads, whole },
                inputs,
                HeadNormGradients { query, key },
            )?;
        }
        let inputs = HeadNormBackwardInputs { qkv, query, key, roots, dy };
        let Dx { dx } = pass.graph.add(HeadNormBackward { heads, whole }, inputs)?;
        pass.flow(x, dx)
    }

    f16_rules!(together: inputs.qkv, outputs.y);
}

/// Inputs: qkv [..,W], query scale wq [D], key scale wk [D], reciprocal roots [N,H+K], dy [..,W]. Output: [..,W].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadNormBackward {
    pub heads: Heads,
    pub whole: bool,
}

operands! {
    HeadNormBackwardInputs of HeadNormBackward { qkv, query, key, roots, dy }
}

impl Operation for HeadNormBackward {
    declare!(
        "head_norm_backward",
        "dx = ρ·(w·dy − x̂·mean(w·dy·x̂)), x̂ = x·ρ, for each head of queries and keys",
        HeadNormBackwardInputs -> Dx
    );

    fn types(&self, inputs: HeadNormBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let qkv = inputs.qkv;
        let scales = [("query scale", inputs.query), ("key scale", inputs.key)];
        alike("roots", inputs.roots, &checked(qkv, self.heads, self.whole, scales)?)?;
        alike("output gradient", inputs.dy, qkv)?;
        Ok(Dx { dx: qkv.clone() })
    }

    f16_rules!(together: inputs.qkv, inputs.dy, outputs.dx);
}

/// Inputs: qkv [..,W], reciprocal roots [N,H+K], dy [..,W]. Outputs += wq's [D], += wk's [D].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadNormWeightBackward {
    pub heads: Heads,
    pub whole: bool,
}

operands! {
    HeadNormWeightBackwardInputs of HeadNormWeightBackward { qkv, roots, dy }
    HeadNormGradients of HeadNormWeightBackward { query, key }
}

impl Operation for HeadNormWeightBackward {
    declare!(
        "head_norm_weight_backward",
        "dw += Σ dy·x·ρ, over heads and positions",
        HeadNormWeightBackwardInputs -> Nothing += HeadNormGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Rule<Nothing> {
        let scales = [("gradient", gradients.query), ("gradient", gradients.key)];
        alike("roots", inputs.roots, &checked(inputs.qkv, self.heads, self.whole, scales)?)?;
        alike("output gradient", inputs.dy, inputs.qkv)?;
        Ok(Nothing)
    }

    f16_rules!(together: inputs.qkv, inputs.dy);
}
