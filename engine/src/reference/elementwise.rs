//! Dropout, noise and sums.

use super::interpret::{Express, Run};
use super::plus;
use crate::error::Result;
use crate::graph::ops::{Add, Dropout, DropoutInputs, Noise, Scale, Y};
use crate::graph::{Node, ValueId};
use burn::tensor::Tensor;

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
        Ok(Y { y: run.floats(inputs.x)? * self.0 })
    }
}
