//! Operations that do the work of several, as those several.

use super::interpret::{Express, Run};
use super::{loss, mlp, plus, rope};
use crate::error::Result;
use crate::graph::ops::{
    CrossEntropyOutputs, LinearActivation, LinearActivationInputs, LinearActivationOutputs,
    LinearCrossEntropy, LinearCrossEntropyInputs, LinearCrossEntropyOutputs, LinearRope, LinearRopeInputs, Y,
};
use crate::graph::{Node, ValueId};
use burn::tensor::Tensor;

impl Run<'_> {
    /// x·wᵀ (+ b).
    fn product(&mut self, x: ValueId, weight: ValueId, bias: Option<ValueId>) -> Result<Tensor<2>> {
        let product = self.floats(x)?.matmul(self.floats(weight)?.transpose());
        Ok(plus(product, self.floats_if(bias)?))
    }
}

impl Express for LinearActivation {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let LinearActivationInputs { x, weight, bias } = inputs;
        let z = run.product(x, weight, bias)?;
        Ok(LinearActivationOutputs { y: mlp::nonlinearity(z.clone(), self.kind), z })
    }
}

impl Express for LinearRope {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let LinearRopeInputs { x, weight, bias, table } = inputs;
        let time = run.graph.ty(x).shape[1];
        let qkv = run.product(x, weight, bias)?;
        Ok(Y { y: rope::turned(&qkv, &run.floats(table)?, self.heads, [0, time], false) })
    }
}

impl Express for LinearCrossEntropy {
    fn express(
        &self,
        run: &mut Run<'_>,
        node: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let LinearCrossEntropyInputs { x, weight, targets } = inputs;
        let (logits, targets) = (run.product(x, weight, None)?, run.ids(targets)?);
        let settings = (self.label_smoothing, self.ignore_index);
        let CrossEntropyOutputs { loss, rows } =
            loss::cross_entropy(run, node, logits.clone(), &targets, settings)?;
        Ok(LinearCrossEntropyOutputs { loss, rows, logits })
    }
}
