//! Activations and gates.

use super::interpret::{Express, In, Out, Run};
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{self, Y};
use glasshouse_platform::Result;
use glasshouse_protocol::{Activation, Gate};

impl Express for ops::Activation {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        Ok(Y { y: activation(run.floats(inputs.x)?, self.0) })
    }
}

impl Express for ops::Gate {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        Ok(Y { y: gate(run.floats(inputs.x)?, self.0) })
    }
}

fn activation(x: Tensor<2>, kind: Activation) -> Tensor<2> {
    match kind {
        Activation::GeluExact => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Relu => burn::tensor::activation::relu(x),
        Activation::ReluSquared => {
            let positive = burn::tensor::activation::relu(x);
            positive.clone() * positive
        }
        Activation::Silu => x.clone() * sigmoid(x),
    }
}

/// x [N,2F] → [N,F].
fn gate(x: Tensor<2>, gate: Gate) -> Tensor<2> {
    let hidden = x.dims()[1] / 2;
    let (opened, passed) = (x.clone().narrow(1, 0, hidden), x.narrow(1, hidden, hidden));
    let opened = match gate {
        Gate::Geglu => gelu_tanh(opened),
        Gate::Swiglu => opened.clone() * sigmoid(opened),
        Gate::None => opened,
    };
    opened * passed
}

/// Tanh approximation of GELU (Hendrycks and Gimpel 2016).
fn gelu_tanh(x: Tensor<2>) -> Tensor<2> {
    let inner = (x.clone() * x.clone() * x.clone() * 0.044715 + x.clone()) * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
    x * (inner.tanh() + 1.0) * 0.5
}
