//! Dropout, noise, sums, scaling and soft caps.

use super::interpret::{Express, Run, host};
use super::plus;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::ops::{Add, Dropout, DropoutInputs, Noise, Scale, Softcap, Y};
use glasshouse_compiler::graph::{Element, Node, ValueId};
use glasshouse_platform::Result;
use half::f16;

impl Express for Dropout {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let DropoutInputs { x, residual } = inputs;
        let x = run.floats(x)?;
        let residual = run.floats_if(residual)?;
        Ok(Y { y: plus(run.drop_entries(x, self.site), residual) })
    }
}

impl Express for Noise {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let x = run.floats(inputs.x)?;
        Ok(Y { y: run.add_noise(x, *self) })
    }
}

impl Express for Add {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        Ok(Y { y: run.floats(inputs.a)? + run.floats(inputs.b)? })
    }
}

impl Express for Scale {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let x = run.floats(inputs.x)?;
        // A weight stored in 16-bit floats; it has no gradient.
        let ty = run.graph.ty(inputs.x);
        if ty.element == Element::F16 {
            let rounded = host::<f32>(x)?.into_iter().map(|entry| f16::from_f32(entry).to_f32() * self.0);
            let data = TensorData::new(rounded.collect::<Vec<f32>>(), [ty.rows(), ty.columns()]);
            return Ok(Y { y: run.device.tensor::<2>(data) });
        }
        Ok(Y { y: x * self.0 })
    }
}

impl Express for Softcap {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        Ok(Y { y: (run.floats(inputs.x)? / self.0).tanh() * self.0 })
    }
}
