//! Matrix products with more in their epilogues than a sum: activations, gates and rotations, and the gradients of the first two; and
//! the head with its loss.

use super::loss::{Rule, mean, rows, rows_backward};
use super::matmul::{
    STEPS_IN_TURN, built, by_width, input_backward_launches, linear_launches, linear_tiles, tier, tiles,
    weight_backward_launches,
};
use super::parts::Part;
use super::tuning::{Operands, Side};
use super::{Family, Launch, Lower, Lowering, Operand, Site, Tier, grid, within_longest_loop};
use crate::Result;
use crate::graph::Nonlinearity;
use crate::graph::ops::{
    Dx, LinearActivation, LinearActivationInputs, LinearActivationOutputs, LinearCrossEntropy,
    LinearCrossEntropyBackward, LinearCrossEntropyBackwardInputs, LinearCrossEntropyBackwardOutputs,
    LinearCrossEntropyInputs, LinearInputActivationBackward, LinearInputActivationBackwardInputs, LinearRope,
    LinearRopeInputs, Named,
};
use glasshouse_protocol::{Activation, Gate};
use glasshouse_shaders::{linear, linear_input_backward};

/// The epilogue of a kernel module and the function in it.
macro_rules! curve {
    ($module:ident, $kind:expr) => {{
        use $module::{Epilogue, Function};
        match $kind {
            Nonlinearity::Activation(Activation::GeluExact) => (Epilogue::Activation, Function::GeluExact),
            Nonlinearity::Activation(Activation::GeluTanh) => (Epilogue::Activation, Function::GeluTanh),
            Nonlinearity::Activation(Activation::Relu) => (Epilogue::Activation, Function::Relu),
            Nonlinearity::Activation(Activation::ReluSquared) => {
                (Epilogue::Activation, Function::ReluSquared)
            }
            Nonlinearity::Activation(Activation::Silu) => (Epilogue::Activation, Function::Silu),
            Nonlinearity::Gate(Gate::Geglu) => (Epilogue::Gate, Function::GeluTanh),
            Nonlinearity::Gate(Gate::Swiglu | Gate::None) => (Epilogue::Gate, Function::Silu),
        }
    }};
}

impl Lower for LinearActivation {
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearActivationInputs { x, weight, bias } = operands.inputs;
        let LinearActivationOutputs { y, z } = operands.outputs;
        let partner = match self.kind {
            Nonlinearity::Activation(_) => 0,
            Nonlinearity::Gate(_) => y.columns() as u32,
        };
        let arguments = linear::Arguments { partner, ..linear::Arguments::default() };
        product(site, [x, weight, y], bias, curve!(linear, self.kind), z, arguments)
    }
}

impl Lower for LinearRope {
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (Self { heads, .. }, LinearRopeInputs { x, weight, bias, table }) = (self, operands.inputs);
        let arguments = linear::Arguments {
            partner: heads.head_size as u32 / 2,
            turning: ((heads.heads + heads.kv_heads) * heads.head_size) as u32,
            time: x.ty.shape[1] as u32,
            ..linear::Arguments::default()
        };
        let turned = (linear::Epilogue::Rope, linear::Function::None);
        product(site, [x, weight, operands.outputs.y], bias, turned, table, arguments)
    }
}

/// A product of tiles over x, w and y, with one binding more than a plain one.
fn product(
    site: Site<'_>,
    [x, weight, y]: [Operand<'_>; 3],
    bias: Option<Operand<'_>>,
    (epilogue, function): (linear::Epilogue, linear::Function),
    further: Operand<'_>,
    arguments: linear::Arguments,
) -> Result<Lowering> {
    let sizes = [x.rows(), x.columns(), weight.rows()];
    let half = x.half();
    site.expect_whole(weight, half)?;
    let (weight, operands) = if half {
        (weight.half_weight(), linear::Operands::Half)
    } else {
        (weight.place(), linear::Operands::Vec4)
    };
    let mut bindings = vec![x.place(), weight, y.place()];
    bindings.extend([bias, Some(further)].into_iter().flatten().map(Operand::place));
    let kernel = |tier| linear::kernel(tier, operands, half, bias.is_some(), epilogue, function);
    let arguments = linear::Arguments { stride: sizes[2] as u32, ..arguments };
    Ok(Lowering::one(linear_tiles(site.target, sizes, half, bindings, kernel, arguments)?))
}

impl Lower for LinearInputActivationBackward {
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use linear_input_backward::{Arguments, Left, Right, kernel};
        let LinearInputActivationBackwardInputs { dy, weight, x } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let (rows, inner, columns) = (dy.rows(), dy.columns(), weight.columns());
        within_longest_loop(site, inner / STEPS_IN_TURN, "lower model.width")?;
        let half = dx.half();
        site.expect_whole(weight, half)?;
        let weight = if half { weight.half_weight() } else { weight.place() };
        let operands = Operands::of([dy.half(), half]);
        let sizes = [rows, inner, columns];
        let family = Family::LinearInputBackward;
        let tier = tier!(linear_input_backward, site.target, family, sizes, sizes, operands);
        let (side_by_side, total) = tiles(rows, columns);
        let arguments = Arguments {
            rows: rows as u32,
            columns: columns as u32,
            inner: inner as u32,
            column_tiles: side_by_side as u32,
            stride: inner as u32,
        };
        let left = by_width(inner, dy.half(), [Left::Left1, Left::Left4, Left::Half]);
        let right = by_width(columns, half, [Right::Right1, Right::Vec4, Right::RightHalf]);
        let (epilogue, function) = curve!(linear_input_backward, self.0);
        let kernel = built(kernel(tier, left, right, epilogue, function))?;
        let bindings = vec![dy.place(), weight, dx.place(), x.place()];
        Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, grid(total)?)?))
    }
}

impl Lower for LinearCrossEntropy {
    /// For each chunk its logits and its rows, then the mean.
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyInputs { x, weight, targets } = operands.inputs;
        let outputs = operands.outputs;
        let [targets, loss, results, logits] =
            [targets, outputs.loss, outputs.rows, outputs.logits].map(Operand::place);
        let (rule, inner) =
            (Rule::new(x.rows(), weight.rows(), self.label_smoothing, self.ignore_index), x.columns());
        let mut launches = Vec::new();
        for part in Part::all(x.rows(), self.chunk) {
            let sizes = [part.count, inner, weight.rows()];
            let places = [part.rows_of(x.place()), logits];
            launches.extend(linear_launches(site, sizes, weight, places, [x.half(), false], [None; 2])?);
            launches.push(rows(site.target, rule, part, [logits, targets, part.rows_of(results)])?);
        }
        launches.push(mean(rule, [results, targets, loss])?);
        Ok(Lowering { launches, scratch: Vec::new() })
    }
}

impl Lower for LinearCrossEntropyBackward {
    /// For each chunk its logits once more, their gradient, and what follows.
    fn lower(&self, site: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyBackwardInputs { x, weight, targets, rows: results, loss } = operands.inputs;
        let LinearCrossEntropyBackwardOutputs { dx, logits, dlogits } = operands.outputs;
        let half = [dlogits.half(), dx.half(), x.half()];
        let [half_dlogits, half_dx, half_x] = half;
        let (inner, vocabulary, all_rows) = (x.columns(), weight.rows(), x.rows());
        let rule = Rule::new(all_rows, vocabulary, self.label_smoothing, self.ignore_index);
        let [targets, results, loss, logits, dlogits] =
            [targets, results, loss, logits, dlogits].map(Operand::place);
        let mut launches = Vec::new();
        for part in Part::all(all_rows, self.chunk) {
            let (x, dx) = (part.rows_of(x.place()), part.rows_of(dx.place()));
            let sizes = [part.count, inner, vocabulary];
            launches.extend(linear_launches(site, sizes, weight, [x, logits], [half_x, false], [None; 2])?);
            let places = [logits, targets, part.rows_of(results), loss, dlogits];
            launches.push(rows_backward(rule, part, self.scale, places, half_dlogits)?);
            let (back, places) = ([part.count, vocabulary, inner], [dlogits, dx]);
            let halves = [half_dlogits, half_dx];
            launches.extend(input_backward_launches(site, back, weight, places, halves, None)?);
            if let Some(gradient) = operands.gradients.weight {
                let places = [dlogits, x, gradient.place()];
                launches.extend(weight_backward_launches(site, back, places, [half_dlogits, half_x])?);
            }
        }
        Ok(Lowering { launches, scratch: Vec::new() })
    }
}
