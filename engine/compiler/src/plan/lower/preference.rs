//! Preference losses over pairs of answers.

use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::{Named, Preference, PreferenceInputs, PreferenceOutputs, TIE};
use glasshouse_protocol::config::PreferenceLoss;
use glasshouse_shaders::preference;

impl Lower for Preference {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let PreferenceInputs { rows, targets, scores } = operands.inputs;
        let PreferenceOutputs { loss, weights } = operands.outputs;
        let arguments = preference::Arguments {
            pairs: (targets.rows() / 2) as u32,
            time: targets.columns() as u32,
            ignored: self.ignored,
            kind: match self.loss {
                PreferenceLoss::Sigmoid => 0,
                PreferenceLoss::Orpo => 1,
                PreferenceLoss::BradleyTerry => 2,
                PreferenceLoss::Kto => 3,
            },
            beta: self.beta,
            margin: self.margin,
            center: self.center,
            scores: scores.ty.count() as u32,
            tie: TIE as f32,
        };
        let [rows, targets, scores, loss, weights] =
            [rows, targets, scores, loss, weights].map(Operand::place);
        let (control, reports) = (BindingSource::CONTROL, BindingSource::REPORTS);
        let bindings = vec![control, rows, targets, scores, loss, weights, reports];
        Ok(Lowering::one(Launch::new(preference::kernel(), arguments.bytes(), bindings, [1, 1, 1])?))
    }
}
