//! Dropout, noise, sums, products, scaling and soft caps.

use super::interpret::{Express, In, Out, Run, host};
use super::plus;
use burn::tensor::TensorData;
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

impl Express for Dropout {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let DropoutInputs { x, residual } = inputs;
        let x = run.floats(x)?;
        let residual = run.floats_if(residual)?;
        Ok(Y { y: plus(run.drop_entries(x, self.site), residual) })
    }
}

impl Express for Noise {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let x = run.floats(inputs.x)?;
        Ok(Y { y: run.add_noise(x, *self) })
    }
}

impl Express for Add {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        Ok(Y { y: run.floats(inputs.a)? + run.floats(inputs.b)? })
    }
}

impl Express for Scale {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        Ok(Y { y: run.floats(inputs.x)? * self.0 })
    }
}

impl Express for Multiply {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let MultiplyInputs { x, factors, bias } = inputs;
        let product = run.floats(x)? * run.floats(factors)?;
        Ok(Y { y: plus(product, run.floats_if(bias)?) })
    }
}

impl Express for Unpack {
    /// A stored weight has no gradient.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let mut weights = host::<f32>(run.floats(inputs.x)?)?;
        let ty = run.graph.ty(inputs.x);
        blocks::round(ty.element, ty.columns(), &mut weights);
        Ok(Y { y: run.device.tensor::<2>(TensorData::new(weights, [ty.rows(), ty.columns()])) })
    }
}

impl Express for Softcap {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        Ok(Y { y: (run.floats(inputs.x)? / self.0).tanh() * self.0 })
    }
}
