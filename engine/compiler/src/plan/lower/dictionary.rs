//! Sparse dictionaries.

use super::loss::{LossRule, mean};
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid, words};
use crate::Result;
use crate::graph::ops::*;
use glasshouse_shaders::{jump_relu, squared_error, top_k};

impl Lower for TopK {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use top_k::{Arguments, kernel};
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        let [rows, columns, k] = words([x.rows(), x.columns(), self.k]);
        let arguments = Arguments { rows, columns, k }.bytes();
        let bindings = [x, y].map(Operand::place).to_vec();
        Launch::new(kernel(), arguments, bindings, grid(x.rows())?).map(Lowering::one)
    }
}

impl Lower for JumpRelu {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (JumpReluInputs { x, log_threshold, .. }, Y { y }) = (operands.inputs, operands.outputs);
        let bindings = [x, log_threshold, y].map(Operand::place).to_vec();
        jump(*self, 0.0, x, bindings, false).map(Lowering::one)
    }
}

impl Lower for JumpReluBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let JumpReluBackwardInputs { x, log_threshold, dy, targets, loss } = operands.inputs;
        let JumpReluBackwardOutputs { dx, dlog_threshold } = operands.outputs;
        let mut bindings = [x, log_threshold, dy].map(Operand::place).to_vec();
        bindings.extend([BindingSource::CONTROL, targets.place()]);
        bindings.push(loss.map_or(BindingSource::UNREAD, Operand::place));
        bindings.extend([dx, dlog_threshold].map(Operand::place));
        let factor = if self.penalised { self.scale } else { 0.0 };
        jump(self.forward, factor, x, bindings, true).map(Lowering::one)
    }
}

/// A JumpReLU of x, or its gradients, with `factor` on the penalty.
fn jump(
    op: JumpRelu,
    factor: f32,
    x: Operand<'_>,
    bindings: Vec<BindingSource>,
    backward: bool,
) -> Result<Launch> {
    let [rows, columns] = words([x.rows(), x.columns()]);
    let (ignoring, ignored) = LossRule::new(x.rows(), 1, 0.0, op.ignore_index).ignore();
    let JumpRelu { bandwidth, penalty, .. } = op;
    let penalty = factor * penalty;
    let arguments = jump_relu::Arguments { rows, columns, bandwidth, penalty, ignoring, ignored };
    Launch::each(jump_relu::kernel(backward), arguments.bytes(), bindings, x.ty.count())
}

impl Lower for SquaredError {
    /// Per-row losses, then their mean, as for a cross-entropy.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (SquaredErrorInputs { y, x, targets }, outputs) = (operands.inputs, operands.outputs);
        let places = [y, x, targets, outputs.rows].map(Operand::place);
        let each = errors(*self, 1.0, y, places, None)?;
        let rule = LossRule::new(y.rows(), 1, 0.0, self.ignore_index);
        let [rows, targets, loss] = [outputs.rows, targets, outputs.loss].map(Operand::place);
        Ok(Lowering::new(vec![each, mean(rule, [rows, targets, loss])?]))
    }
}

impl Lower for SquaredErrorBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (SquaredErrorBackwardInputs { y, x, targets, loss }, Dx { dx }) =
            (operands.inputs, operands.outputs);
        let places = [y, x, targets, dx].map(Operand::place);
        errors(self.forward, self.scale, y, places, Some(loss.place())).map(Lowering::one)
    }
}

/// The errors of the rows of y, or, with the loss, their gradient. Places: y, x, targets and the result.
fn errors(
    op: SquaredError,
    scale: f32,
    y: Operand<'_>,
    places: [BindingSource; 4],
    loss: Option<BindingSource>,
) -> Result<Launch> {
    let [rows, columns] = words([y.rows(), y.columns()]);
    let (ignoring, ignored) = LossRule::new(y.rows(), 1, 0.0, op.ignore_index).ignore();
    let arguments = squared_error::Arguments { rows, columns, ignoring, ignored, scale };
    let bindings = [BindingSource::CONTROL].into_iter().chain(places).chain(loss).collect();
    let count = if loss.is_some() { y.ty.count() } else { y.rows() };
    Launch::each(squared_error::kernel(loss.is_some()), arguments.bytes(), bindings, count)
}
