//! Elementwise activations and gates.

use super::elementwise::entries;
use super::{Launch, Lower, Lowering, NodeContext, Operand, by_width};
use crate::Result;
use crate::graph::ops::*;
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

fn number_of_gate(gate: protocol::Gate) -> u32 {
    number_of(match gate {
        protocol::Gate::Geglu => protocol::Activation::GeluTanh,
        _ => protocol::Activation::Silu,
    })
}

impl Lower for Activation {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use activation::{Arguments, Entries, kernel};
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        let (_, count) = entries(y.ty);
        let entries = by_width(y.ty.count(), y.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let arguments = Arguments { count: count as u32, kind: number_of(self.0) };
        let bindings = [x, y].map(Operand::place).to_vec();
        Launch::each(kernel(entries), arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

impl Lower for ActivationBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use activation_backward::{Arguments, Entries, kernel};
        let (ActivationBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let (_, count) = entries(dx.ty);
        let entries = by_width(dx.ty.count(), dx.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let arguments = Arguments { count: count as u32, kind: number_of(self.0) };
        let bindings = [x, dy, dx].map(Operand::place).to_vec();
        Launch::each(kernel(entries), arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

/// For a gate with `count` narrow entries and F = `hidden` columns: the number of vectors (of four, or of one float), and F in
/// vectors.
fn gated(count: usize, hidden: usize) -> [usize; 2] {
    let width = if hidden.is_multiple_of(4) { 4 } else { 1 };
    [count / width, hidden / width]
}

impl Lower for Gate {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use gate::{Arguments, Entries, kernel};
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        let [count, hidden] = gated(y.ty.count(), y.columns());
        let entries = by_width(y.columns(), y.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let arguments =
            Arguments { count: count as u32, hidden: hidden as u32, kind: number_of_gate(self.0) };
        let bindings = [x, y].map(Operand::place).to_vec();
        Launch::each(kernel(entries), arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

impl Lower for GateBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use gate_backward::{Arguments, Entries, kernel};
        let (GateBackwardInputs { x, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let [count, hidden] = gated(dy.ty.count(), dy.columns());
        let entries = by_width(dy.columns(), dx.half(), [Entries::Scalar, Entries::Vec4, Entries::Half])?;
        let arguments =
            Arguments { count: count as u32, hidden: hidden as u32, kind: number_of_gate(self.0) };
        let bindings = [x, dy, dx].map(Operand::place).to_vec();
        Launch::each(kernel(entries), arguments.bytes(), bindings, count).map(Lowering::one)
    }
}
