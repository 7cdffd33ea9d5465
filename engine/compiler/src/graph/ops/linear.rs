//! Linear layers.

use super::{
    Added, Cost, Done, Dx, Given, In, Named, Nothing, Operation, Out, Y, declare, f16_rules, operands,
};
use crate::graph::gradient::Backward;
use crate::graph::half::{self, Operand, alone, alone_by_four};
use crate::graph::shape::{Rule, alike, columns, expect, rank, vector, with_columns};
use crate::graph::{GraphError, Type, ValueId};

/// y = x·wᵀ (+ b) (+ r). Inputs: x [..,I], weight w [O,I], (bias b [O]), (residual r [..,O]). Output: y [..,O]. Or several products of one
/// size, without bias: x [G,N,I], w [G,O,I], (r [G,N,O]); y [G,N,O].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    pub bias: bool,
    /// Whether r is given, the residual stream.
    pub residual: bool,
}

impl Linear {
    /// x·wᵀ without bias and residual.
    pub const PLAIN: Self = Self { bias: false, residual: false };
}

operands! {
    LinearInputs of Linear { x, weight, bias: if bias, residual: if residual }
}

impl Operation for Linear {
    declare!("linear", "y = x·wᵀ + b + residual", LinearInputs -> Y);

    fn formula(&self) -> &'static str {
        match (self.bias, self.residual) {
            (false, false) => "y = x·wᵀ",
            (true, false) => "y = x·wᵀ + b",
            (false, true) => "y = x·wᵀ + residual",
            (true, true) => Self::FORMULA,
        }
    }

    fn types(&self, inputs: LinearInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let LinearInputs { x, weight, bias, residual } = inputs;
        let [out, inner] = matrix_of(weight, x)?;
        columns("input", x, inner)?;
        let y = with_columns(x, out);
        expect(bias.is_none() || weight.shape.len() == 2, || "several products have no bias".to_owned())?;
        bias.map_or(Ok(()), |bias| vector("bias", bias, out))?;
        residual.map_or(Ok(()), |residual| alike("residual", residual, &y))?;
        Ok(Y { y })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let Y { y } = outputs;
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let residual = inputs.residual;
        product_backward(pass, dy, inputs)?;
        match residual {
            Some(stream) if pass.wants(stream) => pass.flow(stream, dy),
            _ => Ok(()),
        }
    }

    fn f16_rules(&self, Named { inputs, outputs, .. }: Named<Self, Operand>) -> Vec<half::Rule> {
        if !inputs.x.by_four() {
            return Vec::new();
        }
        let mut rules = vec![alone(inputs.x)];
        if !self.residual {
            rules.push(half::with(outputs.y, vec![inputs.x]));
        }
        rules
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::forward(product_flops(inputs.x, inputs.weight))
    }
}

/// Floating-point operations of a product of rows with a matrix or its transpose, or of several.
pub(super) fn product_flops(rows: &Type, matrix: &Type) -> f64 {
    2.0 * (rows.rows() / product_count(matrix)) as f64 * matrix.count() as f64
}

/// Number of products with a weight [O,I] or [G,O,I].
pub fn product_count(weight: &Type) -> usize {
    if let [products, _, _] = weight.shape[..] { products } else { 1 }
}

/// Size of a weight [O,I], or of each of several [G,O,I] that are multiplied with rows [G,N,..].
fn matrix_of(weight: &Type, rows: &Type) -> Rule<[usize; 2]> {
    if let ([count, out, inner], [groups, _, _]) = (&weight.shape[..], &rows.shape[..])
        && count == groups
    {
        return Ok([*out, *inner]);
    }
    rank("weight", weight, 2)?;
    Ok([weight.shape[0], weight.shape[1]])
}

/// Appends the gradient of a bias that is added to every row of y.
pub(super) fn bias_backward(pass: &mut Backward<'_>, dy: ValueId, bias: Option<ValueId>) -> Done {
    if let Some(sum) = bias.and_then(|bias| pass.parameter(bias)) {
        let groups = pass.graph.ty(dy).rows();
        pass.graph.add_into(SumRows { groups }, Dy { dy }, Sum { sum })?;
    }
    Ok(())
}

/// Appends the gradient of x·wᵀ (+ b).
pub(super) fn product_backward(
    pass: &mut Backward<'_>,
    dy: ValueId,
    LinearInputs { x, weight, bias, .. }: LinearInputs<ValueId>,
) -> Result<(), GraphError> {
    if let Some(gradient) = pass.parameter(weight) {
        let x = pass.read(x)?;
        let gradients = LinearGradients { weight: gradient };
        pass.graph.add_into(LinearWeightBackward, LinearWeightBackwardInputs { dy, x }, gradients)?;
    }
    bias_backward(pass, dy, bias)?;
    if !pass.wants(x) {
        return Ok(());
    }
    let residual = pass.gradient(x);
    let op = LinearInputBackward { residual: residual.is_some() };
    // A weight stored in fewer bits is converted again: only the parameter itself is kept.
    let weight = pass.read(weight)?;
    let Dx { dx } = pass.graph.add(op, LinearInputBackwardInputs { dy, weight, residual })?;
    pass.replace(x, dx);
    Ok(())
}

/// dx = dy·w (+ r). Inputs: dy [..,O], weight w [O,I], (residual r [..,I], the other gradients of x). Output: [..,I]. Or several products of
/// one size, as for [`Linear`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearInputBackward {
    pub residual: bool,
}

operands! {
    LinearInputBackwardInputs of LinearInputBackward { dy, weight, residual: if residual }
}

impl Operation for LinearInputBackward {
    declare!("linear_input_backward", "dx = dy·w", LinearInputBackwardInputs -> Dx);

    fn types(&self, inputs: LinearInputBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let LinearInputBackwardInputs { dy, weight, residual } = inputs;
        let [out, inner] = matrix_of(weight, dy)?;
        columns("output gradient", dy, out)?;
        let dx = with_columns(dy, inner);
        residual.map_or(Ok(()), |residual| alike("residual", residual, &dx))?;
        Ok(Dx { dx })
    }

    fn f16_rules(&self, Named { inputs, outputs, .. }: Named<Self, Operand>) -> Vec<half::Rule> {
        if self.residual { Vec::new() } else { alone_by_four(&[inputs.dy, outputs.dx]) }
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::backward(product_flops(inputs.dy, inputs.weight))
    }
}

/// dw += dyᵀ·x. Inputs: dy [..,O], x [..,I]. Output += [O,I].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearWeightBackward;

operands! {
    LinearWeightBackwardInputs of LinearWeightBackward { dy, x }
    LinearGradients of LinearWeightBackward { weight }
}

impl Operation for LinearWeightBackward {
    declare!(
        "linear_weight_backward",
        "dw += dyᵀ·x",
        LinearWeightBackwardInputs -> Nothing += LinearGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Rule<Nothing> {
        let LinearWeightBackwardInputs { dy, x } = inputs;
        expect(dy.rows() == x.rows(), || format!("rows differ: {dy} and {x}"))?;
        alike("gradient", gradients.weight, &Type::f32(&[dy.columns(), x.columns()]))?;
        Ok(Nothing)
    }

    f16_rules!(alone_by_four: inputs.dy, inputs.x);

    fn cost(&self, Named { inputs, gradients, .. }: Named<Self, &Type>) -> Cost {
        Cost::backward(product_flops(inputs.dy, gradients.weight))
    }
}

/// db += Σ over rows of dy: the gradient of a bias [O], or of a position table's first rows (dy [B,T,C] → [P,C]). Input: dy, read as
/// [groups, dy.count / groups]. Output += a gradient with at least dy.count / groups entries; the first of them receive the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumRows {
    /// Number of rows that are summed.
    pub groups: usize,
}

operands! {
    Dy of SumRows { dy }
    Sum of SumRows { sum }
}

impl Operation for SumRows {
    declare!("sum_rows", "db += Σ over rows of dy", Dy -> Nothing += Sum);

    fn types(&self, Dy { dy }: Dy<&Type>, Sum { sum }: Sum<&Type>) -> Rule<Nothing> {
        let (count, groups) = (dy.count(), self.groups);
        expect(groups > 0 && count.is_multiple_of(groups), || {
            format!("{dy} does not divide into {groups} rows")
        })?;
        expect(count / groups <= sum.count(), || {
            format!("a row of {} is longer than the gradient {sum}", count / groups)
        })?;
        Ok(Nothing)
    }

    f16_rules!(independent: inputs.dy);
}
