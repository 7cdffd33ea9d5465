//! Policy-gradient loss.

use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::{Named, Policy, PolicyInputs, PolicyOutputs};
use glasshouse_shaders::policy;

impl Lower for Policy {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let PolicyInputs { rows, targets, scores } = operands.inputs;
        let PolicyOutputs { loss, weights } = operands.outputs;
        let arguments = policy::Arguments {
            rows: (targets.rows() * targets.columns()) as u32,
            ignored: self.ignored,
            ratio: u32::from(self.ratio),
            corrected: u32::from(self.corrected),
            epsilon: self.epsilon,
            weighs: u32::from(self.weighs),
        };
        let [rows, targets, scores, loss, weights] =
            [rows, targets, scores, loss, weights].map(Operand::place);
        let (control, reports) = (BindingSource::CONTROL, BindingSource::REPORTS);
        let bindings = vec![control, rows, targets, scores, loss, weights, reports];
        Ok(Lowering::one(Launch::new(policy::kernel(), arguments.bytes(), bindings, [1, 1, 1])?))
    }
}
