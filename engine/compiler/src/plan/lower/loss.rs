//! The loss and its gradient.

use super::parts::RowRange;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_shaders::{cross_entropy, cross_entropy_backward, cross_entropy_mean, score};

#[derive(Clone, Copy)]
pub(super) struct LossRule {
    /// N, rows of a micro-batch.
    all_rows: usize,
    vocabulary: usize,
    smoothing: f32,
    ignore_index: Option<u32>,
}

impl LossRule {
    pub(super) fn new(all_rows: usize, vocabulary: usize, smoothing: f32, ignore_index: Option<u32>) -> Self {
        Self { all_rows, vocabulary, smoothing, ignore_index }
    }

    /// Whether there is an ignored target, and which.
    pub(super) fn ignore(&self) -> (u32, u32) {
        (u32::from(self.ignore_index.is_some()), self.ignore_index.unwrap_or(0))
    }
}

impl Lower for CrossEntropy {
    /// Per-row losses, then their mean, which is also written to the report.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (CrossEntropyInputs { logits, targets }, outputs) = (operands.inputs, operands.outputs);
        let rule = LossRule::new(logits.rows(), logits.columns(), self.label_smoothing, self.ignore_index);
        let whole = RowRange::whole(logits.rows());
        let [logits, targets, results, loss] =
            [logits, targets, outputs.rows, outputs.loss].map(Operand::place);
        let each = rows(rule, whole, [logits, targets, results])?;
        Ok(Lowering::new(vec![each, mean(rule, [results, targets, loss])?]))
    }
}

impl Lower for Score {
    /// Per-row losses, then their mean, as for a cross-entropy.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (ScoreInputs { logits, targets }, outputs) = (operands.inputs, operands.outputs);
        let count = logits.rows();
        let rule = LossRule::new(count, 1, 0.0, self.ignore_index);
        let (ignoring, ignored) = rule.ignore();
        let [logits, targets, results, loss] =
            [logits, targets, outputs.rows, outputs.loss].map(Operand::place);
        let arguments = score::Arguments { rows: count as u32, ignoring, ignored, beyond: Self::BEYOND };
        let bindings = vec![BindingSource::CONTROL, logits, targets, results];
        let each = Launch::each(score::kernel(), arguments.bytes(), bindings, count)?;
        Ok(Lowering::new(vec![each, mean(rule, [results, targets, loss])?]))
    }
}

impl Lower for CrossEntropyBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let CrossEntropyBackwardInputs { logits, targets, rows, share } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let rule = LossRule::new(logits.rows(), logits.columns(), self.label_smoothing, self.ignore_index);
        let whole = RowRange::whole(logits.rows());
        let places = [logits, targets, rows, share, dx].map(Operand::place);
        Ok(Lowering::one(rows_backward(rule, whole, (self.scale, self.weighted), places, dx.half())?))
    }
}

/// (lse, loss) of each row of a part, over its logits, all targets, and its results.
pub(super) fn rows(
    rule: LossRule,
    part: RowRange,
    [logits, targets, results]: [BindingSource; 3],
) -> Result<Launch> {
    use cross_entropy::{Arguments, kernel};
    let (ignoring, ignored) = rule.ignore();
    let arguments = Arguments {
        rows: part.count as u32,
        vocabulary: rule.vocabulary as u32,
        smoothing: rule.smoothing,
        ignoring,
        ignored,
        first_row: part.first as u32,
        all_rows: rule.all_rows as u32,
    };
    let bindings = vec![BindingSource::CONTROL, logits, targets, results];
    Launch::new(kernel(), arguments.bytes(), bindings, grid(part.count)?)
}

/// The mean of all rows, which is also written to the report, over their results, targets and the loss.
pub(super) fn mean(rule: LossRule, [results, targets, loss]: [BindingSource; 3]) -> Result<Launch> {
    let (ignoring, ignored) = rule.ignore();
    let arguments = cross_entropy_mean::Arguments { rows: rule.all_rows as u32, ignoring, ignored };
    let [control, schedule, reports] =
        [BindingSource::CONTROL, BindingSource::SCHEDULE, BindingSource::REPORTS];
    let bindings = vec![control, schedule, results, targets, loss, reports];
    Launch::new(cross_entropy_mean::kernel(), arguments.bytes(), bindings, [1, 1, 1])
}

/// Gradient of a part's logits, in 16-bit floats if `half`. Places: the logits, all targets, the part's results, its share (one
/// weight per row if `weighted`), and the gradient.
pub(super) fn rows_backward(
    rule: LossRule,
    part: RowRange,
    (scale, weighted): (f32, bool),
    places: [BindingSource; 5],
    half: bool,
) -> Result<Launch> {
    let (ignoring, ignored) = rule.ignore();
    let arguments = cross_entropy_backward::Arguments {
        rows: part.count as u32,
        vocabulary: rule.vocabulary as u32,
        smoothing: rule.smoothing,
        ignoring,
        ignored,
        scale,
        weighted: u32::from(weighted),
        first_row: part.first as u32,
        all_rows: rule.all_rows as u32,
    };
    let bindings = [BindingSource::CONTROL].into_iter().chain(places).collect();
    let count = part.count * rule.vocabulary;
    Launch::each(cross_entropy_backward::kernel(half), arguments.bytes(), bindings, count)
}
