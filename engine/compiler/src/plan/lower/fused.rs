//! The head fused with its loss, a few rows at a time.

use super::loss::{LossRule, mean, rows, rows_backward};
use super::matmul::{input_backward, linear_launches, weight_backward_launches};
use super::parts::RowRange;
use super::{Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::*;

impl Lower for LinearCrossEntropy {
    /// Logits and row losses of each chunk, then the mean.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyInputs { x, weight, targets } = operands.inputs;
        let outputs = operands.outputs;
        let [targets, loss, results, logits] =
            [targets, outputs.loss, outputs.rows, outputs.logits].map(Operand::place);
        let (rule, inner) =
            (LossRule::new(x.rows(), weight.rows(), self.label_smoothing, self.ignore_index), x.columns());
        let mut launches = Vec::new();
        for part in RowRange::all(x.rows(), self.chunk) {
            let sizes = [part.count, inner, weight.rows()];
            let places = [part.rows_of(x.place()), logits];
            launches.extend(linear_launches(site, sizes, weight, places, [x.half(), false], [None; 2])?);
            launches.push(rows(rule, part, [logits, targets, part.rows_of(results)])?);
        }
        launches.push(mean(rule, [results, targets, loss])?);
        Ok(Lowering::new(launches))
    }
}

impl Lower for LinearCrossEntropyBackward {
    /// For each chunk: logits, their gradient, and the gradients of x and the weight.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyBackwardInputs { x, weight, targets, rows: results, share } = operands.inputs;
        let LinearCrossEntropyBackwardOutputs { dx, logits, dlogits } = operands.outputs;
        let half = [dlogits.half(), dx.half(), x.half()];
        let [half_dlogits, half_dx, half_x] = half;
        let (inner, vocabulary, all_rows) = (x.columns(), weight.rows(), x.rows());
        let rule = LossRule::new(all_rows, vocabulary, self.label_smoothing, self.ignore_index);
        let [targets, results, share, logits, dlogits] =
            [targets, results, share, logits, dlogits].map(Operand::place);
        let (mut launches, mut scratch) = (Vec::new(), Vec::new());
        for part in RowRange::all(all_rows, self.chunk) {
            let (x, dx) = (part.rows_of(x.place()), part.rows_of(dx.place()));
            let sizes = [part.count, inner, vocabulary];
            launches.extend(linear_launches(site, sizes, weight, [x, logits], [half_x, false], [None; 2])?);
            let places = [logits, targets, part.rows_of(results), share, dlogits];
            launches.push(rows_backward(rule, part, (self.scale, self.weighted), places, half_dlogits)?);
            let (back, places) = ([part.count, vocabulary, inner], [dlogits, dx]);
            let f16s = [half_dlogits, half_dx];
            let backward = input_backward(site, back, weight, places, f16s, None)?;
            launches.extend(backward.launches);
            // A last chunk with fewer rows may have more slices.
            scratch = scratch.into_iter().chain(backward.scratch).max().into_iter().collect();
            if let Some(gradient) = operands.gradients.weight {
                let places = [dlogits, x, gradient.place()];
                launches.extend(weight_backward_launches(site, back, places, [half_dlogits, half_x])?);
            }
        }
        Ok(Lowering { launches, scratch })
    }
}
