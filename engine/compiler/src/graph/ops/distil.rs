//! Knowledge distillation loss and its gradient.

use super::loss::targets_fit;
use super::{Done, Dx, In, LossTargets, Nothing, Operation, Out, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike};

/// Knowledge distillation (Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2): row loss =
///
/// ```text
/// (1 − m)·(lse(x) − x[target]) + m·T²·Σⱼ qⱼ·(ln qⱼ − ln pⱼ)      p = softmax(x/T), q = softmax(t/T)
/// ```
///
/// with x the logits and t the teacher's logits, which receive no gradient. Rows whose target is `ignore_index` are ignored.
/// Inputs: logits [..,V], teacher [..,V], targets u32[..]. Outputs: loss [2] = (mean over the counted rows, their number; 0 if
/// none), rows [N,2] = (lse(x), row loss or 0), softened [N,2] = (lse(x/T), lse(t/T)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distil {
    /// T > 0.
    pub temperature: f32,
    /// m in [0, 1].
    pub mix: f32,
    /// Target of rows that do not count.
    pub ignore_index: Option<u32>,
}

operands! {
    DistilInputs of Distil { logits, teacher, targets }
    DistilOutputs of Distil { loss, rows, softened }
}

impl Operation for Distil {
    declare!(
        "distil",
        "(1 − m)·(lse(x) − x[target]) + m·T²·KL(softmax(teacher/T) ‖ softmax(x/T))",
        DistilInputs -> DistilOutputs
    );

    fn types(&self, inputs: DistilInputs<&Type>, _: Nothing) -> Rule<DistilOutputs<Type>> {
        let DistilInputs { logits, teacher, targets } = inputs;
        targets_fit(targets, logits)?;
        alike("teacher", teacher, logits)?;
        let rows = Type::f32(&[logits.rows(), 2]);
        Ok(DistilOutputs { loss: Type::f32(&[2]), softened: rows.clone(), rows })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let DistilInputs { logits, teacher, targets } = inputs;
        let DistilOutputs { loss, rows, softened } = outputs;
        let Some(scale) = pass.begins_at(loss) else { return Ok(()) };
        let inputs = DistilBackwardInputs { logits, teacher, targets, rows, softened, loss };
        let Dx { dx } = pass.graph.add(DistilBackward { forward: *self, scale }, inputs)?;
        pass.flow(logits, dx)
    }

    fn targets(&self, inputs: DistilInputs<&Type>) -> Option<LossTargets> {
        Some(LossTargets { classes: inputs.logits.columns(), ignored: self.ignore_index })
    }
}

/// dx[row, j] = f·((1 − m)·(softmax(x)ⱼ − [j = target]) + m·T·(pⱼ − qⱼ)), 0 for ignored rows; f is scale/count. Inputs: the
/// forward op's inputs and outputs; loss[1] is the count. Output: like logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistilBackward {
    pub forward: Distil,
    /// 1 / number of micro-batches.
    pub scale: f32,
}

operands! {
    DistilBackwardInputs of DistilBackward { logits, teacher, targets, rows, softened, loss }
}

impl Operation for DistilBackward {
    declare!(
        "distil_backward",
        "dx = (1 − m)·(softmax(x) − [target]) + m·T·(softmax(x/T) − softmax(teacher/T))",
        DistilBackwardInputs -> Dx
    );

    fn types(&self, inputs: DistilBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let DistilBackwardInputs { logits, teacher, targets, rows, softened, loss } = inputs;
        targets_fit(targets, logits)?;
        alike("teacher", teacher, logits)?;
        alike("rows", rows, &Type::f32(&[logits.rows(), 2]))?;
        alike("softened", softened, rows)?;
        alike("loss", loss, &Type::f32(&[2]))?;
        Ok(Dx { dx: logits.clone() })
    }
}
