//! Elementwise activations and gates.

use super::elementwise::{GROUP, entries};
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, by_width, grid};
use crate::Result;
use crate::graph::ops::{
    Activation, ActivationBackward, ActivationBackwardInputs, Dx, Gate, GateBackward, GateBackwardInputs,
    Named, X, Y,
};
use crate::graph::{Element, Type};
use glasshouse_protocol as protocol;
use glasshouse_shaders::{activation, activation_backward, gate, gate_backward};

/// An activation's number in `shared/curves.wgsl`.
fn number_of(activation: protocol::Activation) -> u32 {
    match activation {
        protocol::Activation::GeluExact => 0,
        protocol::Activation::GeluTanh => 1,
        protocol::Activation::Relu => 2,
        protocol::Activation::ReluSquared => 3,
        protocol::Activation::Silu => 4,
    }
}

/// The number of a gate's activation.
fn number_of_gate(gate: protocol::Gate) -> u32 {
    number_of(match gate {
        protocol::Gate::Geglu => protocol::Activation::GeluTanh,
        _ => protocol::Activation::Silu,
    })
}

impl Lower for Activation {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        Ok(Lowering::one(activation_launch(self.0, y.ty, [x.place(), y.place()])?))
    }
}

/// y = f(x) over x and y, both of type `ty`.
pub(super) fn activation_launch(
    kind: protocol::Activation,
    ty: &Type,
    operands: [BindingSource; 2],
) -> Result<Launch> {
    use activation::{Arguments, Entries, kernel};
    let (_, count, groups) = entries(ty)?;
    let entries = by_width(ty.count(), is_half(ty), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
    let arguments = Arguments { count, kind: number_of(kind) };
    Launch::new(kernel(entries), arguments.bytes(), operands.to_vec(), groups)
}

impl Lower for ActivationBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (ActivationBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let places = [x, dy, dx].map(Operand::place);
        Ok(Lowering::one(activation_backward_launch(self.0, dx.ty, places)?))
    }
}

/// dx = dy·f′(x) over x, dy and dx, all of type `ty`.
pub(super) fn activation_backward_launch(
    kind: protocol::Activation,
    ty: &Type,
    operands: [BindingSource; 3],
) -> Result<Launch> {
    use activation_backward::{Arguments, Entries, kernel};
    let (_, count, groups) = entries(ty)?;
    let entries = by_width(ty.count(), is_half(ty), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
    let arguments = Arguments { count, kind: number_of(kind) };
    Launch::new(kernel(entries), arguments.bytes(), operands.to_vec(), groups)
}

/// For a gate with `count` narrow entries and F = `hidden` columns: the number of vectors (of four, or of one float), F in
/// vectors, and the workgroups.
fn gated(count: usize, hidden: usize) -> Result<(u32, u32, [u32; 3])> {
    let width = if hidden.is_multiple_of(4) { 4 } else { 1 };
    Ok(((count / width) as u32, (hidden / width) as u32, grid((count / width).div_ceil(GROUP))?))
}

impl Lower for Gate {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        Ok(Lowering::one(gate_launch(self.0, y.ty, [x.place(), y.place()])?))
    }
}

/// A gate over x and y, with y's type.
pub(super) fn gate_launch(kind: protocol::Gate, y: &Type, operands: [BindingSource; 2]) -> Result<Launch> {
    use gate::{Arguments, Entries, kernel};
    let (count, hidden, groups) = gated(y.count(), y.columns())?;
    let entries = by_width(y.columns(), is_half(y), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
    let arguments = Arguments { count, hidden, kind: number_of_gate(kind) };
    Launch::new(kernel(entries), arguments.bytes(), operands.to_vec(), groups)
}

impl Lower for GateBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (GateBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let places = [x, dy, dx].map(Operand::place);
        Ok(Lowering::one(gate_backward_launch(self.0, dx.ty, places)?))
    }
}

/// The gradient of a gate over x, dy and dx, with dx's type.
pub(super) fn gate_backward_launch(
    kind: protocol::Gate,
    dx: &Type,
    operands: [BindingSource; 3],
) -> Result<Launch> {
    use gate_backward::{Arguments, Entries, kernel};
    let narrow = dx.columns() / 2;
    let (count, hidden, groups) = gated(dx.count() / 2, narrow)?;
    let entries = by_width(narrow, is_half(dx), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
    let arguments = Arguments { count, hidden, kind: number_of_gate(kind) };
    Launch::new(kernel(entries), arguments.bytes(), operands.to_vec(), groups)
}

fn is_half(ty: &Type) -> bool {
    ty.element == Element::F16
}
