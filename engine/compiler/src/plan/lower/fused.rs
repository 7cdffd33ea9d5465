//! Matrix products fused with activations, gates and rotations, their gradients, and the head fused with its loss. If the
//! chosen strategy has a kernel with the epilogue, the op is one launch; otherwise product and epilogue are two.

use super::loss::{LossRule, mean, rows, rows_backward};
use super::matmul::{
    STEPS_IN_TURN, input_backward_launches, linear_launches, linear_tiles, tiles, weight_backward_launches,
};
use super::mlp::{activation_backward_launch, activation_launch, gate_backward_launch, gate_launch};
use super::parts::RowRange;
use super::products::{linear, linear_input_backward};
use super::tuning::Operands;
use super::{
    BindingSource, Family, Launch, Lower, Lowering, NodeContext, Operand, by_width, grid, rope,
    within_longest_loop,
};
use crate::Result;
use crate::graph::Nonlinearity;
use crate::graph::ops::{
    Dx, LinearActivation, LinearActivationInputs, LinearActivationOutputs, LinearCrossEntropy,
    LinearCrossEntropyBackward, LinearCrossEntropyBackwardInputs, LinearCrossEntropyBackwardOutputs,
    LinearCrossEntropyInputs, LinearInputActivationBackward, LinearInputActivationBackwardInputs, LinearRope,
    LinearRopeInputs, Named, Rope,
};
use glasshouse_protocol::{Activation, Gate};

/// The epilogue and function of a kernel module, if it has them.
macro_rules! curve {
    ($module:ident, $kind:expr) => {{
        use $module::{Epilogue, Function};
        match $kind {
            Nonlinearity::Activation(Activation::GeluExact) => {
                Some((Epilogue::Activation, Function::GeluExact))
            }
            Nonlinearity::Activation(Activation::GeluTanh) => {
                Some((Epilogue::Activation, Function::GeluTanh))
            }
            Nonlinearity::Gate(Gate::Swiglu | Gate::None) => Some((Epilogue::Gate, Function::Silu)),
            Nonlinearity::Activation(Activation::Relu | Activation::ReluSquared | Activation::Silu)
            | Nonlinearity::Gate(Gate::Geglu) => None,
        }
    }};
}

impl Lower for LinearActivation {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearActivationInputs { x, weight, bias } = operands.inputs;
        let LinearActivationOutputs { y, z } = operands.outputs;
        let partner = match self.kind {
            Nonlinearity::Activation(_) => 0,
            Nonlinearity::Gate(_) => y.columns() as u32,
        };
        let arguments = linear::Arguments { partner, ..linear::Arguments::default() };
        if let Some(curve) = curve!(linear, self.kind)
            && let Some(launch) = product(site, [x, weight, y], bias, curve, z, arguments)?
        {
            return Ok(Lowering::one(launch));
        }
        let mut launches = plain(site, [x, weight], bias, z.place())?;
        let places = [z, y].map(Operand::place);
        launches.push(match self.kind {
            Nonlinearity::Activation(kind) => activation_launch(kind, y.ty, places)?,
            Nonlinearity::Gate(kind) => gate_launch(kind, y.ty, places)?,
        });
        Ok(Lowering { launches, scratch: Vec::new() })
    }
}

impl Lower for LinearRope {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (Self { heads, .. }, LinearRopeInputs { x, weight, bias, table }) = (*self, operands.inputs);
        let y = operands.outputs.y;
        let arguments = linear::Arguments {
            partner: heads.head_size as u32 / 2,
            turning: ((heads.heads + heads.kv_heads) * heads.head_size) as u32,
            time: x.ty.shape[1] as u32,
            ..linear::Arguments::default()
        };
        let turned = (linear::Epilogue::Rope, linear::Function::None);
        if let Some(launch) = product(site, [x, weight, y], bias, turned, table, arguments)? {
            return Ok(Lowering::one(launch));
        }
        let sum = BindingSource::Scratch(0);
        let mut launches = plain(site, [x, weight], bias, sum)?;
        let rope = Rope { heads, inverse: false, cursor: false };
        launches.push(rope::launch(rope, y.ty, table, vec![sum, table.place(), y.place()])?);
        Ok(Lowering { launches, scratch: vec![y.ty.bytes()] })
    }
}

/// A tiled product over x, w and y with one extra binding, if there is a kernel for it.
fn product(
    site: NodeContext<'_>,
    [x, weight, y]: [Operand<'_>; 3],
    bias: Option<Operand<'_>>,
    (epilogue, function): (linear::Epilogue, linear::Function),
    further: Operand<'_>,
    arguments: linear::Arguments,
) -> Result<Option<Launch>> {
    let sizes = [x.rows(), x.columns(), weight.rows()];
    let half = x.half();
    let (weight, operands) = if half {
        (weight.half_weight(), linear::Operands::Half)
    } else {
        (weight.place(), linear::Operands::Vec4)
    };
    let mut bindings = vec![x.place(), weight, y.place()];
    bindings.extend([bias, Some(further)].into_iter().flatten().map(Operand::place));
    let kernel = |strategy| linear::kernel(strategy, operands, half, bias.is_some(), epilogue, function);
    let arguments = linear::Arguments { stride: sizes[2] as u32, ..arguments };
    linear_tiles(site.target, sizes, half, bindings, kernel, arguments)
}

/// The same product without epilogue, in the element type of x.
fn plain(
    site: NodeContext<'_>,
    [x, weight]: [Operand<'_>; 2],
    bias: Option<Operand<'_>>,
    z: BindingSource,
) -> Result<Vec<Launch>> {
    let sizes = [x.rows(), x.columns(), weight.rows()];
    let added = [bias.map(Operand::place), None];
    linear_launches(site, sizes, weight, [x.place(), z], [x.half(); 2], added)
}

impl Lower for LinearInputActivationBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearInputActivationBackwardInputs { dy, weight, x } = operands.inputs;
        let Dx { dx } = operands.outputs;
        if let Some(launch) = input_product(site, self.0, [dy, weight, dx, x])? {
            return Ok(Lowering::one(launch));
        }
        let sizes = [dy.rows(), dy.columns(), weight.columns()];
        let sum = BindingSource::Scratch(0);
        let (places, half) = ([dy.place(), sum], [dy.half(), dx.half()]);
        let mut launches = input_backward_launches(site, sizes, weight, places, half, None)?;
        let places = [x.place(), sum, dx.place()];
        launches.push(match self.0 {
            Nonlinearity::Activation(kind) => activation_backward_launch(kind, dx.ty, places)?,
            Nonlinearity::Gate(kind) => gate_backward_launch(kind, dx.ty, places)?,
        });
        Ok(Lowering { launches, scratch: vec![dx.ty.bytes() / self.0.columns() as u64] })
    }
}

/// The gradient of a product's input and of the nonlinearity before it, over dy, w, dx and x, as one launch, if there is a
/// kernel for it.
fn input_product(
    site: NodeContext<'_>,
    kind: Nonlinearity,
    [dy, weight, dx, x]: [Operand<'_>; 4],
) -> Result<Option<Launch>> {
    use linear_input_backward::{Arguments, Left, Right, kernel};
    let Some((epilogue, function)) = curve!(linear_input_backward, kind) else { return Ok(None) };
    let (rows, inner, columns) = (dy.rows(), dy.columns(), weight.columns());
    within_longest_loop(site, inner / STEPS_IN_TURN, "lower model.width")?;
    let half = dx.half();
    let weight = if half { weight.half_weight() } else { weight.place() };
    let operands = Operands::of([dy.half(), half]);
    let sizes = [rows, inner, columns];
    let strategy = site.target.product(Family::LinearInputBackward, sizes, sizes, operands);
    let (side_by_side, total) = tiles(rows, columns);
    let arguments = Arguments {
        rows: rows as u32,
        columns: columns as u32,
        inner: inner as u32,
        column_tiles: side_by_side as u32,
        stride: inner as u32,
        accumulate: 0,
    };
    let left = by_width(inner, dy.half(), [Left::Left1, Left::Left4, Left::LeftHalf])?;
    let right = by_width(columns, half, [Right::Scalar, Right::Vec4, Right::Half])?;
    let bindings = vec![dy.place(), weight, dx.place(), x.place()];
    let kernel = kernel(strategy, left, right, epilogue, function);
    kernel.map(|kernel| Launch::new(kernel, arguments.bytes(), bindings, grid(total)?)).transpose()
}

impl Lower for LinearCrossEntropy {
    /// Logits and row losses of each chunk, then the mean.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyInputs { x, weight, targets } = operands.inputs;
        let outputs = operands.outputs;
        let [targets, loss, results, logits] =
            [targets, outputs.loss, outputs.rows, outputs.logits].map(Operand::place);
        let (rule, inner) =
            (LossRule::new(x.rows(), weight.rows(), self.label_smoothing, self.ignore_index), x.columns());
        let mut launches = Vec::new();
        for part in RowRange::all(x.rows(), self.chunk) {
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
    /// For each chunk: logits, their gradient, and the gradients of x and the weight.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let LinearCrossEntropyBackwardInputs { x, weight, targets, rows: results, share } = operands.inputs;
        let LinearCrossEntropyBackwardOutputs { dx, logits, dlogits } = operands.outputs;
        let half = [dlogits.half(), dx.half(), x.half()];
        let [half_dlogits, half_dx, half_x] = half;
        let (inner, vocabulary, all_rows) = (x.columns(), weight.rows(), x.rows());
        let rule = LossRule::new(all_rows, vocabulary, self.label_smoothing, self.ignore_index);
        let [targets, results, share, logits, dlogits] =
            [targets, results, share, logits, dlogits].map(Operand::place);
        let mut launches = Vec::new();
        for part in RowRange::all(all_rows, self.chunk) {
            let (x, dx) = (part.rows_of(x.place()), part.rows_of(dx.place()));
            let sizes = [part.count, inner, vocabulary];
            launches.extend(linear_launches(site, sizes, weight, [x, logits], [half_x, false], [None; 2])?);
            let places = [logits, targets, part.rows_of(results), share, dlogits];
            launches.push(rows_backward(rule, part, (self.scale, self.weighted), places, half_dlogits)?);
            let (back, places) = ([part.count, vocabulary, inner], [dlogits, dx]);
            let f16s = [half_dlogits, half_dx];
            launches.extend(input_backward_launches(site, back, weight, places, f16s, None)?);
            if let Some(gradient) = operands.gradients.weight {
                let places = [dlogits, x, gradient.place()];
                launches.extend(weight_backward_launches(site, back, places, [half_dlogits, half_x])?);
            }
        }
        Ok(Lowering { launches, scratch: Vec::new() })
    }
}
