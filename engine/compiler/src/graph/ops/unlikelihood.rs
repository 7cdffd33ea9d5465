//! Unlikelihood loss against repetition, and its gradient.

use super::loss::targets_fit;
use super::{Done, Dx, In, LossTargets, Nothing, Operation, Out, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, are_starts, rank};

/// Lower bound of 1 − p, from the authors' code for [`Unlikelihood`]; no gradient flows below it.
pub const MIN_REST: f32 = 1e-5;

/// Cross-entropy with token-level unlikelihood (Welleck et al. 2019, "Neural text generation with unlikelihood training", arXiv
/// 1908.04319, equations 4 and 5): row loss =
///
/// ```text
/// lse(x) − x[target] − α·Σ_{c ∈ C} ln(max(1 − p_c, 10⁻⁵))      p = softmax(x)
/// ```
///
/// with C the distinct tokens of the row up to this position, without the target; if rows hold several `documents`, from the
/// start of the current one. Rows whose target is `ignore_index` are ignored. Inputs: logits [B,T,V], tokens u32[B,T], targets
/// u32[B,T], (starts u32[B,T]). Outputs: loss [2] = (mean over the counted rows, their number; 0 if none), rows [N,2] = (lse,
/// row loss or 0), sums [N,2] = (lse, Σ p_c/(1 − p_c) over the c of C with 1 − p_c above the bound).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unlikelihood {
    /// α, 0 or more.
    pub alpha: f32,
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
    /// Whether rows hold several documents.
    pub documents: bool,
}

operands! {
    UnlikelihoodInputs of Unlikelihood { logits, tokens, targets, starts: if documents }
    UnlikelihoodOutputs of Unlikelihood { loss, rows, sums }
}

impl Operation for Unlikelihood {
    declare!(
        "unlikelihood",
        "lse(x) − x[target] − α·Σ ln(1 − p_c) over preceding tokens c",
        UnlikelihoodInputs -> UnlikelihoodOutputs
    );

    fn types(&self, inputs: UnlikelihoodInputs<&Type>, _: Nothing) -> Rule<UnlikelihoodOutputs<Type>> {
        let UnlikelihoodInputs { logits, tokens, targets, starts } = inputs;
        fits(logits, tokens, targets, starts)?;
        let rows = Type::f32(&[logits.rows(), 2]);
        Ok(UnlikelihoodOutputs { loss: Type::f32(&[2]), sums: rows.clone(), rows })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let UnlikelihoodOutputs { loss, sums, .. } = outputs;
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

/// dx[row, j] = f·(pⱼ − [j = target] + α·([j ∈ C]·pⱼ/(1 − pⱼ) − pⱼ·S)), with S the row's sum, without the term of C if 1 − pⱼ is below the
/// bound; 0 for ignored rows; f is scale/count. Inputs: the forward op's inputs and outputs; loss[1] is the count. Output: like logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnlikelihoodBackward {
    pub forward: Unlikelihood,
    /// 1 / number of micro-batches.
    pub scale: f32,
    pub documents: bool,
}

operands! {
    UnlikelihoodBackwardInputs of UnlikelihoodBackward {
        logits, tokens, targets, sums, loss, starts: if documents
    }
}

impl Operation for UnlikelihoodBackward {
    declare!(
        "unlikelihood_backward",
        "dx = p − [target] + α·([c precedes]·p/(1 − p) − p·S)",
        UnlikelihoodBackwardInputs -> Dx
    );

    fn types(&self, inputs: UnlikelihoodBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let UnlikelihoodBackwardInputs { logits, tokens, targets, sums, loss, starts } = inputs;
        fits(logits, tokens, targets, starts)?;
        alike("sums", sums, &Type::f32(&[logits.rows(), 2]))?;
        alike("loss", loss, &Type::f32(&[2]))?;
        Ok(Dx { dx: logits.clone() })
    }
}

/// Checks that there are a token, a target and, with documents, a start for each row of logits.
fn fits(logits: &Type, tokens: &Type, targets: &Type, starts: Option<&Type>) -> Rule {
    rank("logits", logits, 3)?;
    targets_fit(targets, logits)?;
    alike("tokens", tokens, &Type::u32(&logits.shape[..2]))?;
    starts.map_or(Ok(()), |starts| are_starts(starts, logits))
}
