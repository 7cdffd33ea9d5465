//! Activations and gates, entry by entry.

use super::elementwise::{GROUP, entries};
use super::{Launch, Lower, Lowering, Operand, Site, grid};
use crate::Result;
use crate::graph::Type;
use crate::graph::ops::{
    Activation, ActivationBackward, ActivationBackwardInputs, Dx, Gate, GateBackward, GateBackwardInputs,
    Named, X, Y,
};
use glasshouse_protocol as protocol;
use glasshouse_shaders::{activation, activation_backward, gate, gate_backward};

/// The kernel module's variant for an activation.
macro_rules! kind_of {
    ($module:ident, $activation:expr) => {
        match $activation {
            protocol::Activation::GeluExact => $module::Kind::GeluExact,
            protocol::Activation::GeluTanh => $module::Kind::GeluTanh,
            protocol::Activation::Relu => $module::Kind::Relu,
            protocol::Activation::ReluSquared => $module::Kind::ReluSquared,
            protocol::Activation::Silu => $module::Kind::Silu,
        }
    };
}

impl Lower for Activation {
    fn lower(&self, _: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        let (vec4, count, groups) = entries(y.ty)?;
        let kernel = activation::kernel(kind_of!(activation, self.0), vec4, x.half());
        let bindings = vec![x.place(), y.place()];
        Ok(Lowering::one(Launch::new(kernel, activation::Arguments { count }.bytes(), bindings, groups)?))
    }
}

impl Lower for ActivationBackward {
    fn lower(&self, _: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (ActivationBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let (vec4, count, groups) = entries(dx.ty)?;
        let kernel = activation_backward::kernel(kind_of!(activation_backward, self.0), vec4, x.half());
        let arguments = activation_backward::Arguments { count }.bytes();
        let bindings = vec![x.place(), dy.place(), dx.place()];
        Ok(Lowering::one(Launch::new(kernel, arguments, bindings, groups)?))
    }
}

/// Entries of a gate's narrow side, as [`entries`] has them, and F in entries.
fn gated(narrow: &Type) -> Result<(bool, u32, u32, [u32; 3])> {
    let hidden = narrow.columns();
    let vec4 = hidden.is_multiple_of(4);
    let width = if vec4 { 4 } else { 1 };
    let count = narrow.count() / width;
    Ok((vec4, count as u32, (hidden / width) as u32, grid(count.div_ceil(GROUP))?))
}

impl Lower for Gate {
    fn lower(&self, _: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use gate::{Arguments, Kind, kernel};
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        let (vec4, count, hidden, groups) = gated(y.ty)?;
        let kind = if self.0 == protocol::Gate::Geglu { Kind::Geglu } else { Kind::Swiglu };
        let (kernel, arguments) = (kernel(kind, vec4, x.half()), Arguments { count, hidden });
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), vec![x.place(), y.place()], groups)?))
    }
}

impl Lower for GateBackward {
    fn lower(&self, _: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use gate_backward::{Arguments, Kind, kernel};
        let (GateBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let (vec4, count, hidden, groups) = gated(dy.ty)?;
        let kind = if self.0 == protocol::Gate::Geglu { Kind::Geglu } else { Kind::Swiglu };
        let (kernel, arguments) = (kernel(kind, vec4, x.half()), Arguments { count, hidden });
        let bindings = vec![x.place(), dy.place(), dx.place()];
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, groups)?))
    }
}
