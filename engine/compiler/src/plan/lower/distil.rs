//! Distillation loss and its gradient.

use super::loss::{LossRule, mean};
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_shaders::{distil, distil_backward};

impl Lower for Distil {
    /// Per-row losses, then their mean, which is also written to the report.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let DistilInputs { logits, teacher, targets } = operands.inputs;
        let DistilOutputs { loss, rows, softened } = operands.outputs;
        let count = logits.rows();
        let rule = LossRule::new(count, logits.columns(), 0.0, self.ignore_index);
        let (ignoring, ignored) = rule.ignore();
        let arguments = distil::Arguments {
            rows: count as u32,
            vocabulary: logits.columns() as u32,
            temperature: self.temperature,
            mix: self.mix,
            ignoring,
            ignored,
        };
        let [logits, teacher, targets, rows, softened, loss] =
            [logits, teacher, targets, rows, softened, loss].map(Operand::place);
        let bindings = vec![BindingSource::CONTROL, logits, teacher, targets, rows, softened];
        let groups = grid(count)?;
        let each = Launch::new(distil::kernel(), arguments.bytes(), bindings, groups)?;
        Ok(Lowering::new(vec![each, mean(rule, [rows, targets, loss])?]))
    }
}

impl Lower for DistilBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let DistilBackwardInputs { logits, teacher, targets, rows, softened, loss } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let Distil { temperature, mix, ignore_index } = self.forward;
        let (count, vocabulary) = (logits.rows(), logits.columns());
        let (ignoring, ignored) = LossRule::new(count, vocabulary, 0.0, ignore_index).ignore();
        let arguments = distil_backward::Arguments {
            rows: count as u32,
            vocabulary: vocabulary as u32,
            temperature,
            mix,
            ignoring,
            ignored,
            scale: self.scale,
        };
        let places = [logits, teacher, targets, rows, softened, loss, dx].map(Operand::place);
        let bindings = [BindingSource::CONTROL].into_iter().chain(places).collect();
        Launch::each(distil_backward::kernel(), arguments.bytes(), bindings, count * vocabulary)
            .map(Lowering::one)
    }
}
