//! Cross-entropy and score losses.

use super::{Done, Dx, In, LossTargets, Nothing, Operation, Out, declare, f16_rules, operands};
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect, integers};
use crate::graph::{Type, ValueId};

/// Softmax and cross-entropy with label smoothing s: row loss = (1 − s)·(lse − x[target]) + s·(lse − mean x). Rows whose target
/// is `ignore_index` are ignored. Inputs: logits [..,V], targets u32[..]. Outputs: loss [2] = (mean over the counted rows,
/// their number; 0 if none), rows [N,2] = (lse, row loss or 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// s in [0, 1).
    pub label_smoothing: f32,
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
}

operands! {
    CrossEntropyInputs of CrossEntropy { logits, targets }
    CrossEntropyOutputs of CrossEntropy { loss, rows }
}

impl Operation for CrossEntropy {
    declare!(
        "cross_entropy",
        "mean(lse(x) − x[target]), lse(x) = ln Σ exp x",
        CrossEntropyInputs -> CrossEntropyOutputs
    );

    fn types(&self, inputs: CrossEntropyInputs<&Type>, _: Nothing) -> Rule<CrossEntropyOutputs<Type>> {
        let CrossEntropyInputs { logits, targets } = inputs;
        targets_fit(targets, logits)?;
        Ok(CrossEntropyOutputs { loss: Type::f32(&[2]), rows: Type::f32(&[logits.rows(), 2]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (CrossEntropyInputs { logits, targets }, CrossEntropyOutputs { loss, rows }) = (inputs, outputs);
        let Some((scale, share)) = share_of(pass, loss, rows) else { return Ok(()) };
        let Self { label_smoothing, ignore_index } = *self;
        let op = CrossEntropyBackward { label_smoothing, ignore_index, scale, weighted: share != loss };
        let inputs = CrossEntropyBackwardInputs { logits, targets, rows, share };
        let Dx { dx } = pass.graph.add(op, inputs)?;
        pass.flow(logits, dx)
    }

    fn targets(&self, inputs: CrossEntropyInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: inputs.logits.columns(), ignored: self.ignore_index })
    }
}

/// A score instead of a likelihood: row loss = −x, for logits with one column, whose softmax would be 1. Rows whose target is
/// `ignore_index` are ignored; all other targets are 0. Inputs: logits [..,1], targets u32[..]. Outputs as of [`CrossEntropy`]:
/// loss [2] = (mean over the counted rows, their number; 0 if none), rows [N,2] = (x + 32, row loss or 0). With x + 32 as the
/// log-sum-exp, the softmax in [`CrossEntropyBackward`] rounds to 0 next to 1, and the gradient is −1 times the row's factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
}

operands! {
    ScoreInputs of Score { logits, targets }
    ScoreOutputs of Score { loss, rows }
}

impl Operation for Score {
    declare!("score", "row loss = −x", ScoreInputs -> ScoreOutputs);

    fn types(&self, inputs: ScoreInputs<&Type>, _: Nothing) -> Rule<ScoreOutputs<Type>> {
        let ScoreInputs { logits, targets } = inputs;
        targets_fit(targets, logits)?;
        expect(logits.columns() == 1, || format!("a score is one logit, not {logits}"))?;
        Ok(ScoreOutputs { loss: Type::f32(&[2]), rows: Type::f32(&[logits.rows(), 2]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (ScoreInputs { logits, targets }, ScoreOutputs { loss, rows }) = (inputs, outputs);
        let Some((scale, share)) = share_of(pass, loss, rows) else { return Ok(()) };
        let inputs = CrossEntropyBackwardInputs { logits, targets, rows, share };
        let Dx { dx } = pass.graph.add(self.backward(scale, share != loss), inputs)?;
        pass.flow(logits, dx)
    }

    fn targets(&self, inputs: ScoreInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: inputs.logits.columns(), ignored: self.ignore_index })
    }
}

impl Score {
    /// Difference between a row's log-sum-exp output and its logit.
    pub const BEYOND: f32 = 32.0;

    pub fn backward(self, scale: f32, weighted: bool) -> CrossEntropyBackward {
        let ignore_index = self.ignore_index;
        CrossEntropyBackward { label_smoothing: 0.0, ignore_index, scale, weighted }
    }
}

/// dx[row, j] = f·(softmax(x)[j] − (1 − s)·[j = target] − s/V), 0 for ignored rows; f is scale/count, or scale·weight[row] if
/// `weighted`. Inputs: logits, targets, rows [N,2], share: loss [2], whose second entry is the count, or the weights [N], the
/// gradient of an objective with respect to each row's loss. Output: like logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropyBackward {
    /// s of the forward op.
    pub label_smoothing: f32,
    pub ignore_index: Option<u32>,
    /// 1 / number of micro-batches.
    pub scale: f32,
    /// Whether each row has its own weight.
    pub weighted: bool,
}

operands! {
    CrossEntropyBackwardInputs of CrossEntropyBackward { logits, targets, rows, share }
}

impl Operation for CrossEntropyBackward {
    declare!(
        "cross_entropy_backward",
        "dx = (softmax(x) − [target]) / rows that count",
        CrossEntropyBackwardInputs -> Dx
    );

    fn types(&self, inputs: CrossEntropyBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let CrossEntropyBackwardInputs { logits, targets, rows, share } = inputs;
        targets_fit(targets, logits)?;
        alike("rows", rows, &Type::f32(&[logits.rows(), 2]))?;
        share_fits(share, logits.rows(), self.weighted)?;
        Ok(Dx { dx: logits.clone() })
    }

    f16_rules!(independent: outputs.dx);
}

/// The factor on the gradient and the `share` input: the loss if the pass begins at it, or the row weights of an objective.
fn share_of(pass: &Backward<'_>, loss: ValueId, rows: ValueId) -> Option<(f32, ValueId)> {
    match (pass.begins_at(loss), pass.gradient(rows)) {
        (Some(scale), _) => Some((scale, loss)),
        (None, Some(weights)) => Some((pass.scale(), weights)),
        (None, None) => None,
    }
}

/// Checks `share`: the loss [2], or a weight for each row.
pub(super) fn share_fits(share: &Type, rows: usize, weighted: bool) -> Rule {
    alike("share", share, &Type::f32(&[if weighted { rows } else { 2 }]))
}

/// Checks that there is a target for each row.
pub(super) fn targets_fit(targets: &Type, logits: &Type) -> Rule {
    integers("targets", targets)?;
    expect(targets.count() == logits.rows(), || {
        format!("{} targets for {} rows of logits", targets.count(), logits.rows())
    })
}
