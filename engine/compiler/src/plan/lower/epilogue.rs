//! Matrix products with more in their epilogues than a sum: activations, gates and rotations, and the gradients of the first two.

use super::matmul::{STEPS_IN_TURN, built, by_width, linear_tiles, tier, tiles};
use super::tuning::{Operands, Side};
use super::{Family, Launch, Lowering, Place, Site, Tier, grid, within_longest_loop};
use crate::Result;
use crate::graph::{Heads, Nonlinearity};
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

/// [`crate::graph::Op::LinearActivation`].
pub(super) fn linear_activation(site: Site<'_>, bias: bool, kind: Nonlinearity) -> Result<Lowering> {
    let partner = match kind {
        Nonlinearity::Activation(_) => 0,
        Nonlinearity::Gate(_) => site.output_type(0).columns() as u32,
    };
    let arguments = linear::Arguments { partner, ..linear::Arguments::default() };
    product(site, bias, curve!(linear, kind), site.output(1), arguments)
}

/// [`crate::graph::Op::LinearRope`].
pub(super) fn linear_rope(site: Site<'_>, bias: bool, heads: Heads) -> Result<Lowering> {
    let arguments = linear::Arguments {
        partner: heads.head_size as u32 / 2,
        turning: ((heads.heads + heads.kv_heads) * heads.head_size) as u32,
        time: site.input_type(0).shape[1] as u32,
        ..linear::Arguments::default()
    };
    let turned = (linear::Epilogue::Rope, linear::Function::None);
    product(site, bias, turned, site.last_input(), arguments)
}

/// A product of tiles, the weight being the second input, with one binding more than a plain one.
fn product(
    site: Site<'_>,
    bias: bool,
    (epilogue, function): (linear::Epilogue, linear::Function),
    further: Place,
    arguments: linear::Arguments,
) -> Result<Lowering> {
    let (rows, inner) = (site.input_type(0).rows(), site.input_type(0).columns());
    let columns = site.input_type(1).rows();
    let half = site.half_input(0);
    site.expect_whole(site.node.inputs[1], half)?;
    let (weight, operands) = if half {
        (site.half_weight(1), linear::Operands::Half)
    } else {
        (site.input(1), linear::Operands::Vec4)
    };
    let mut bindings = vec![site.input(0), weight, site.output(0)];
    bindings.extend(bias.then(|| site.input(2)));
    bindings.push(further);
    let kernel = |tier| linear::kernel(tier, operands, half, bias, epilogue, function);
    let arguments = linear::Arguments { stride: columns as u32, ..arguments };
    Ok(Lowering::one(linear_tiles(site.target, [rows, inner, columns], half, bindings, kernel, arguments)?))
}

/// [`crate::graph::Op::LinearInputActivationBackward`].
pub(super) fn input_activation_backward(site: Site<'_>, kind: Nonlinearity) -> Result<Lowering> {
    use linear_input_backward::{Arguments, Left, Right, kernel};
    let (rows, inner) = (site.input_type(0).rows(), site.input_type(0).columns());
    let columns = site.input_type(1).columns();
    within_longest_loop(site, inner / STEPS_IN_TURN, "lower model.width")?;
    let half = site.half_output(0);
    site.expect_whole(site.node.inputs[1], half)?;
    let weight = if half { site.half_weight(1) } else { site.input(1) };
    let operands = Operands::of([site.half_input(0), half]);
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
    let left = by_width(inner, site.half_input(0), [Left::Left1, Left::Left4, Left::Half]);
    let right = by_width(columns, half, [Right::Right1, Right::Vec4, Right::RightHalf]);
    let (epilogue, function) = curve!(linear_input_backward, kind);
    let kernel = built(kernel(tier, left, right, epilogue, function))?;
    let bindings = vec![site.input(0), weight, site.output(0), site.input(2)];
    Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, grid(total)?)?))
}
