//! Linear layers and their gradients, lowered to the products of `matmul`.

use super::matmul::{column_sums, input_backward, linear_launches, weight_backward};
use super::{Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::*;

impl Lower for Linear {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (LinearInputs { x, weight, bias, residual }, Y { y }) = (operands.inputs, operands.outputs);
        let sizes = [x.rows(), x.columns(), y.columns()];
        let added = [bias, residual].map(|operand| operand.map(Operand::place));
        let places = [x.place(), y.place()];
        Ok(Lowering::new(linear_launches(site, sizes, weight, places, [x.half(), y.half()], added)?))
    }
}

impl Lower for LinearInputBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (LinearInputBackwardInputs { dy, weight, residual }, Dx { dx }) =
            (operands.inputs, operands.outputs);
        let sizes = [dy.rows(), dy.columns(), dx.columns()];
        let (places, half) = ([dy.place(), dx.place()], [dy.half(), dx.half()]);
        let residual = residual.map(Operand::place);
        input_backward(site, sizes, weight, places, half, residual)
    }
}

impl Lower for LinearWeightBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearWeightBackwardInputs { dy, x } = operands.inputs;
        weight_backward(site, dy, x, operands.gradients.weight)
    }
}

impl Lower for SumRows {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (Dy { dy }, Sum { sum }) = (operands.inputs, operands.gradients);
        let sizes = [self.groups, dy.ty.count() / self.groups];
        Ok(Lowering::one(column_sums(site, [dy.place(), sum.place()], sizes, [dy.half(), false], true)?))
    }
}
