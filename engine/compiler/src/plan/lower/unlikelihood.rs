//! Cross-entropy with unlikelihood, and its gradient.

use super::loss::{LossRule, mean};
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_shaders::{unlikelihood, unlikelihood_backward};

impl Lower for Unlikelihood {
    /// Per-row losses, then their mean, which is also written to the report.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let UnlikelihoodInputs { logits, tokens, targets, starts } = operands.inputs;
        let UnlikelihoodOutputs { loss, rows, sums } = operands.outputs;
        let (count, vocabulary) = (logits.rows(), logits.columns());
        let rule = LossRule::new(count, vocabulary, 0.0, self.ignore_index);
        let (ignoring, ignored) = rule.ignore();
        let arguments = unlikelihood::Arguments {
            rows: count as u32,
            time: tokens.columns() as u32,
            vocabulary: vocabulary as u32,
            alpha: self.alpha,
            documents: u32::from(self.documents),
            ignoring,
            ignored,
        };
        // Without documents, the kernel does not read this binding.
        let starts = starts.unwrap_or(tokens);
        let [logits, tokens, targets, starts, rows, sums, loss] =
            [logits, tokens, targets, starts, rows, sums, loss].map(Operand::place);
        let bindings = vec![BindingSource::CONTROL, logits, tokens, targets, starts, rows, sums];
        let groups = grid(count)?;
        let each = Launch::new(unlikelihood::kernel(), arguments.bytes(), bindings, groups)?;
        Ok(Lowering::new(vec![each, mean(rule, [rows, targets, loss])?]))
    }
}

impl Lower for UnlikelihoodBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let UnlikelihoodBackwardInputs { logits, tokens, targets, sums, loss, starts } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let (count, vocabulary) = (logits.rows(), logits.columns());
        let (ignoring, ignored) = LossRule::new(count, vocabulary, 0.0, self.forward.ignore_index).ignore();
        let arguments = unlikelihood_backward::Arguments {
            rows: count as u32,
            time: tokens.columns() as u32,
            vocabulary: vocabulary as u32,
            alpha: self.forward.alpha,
            documents: u32::from(self.documents),
            ignoring,
            ignored,
            scale: self.scale,
        };
        let places = [logits, tokens, targets, starts.unwrap_or(tokens), sums, loss, dx].map(Operand::place);
        let bindings = [BindingSource::CONTROL].into_iter().chain(places).collect();
        let groups = grid(count)?;
        let launch = Launch::new(unlikelihood_backward::kernel(), arguments.bytes(), bindings, groups)?;
        Ok(Lowering::one(launch))
    }
}
