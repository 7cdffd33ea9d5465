//! Linear layers and their gradients, lowered to the products of `matmul`.

use super::matmul::{column_sums, input_backward, linear_launches, weight_backward};
use super::{Choices, Lower, Lowering, NodeContext, Operand};
use crate::graph::Type;
use crate::graph::ops::*;
use crate::{Error, Result};

impl Lower for Linear {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (LinearInputs { x, weight, bias, residual }, Y { y }) = (operands.inputs, operands.outputs);
        let added = [bias, residual].map(|operand| operand.map(Operand::place));
        let (places, half) = ([x.place(), y.place()], [x.half(), y.half()]);
        each(site, weight, |site, weight, count| {
            let sizes = [x.rows() / count, x.columns(), y.columns()];
            Ok(Lowering::new(linear_launches(site, sizes, weight, places, half, added)?))
        })
    }
}

impl Lower for LinearInputBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (LinearInputBackwardInputs { dy, weight, residual }, Dx { dx }) =
            (operands.inputs, operands.outputs);
        let (places, half) = ([dy.place(), dx.place()], [dy.half(), dx.half()]);
        let residual = residual.map(Operand::place);
        each(site, weight, |site, weight, count| {
            let sizes = [dy.rows() / count, dy.columns(), dx.columns()];
            input_backward(site, sizes, weight, places, half, residual)
        })
    }
}

/// Lowers a product with a weight [O,I], or each of several with a weight [G,O,I], whose number is the workgroup's z. They have the default
/// kernels, the only ones that read it.
fn each(
    site: NodeContext<'_>,
    weight: Operand<'_>,
    lower: impl FnOnce(NodeContext<'_>, Operand<'_>, usize) -> Result<Lowering>,
) -> Result<Lowering> {
    let [count, rows, columns] = weight.ty.shape[..] else { return lower(site, weight, 1) };
    let (ty, target) = (Type::f32(&[rows, columns]), site.target.clone().with(&Choices::default()));
    let mut lowering = lower(NodeContext { target: &target, ..site }, Operand { ty: &ty, ..weight }, count)?;
    for launch in &mut lowering.launches {
        if !launch.kernel.reads_z {
            return Err(Error::Internal(format!("{} computes one product", launch.kernel.name)));
        }
        launch.groups[2] = count as u32;
    }
    Ok(lowering)
}

impl Lower for LinearWeightBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearWeightBackwardInputs { dy, x } = operands.inputs;
        weight_backward(site, dy, x, operands.gradients.weight)
    }
}

impl Lower for SumRows {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (Dy { dy }, Sum { sum }) = (operands.inputs, operands.gradients);
        let into = [(sum.place(), dy.ty.count() / self.groups)];
        Ok(Lowering::one(column_sums(dy.place(), &into, self.groups, [dy.half(), false], true)?))
    }
}
