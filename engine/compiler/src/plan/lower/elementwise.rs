//! Elementwise ops: one invocation per entry, or per four if the count is a multiple of four.

use super::matmul::built;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::*;
use crate::graph::{Type, random};
use glasshouse_shaders::{add, dropout, noise, scale, softcap};

/// Whether vectors of four can be used, and the number of entries of a binding.
pub(super) fn entries(ty: &Type) -> (bool, usize) {
    let (count, vec4) = (ty.count(), ty.count().is_multiple_of(4));
    (vec4, if vec4 { count / 4 } else { count })
}

impl Lower for Add {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (AddInputs { a, b }, y) = (operands.inputs, operands.outputs.y);
        let (vec4, count) = entries(y.ty);
        let kernel = add::kernel(if vec4 { add::Entries::Vec4 } else { add::Entries::Scalar });
        let arguments = add::Arguments { count: count as u32 }.bytes();
        Launch::each(kernel, arguments, [a, b, y].map(Operand::place).to_vec(), count).map(Lowering::one)
    }
}

impl Lower for Dropout {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (DropoutInputs { x, residual }, y) = (operands.inputs, operands.outputs.y);
        let (vec4, count) = entries(y.ty);
        let arguments = dropout::Arguments {
            count: count as u32,
            site: self.site.site,
            threshold: random::threshold(self.site.rate),
            scale: 1.0 / (1.0 - self.site.rate),
        };
        let mut bindings = vec![BindingSource::CONTROL, BindingSource::SCHEDULE, x.place(), y.place()];
        bindings.extend(residual.map(Operand::place));
        let width = if vec4 { dropout::Entries::Vec4 } else { dropout::Entries::Scalar };
        let kernel = built(dropout::kernel(width, self.residual, x.half(), y.half()))?;
        Launch::each(kernel, arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

impl Lower for Noise {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (x, y, count) = (operands.inputs.x, operands.outputs.y, operands.outputs.y.ty.count());
        let arguments = noise::Arguments { count: count as u32, site: self.site, size: self.size }.bytes();
        let bindings = vec![BindingSource::CONTROL, BindingSource::SCHEDULE, x.place(), y.place()];
        Launch::each(noise::kernel(), arguments, bindings, count).map(Lowering::one)
    }
}

impl Lower for Scale {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        scaled(self.0, [operands.inputs.x, operands.outputs.y], None, None)
    }
}

impl Lower for Multiply {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let MultiplyInputs { x, factors, bias } = operands.inputs;
        scaled(1.0, [x, operands.outputs.y], Some(factors), bias)
    }
}

/// y = x·factor (·factors (+ bias)) of `operands`, x and y.
fn scaled(
    factor: f32,
    operands: [Operand<'_>; 2],
    factors: Option<Operand<'_>>,
    bias: Option<Operand<'_>>,
) -> Result<Lowering> {
    let [count, period] = [operands[1].ty.count(), factors.map_or(0, |factors| factors.ty.count())];
    let biased = u32::from(bias.is_some());
    let arguments = scale::Arguments { count: count as u32, factor, period: period as u32, biased }.bytes();
    let given = [factors, bias].map(|operand| operand.map_or(BindingSource::UNREAD, Operand::place));
    let bindings = operands.map(Operand::place).into_iter().chain(given).collect();
    Launch::each(scale::kernel(), arguments, bindings, count).map(Lowering::one)
}

impl Lower for Softcap {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        capped(self.0, [operands.inputs.x, operands.outputs.y], None)
    }
}

impl Lower for SoftcapBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let SoftcapBackwardInputs { y, dy } = operands.inputs;
        capped(self.0, [y, operands.outputs.dx], Some(dy))
    }
}

/// Writes the second operand from the first.
fn capped(cap: f32, operands: [Operand<'_>; 2], dy: Option<Operand<'_>>) -> Result<Lowering> {
    let count = operands[1].ty.count();
    let arguments = softcap::Arguments { count: count as u32, cap }.bytes();
    let bindings = operands.into_iter().chain(dy).map(Operand::place).collect();
    Launch::each(softcap::kernel(dy.is_some()), arguments, bindings, count).map(Lowering::one)
}
