//! Activations and gates of an MLP.

use super::{Done, Dx, In, Named, Nothing, Operation, Out, X, Y, declare, f16_rules, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::half::{self, Operand};
use crate::graph::shape::{Rule, alike, expect, with_columns};
use glasshouse_protocol as protocol;

/// Elementwise. Input: x. Output: y of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activation(pub protocol::Activation);

impl Operation for Activation {
    declare!("activation", "y = f(x)", X -> Y);

    fn formula(&self) -> &'static str {
        match self.0 {
            protocol::Activation::GeluExact => "y = x·Φ(x), Φ(x) = (1 + erf(x / √2)) / 2",
            protocol::Activation::GeluTanh => "y = x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2",
            protocol::Activation::Relu => "y = max(x, 0)",
            protocol::Activation::ReluSquared => "y = max(x, 0)²",
            protocol::Activation::Silu => "y = x·σ(x)",
        }
    }

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let inputs = ActivationBackwardInputs { x: pass.read(x)?, dy };
        let Dx { dx } = pass.graph.add(ActivationBackward(self.0), inputs)?;
        pass.flow(x, dx)
    }

    fn f16_rules(&self, Named { inputs, outputs, .. }: Named<Self, Operand>) -> Vec<half::Rule> {
        // A square leaves the range of f16 from |x| > 256 on.
        match self.0 {
            protocol::Activation::ReluSquared => Vec::new(),
            _ => half::together(&[inputs.x, outputs.y]),
        }
    }

    const IS_CHEAP: bool = true;
}

/// Inputs: x, dy. Output: dx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationBackward(pub protocol::Activation);

operands! {
    ActivationBackwardInputs of ActivationBackward { x, dy }
}

impl Operation for ActivationBackward {
    declare!("activation_backward", "dx = f′(x)·dy", ActivationBackwardInputs -> Dx);

    fn types(&self, inputs: ActivationBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let ActivationBackwardInputs { x, dy } = inputs;
        alike("output gradient", dy, x)?;
        Ok(Dx { dx: x.clone() })
    }

    f16_rules!(together: inputs.x, inputs.dy, outputs.dx);
}

/// y = g(x[.., ..F])·x[.., F..], with g = SiLU (SwiGLU) or tanh-GELU (GeGLU). Input: x [..,2F]. Output: [..,F].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate(pub protocol::Gate);

impl Operation for Gate {
    declare!("gate", "y = g(gate)·up", X -> Y);

    fn formula(&self) -> &'static str {
        match self.0 {
            protocol::Gate::None => Self::FORMULA,
            protocol::Gate::Swiglu => "y = SiLU(gate)·up",
            protocol::Gate::Geglu => "y = GELU(gate)·up",
        }
    }

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(x.columns().is_multiple_of(2), || format!("odd columns: {x}"))?;
        Ok(Y { y: with_columns(x, x.columns() / 2) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let inputs = GateBackwardInputs { x: pass.read(x)?, dy };
        let Dx { dx } = pass.graph.add(GateBackward(self.0), inputs)?;
        pass.flow(x, dx)
    }

    f16_rules!(together: inputs.x, outputs.y);

    const IS_CHEAP: bool = true;
}

/// Inputs: x [..,2F], dy [..,F]. Output: dx [..,2F].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateBackward(pub protocol::Gate);

operands! {
    GateBackwardInputs of GateBackward { x, dy }
}

impl Operation for GateBackward {
    declare!("gate_backward", "dgate = g′(gate)·up·dy; dup = g(gate)·dy", GateBackwardInputs -> Dx);

    fn types(&self, GateBackwardInputs { x, dy }: GateBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        expect(dy.columns() * 2 == x.columns(), || format!("{dy} is not half of {x}"))?;
        expect(dy.rows() == x.rows(), || format!("rows differ: {x} and {dy}"))?;
        Ok(Dx { dx: x.clone() })
    }

    f16_rules!(together: inputs.x, inputs.dy, outputs.dx);
}
