//! Linear layers.

use super::interpret::{Express, In, Out, Run};
use super::plus;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{Linear, LinearInputs, Y};
use glasshouse_platform::Result;

impl Express for Linear {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let LinearInputs { x, weight, bias, residual } = inputs;
        let product = run.floats(x)?.matmul(run.floats(weight)?.transpose());
        Ok(Y { y: plus(plus(product, run.floats_if(bias)?), run.floats_if(residual)?) })
    }
}
