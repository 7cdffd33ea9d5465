//! The loss of a model that learns not to repeat itself, and its gradient.

use super::loss::targets_fit;
use super::{Dx, LossTargets, Nothing, Operation, operands};
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, are_starts, rank};
use crate::graph::{GraphError, Type, ValueId};

/// Least that 1 − p is taken to be, as the authors of [`Unlikelihood`] have it: where it is less, nothing flows back.
pub const MIN_REST: f32 = 1e-5;

/// Cross-entropy with unlikelihood of tokens (Welleck et al. 2019, "Neural text generation with unlikelihood training", arXiv 1908.04319,
/// equations 4 and 5): row loss =
///
/// ```text
/// lse(x) − x[target] − α·Σ_{c ∈ C} ln(max(1 − p_c, 10⁻⁵))      p = softmax(x)
/// ```
///
/// with C the tokens of the row up to this position, from the first one of its document on where rows hold several `documents`, each once
/// and without the target; rows whose target is `ignore_index` are left out. Inputs: logits [B,T,V], tokens u32[B,T], targets u32[B,T],
/// (starts u32[B,T]). Outputs: loss [2] = (mean over the rows that count, number of them; 0 if none), rows [N,2] = (lse, row loss or 0),
/// sums [N,2] = (lse, Σ p_c/(1 − p_c) over those of C whose 1 − p_c is not too little).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unlikelihood {
    /// α, 0 or more.
    pub alpha: f32,
    /// Target that does not count.
    pub ignore_index: Option<u32>,
    /// Rows hold several documents.
    pub documents: bool,
}

operands! {
    /// What [`Unlikelihood`] reads.
    UnlikelihoodInputs of Unlikelihood { logits, tokens, targets, starts: if documents }
}

operands! {
    /// What [`Unlikelihood`] makes.
    UnlikelihoodOutputs of Unlikelihood { loss, rows, sums }
}

impl Operation for Unlikelihood {
    const NAME: &'static str = "unlikelihood";
    const FORMULA: &'static str = "lse(x) − x[target] − α·Σ ln(1 − p_c) over tokens c that stood before";
    type Inputs<T> = UnlikelihoodInputs<T>;
    type Outputs<T> = UnlikelihoodOutputs<T>;
    type Gradients<T> = Nothing;

    fn types(&self, inputs: UnlikelihoodInputs<&Type>, _: Nothing) -> Rule<UnlikelihoodOutputs<Type>> {
        let UnlikelihoodInputs { logits, tokens, targets, starts } = inputs;
        fits(logits, tokens, targets, starts)?;
        let rows = Type::f32(&[logits.rows(), 2]);
        Ok(UnlikelihoodOutputs { loss: Type::f32(&[2]), sums: rows.clone(), rows })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        inputs: UnlikelihoodInputs<ValueId>,
        UnlikelihoodOutputs { loss, sums, .. }: UnlikelihoodOutputs<ValueId>,
    ) -> Result<(), GraphError> {
        let Some(scale) = pass.begins_at(loss) else { return Ok(()) };
        let UnlikelihoodInputs { logits, tokens, targets, starts } = inputs;
        let op = UnlikelihoodBackward { forward: *self, scale, documents: self.documents };
        let inputs = UnlikelihoodBackwardInputs { logits, tokens, targets, sums, loss, starts };
        let Dx { dx } = pass.graph.add(op, inputs)?;
        pass.flow(logits, dx)
    }

    fn targets(&self, inputs: UnlikelihoodInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: inputs.logits.columns(), ignored: self.ignore_index })
    }
}

/// dx[row, j] = f·(pⱼ − [j = target] + α·([j ∈ C]·pⱼ/(1 − pⱼ) − pⱼ·S)), S the sum of the row, without the term of C where 1 − pⱼ is too
/// little; 0 for ignored rows; f is scale/count. Inputs: those of the forward op and what it makes, of which the second entry of loss is the
/// count. Output: like logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnlikelihoodBackward {
    /// The forward op.
    pub forward: Unlikelihood,
    /// 1 / number of micro-batches.
    pub scale: f32,
    /// Of the forward op.
    pub documents: bool,
}

operands! {
    /// What [`UnlikelihoodBackward`] reads.
    UnlikelihoodBackwardInputs of UnlikelihoodBackward {
        logits, tokens, targets, sums, loss, starts: if documents
    }
}

impl Operation for UnlikelihoodBackward {
    const NAME: &'static str = "unlikelihood_backward";
    const FORMULA: &'static str = "dx = p − [target] + α·([c stood before]·p/(1 − p) − p·S)";
    type Inputs<T> = UnlikelihoodBackwardInputs<T>;
    type Outputs<T> = Dx<T>;
    type Gradients<T> = Nothing;

    fn types(&self, inputs: UnlikelihoodBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let UnlikelihoodBackwardInputs { logits, tokens, targets, sums, loss, starts } = inputs;
        fits(logits, tokens, targets, starts)?;
        alike("sums", sums, &Type::f32(&[logits.rows(), 2]))?;
        alike("loss", loss, &Type::f32(&[2]))?;
        Ok(Dx { dx: logits.clone() })
    }
}

/// A token, a target and where there are documents a start for each row of logits.
fn fits(logits: &Type, tokens: &Type, targets: &Type, starts: Option<&Type>) -> Rule {
    rank("logits", logits, 3)?;
    targets_fit(targets, logits)?;
    alike("tokens", tokens, &Type::u32(&logits.shape[..2]))?;
    starts.map_or(Ok(()), |starts| are_starts(starts, logits))
}
