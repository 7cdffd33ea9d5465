//! Elementwise ops: one invocation per entry, or per four if the count is a multiple of four.

use super::matmul::built;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid};
use crate::Result;
use crate::graph::ops::*;
use crate::graph::{Type, random};
use crate::plan::Buffer;
use glasshouse_shaders::{add, dropout, noise, scale, softcap};

/// Workgroup size of the elementwise kernels.
pub(super) const GROUP: usize = 256;

/// Whether vectors of four can be used, the number of entries of a binding, and the workgroups.
pub(super) fn entries(ty: &Type) -> Result<(bool, u32, [u32; 3])> {
    let count = ty.count();
    let vec4 = count.is_multiple_of(4);
    let count = if vec4 { count / 4 } else { count };
    Ok((vec4, count as u32, grid(count.div_ceil(GROUP))?))
}

/// The number of floats of a binding, and the workgroups, one invocation per float.
fn floats(ty: &Type) -> Result<(u32, [u32; 3])> {
    let count = ty.count();
    Ok((count as u32, grid(count.div_ceil(GROUP))?))
}

impl Lower for Add {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (AddInputs { a, b }, y) = (operands.inputs, operands.outputs.y);
        let (vec4, count, groups) = entries(y.ty)?;
        let bindings = vec![a.place(), b.place(), y.place()];
        let kernel = add::kernel(if vec4 { add::Entries::Vec4 } else { add::Entries::Scalar });
        Ok(Lowering::one(Launch::new(kernel, add::Arguments { count }.bytes(), bindings, groups)?))
    }
}

impl Lower for Dropout {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (DropoutInputs { x, residual }, y) = (operands.inputs, operands.outputs.y);
        let (vec4, count, groups) = entries(y.ty)?;
        let arguments = dropout::Arguments {
            count,
            site: self.site.site,
            threshold: random::threshold(self.site.rate),
            scale: 1.0 / (1.0 - self.site.rate),
        };
        let (control, schedule) =
            (BindingSource::Buffer(Buffer::Control), BindingSource::Buffer(Buffer::Schedule));
        let mut bindings = vec![control, schedule, x.place(), y.place()];
        bindings.extend(residual.map(Operand::place));
        let width = if vec4 { dropout::Entries::Vec4 } else { dropout::Entries::Scalar };
        let kernel = built(dropout::kernel(width, self.residual, x.half(), y.half()))?;
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, groups)?))
    }
}

impl Lower for Noise {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (x, y) = (operands.inputs.x, operands.outputs.y);
        let (count, groups) = floats(y.ty)?;
        let arguments = noise::Arguments { count, site: self.site, size: self.size }.bytes();
        let (control, schedule) =
            (BindingSource::Buffer(Buffer::Control), BindingSource::Buffer(Buffer::Schedule));
        let bindings = vec![control, schedule, x.place(), y.place()];
        Ok(Lowering::one(Launch::new(noise::kernel(), arguments, bindings, groups)?))
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
    let (count, groups) = floats(operands[1].ty)?;
    let period = factors.map_or(0, |factors| factors.ty.count() as u32);
    let arguments = scale::Arguments { count, factor, period, biased: u32::from(bias.is_some()) }.bytes();
    let given = [factors, bias].map(|operand| operand.map_or(BindingSource::UNREAD, Operand::place));
    let bindings = operands.map(Operand::place).into_iter().chain(given).collect();
    Ok(Lowering::one(Launch::new(scale::kernel(), arguments, bindings, groups)?))
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
    let (count, groups) = floats(operands[1].ty)?;
    let arguments = softcap::Arguments { count, cap }.bytes();
    let bindings = operands.into_iter().chain(dy).map(Operand::place).collect();
    Ok(Lowering::one(Launch::new(softcap::kernel(dy.is_some()), arguments, bindings, groups)?))
}
