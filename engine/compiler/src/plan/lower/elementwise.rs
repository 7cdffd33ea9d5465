//! Ops that look at one entry at a time: one invocation an entry, or four where the count divides by four.

use super::{Launch, Lowering, Place, Site, grid};
use crate::Result;
use crate::graph::{DropoutSite, Type, random};
use crate::plan::Buffer;
use glasshouse_protocol::{Activation, Gate};
use glasshouse_shaders::{activation, activation_backward, add, dropout, gate, gate_backward};

/// Invocations in a workgroup of the elementwise kernels.
const GROUP: usize = 256;

/// Whether vectors of four fit, how many entries a binding then has, and how many groups walk over them.
fn entries(count: usize) -> Result<(bool, u32, [u32; 3])> {
    let vec4 = count.is_multiple_of(4);
    let count = if vec4 { count / 4 } else { count };
    Ok((vec4, count as u32, grid(count.div_ceil(GROUP))?))
}

/// [`crate::graph::Op::Add`].
pub(super) fn add(site: Site<'_>) -> Result<Lowering> {
    let (vec4, count, groups) = entries(site.output_type(0).count())?;
    let bindings = vec![site.input(0), site.input(1), site.output(0)];
    Ok(Lowering::one(Launch::new(add::kernel(vec4), add::Arguments { count }.bytes(), bindings, groups)?))
}

/// [`crate::graph::Op::Dropout`].
pub(super) fn dropout(site: Site<'_>, place: DropoutSite, residual: bool) -> Result<Lowering> {
    let (vec4, count, groups) = entries(site.output_type(0).count())?;
    let arguments = dropout::Arguments {
        count,
        site: place.site,
        threshold: random::threshold(place.rate),
        scale: 1.0 / (1.0 - place.rate),
    };
    let mut bindings =
        vec![Place::Buffer(Buffer::Control), Place::Buffer(Buffer::Schedule), site.input(0), site.output(0)];
    if residual {
        bindings.push(site.last_input());
    }
    let kernel = dropout::kernel(vec4, residual, site.half_input(0), site.half_output(0));
    Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, groups)?))
}

/// The kernel module's variant for an activation.
macro_rules! kind_of {
    ($module:ident, $activation:expr) => {
        match $activation {
            Activation::GeluExact => $module::Kind::GeluExact,
            Activation::GeluTanh => $module::Kind::GeluTanh,
            Activation::Relu => $module::Kind::Relu,
            Activation::ReluSquared => $module::Kind::ReluSquared,
            Activation::Silu => $module::Kind::Silu,
        }
    };
}

/// [`crate::graph::Op::Activation`].
pub(super) fn activation(site: Site<'_>, kind: Activation) -> Result<Lowering> {
    let (vec4, count, groups) = entries(site.output_type(0).count())?;
    let kernel = activation::kernel(kind_of!(activation, kind), vec4, site.half_input(0));
    let bindings = vec![site.input(0), site.output(0)];
    Ok(Lowering::one(Launch::new(kernel, activation::Arguments { count }.bytes(), bindings, groups)?))
}

/// [`crate::graph::Op::ActivationBackward`].
pub(super) fn activation_backward(site: Site<'_>, kind: Activation) -> Result<Lowering> {
    let (vec4, count, groups) = entries(site.output_type(0).count())?;
    let kernel = activation_backward::kernel(kind_of!(activation_backward, kind), vec4, site.half_input(0));
    let arguments = activation_backward::Arguments { count }.bytes();
    let bindings = vec![site.input(0), site.input(1), site.output(0)];
    Ok(Lowering::one(Launch::new(kernel, arguments, bindings, groups)?))
}

/// Entries of a gate's narrow side, as [`entries`] has them, and F in entries.
fn gated(narrow: &Type) -> Result<(bool, u32, u32, [u32; 3])> {
    let hidden = narrow.columns();
    let vec4 = hidden.is_multiple_of(4);
    let width = if vec4 { 4 } else { 1 };
    let count = narrow.count() / width;
    Ok((vec4, count as u32, (hidden / width) as u32, grid(count.div_ceil(GROUP))?))
}

/// [`crate::graph::Op::Gate`].
pub(super) fn gate(site: Site<'_>, kind: Gate) -> Result<Lowering> {
    use gate::{Arguments, Kind, kernel};
    let (vec4, count, hidden, groups) = gated(site.output_type(0))?;
    let kind = if kind == Gate::Geglu { Kind::Geglu } else { Kind::Swiglu };
    let bindings = vec![site.input(0), site.output(0)];
    let arguments = Arguments { count, hidden };
    Ok(Lowering::one(Launch::new(
        kernel(kind, vec4, site.half_input(0)),
        arguments.bytes(),
        bindings,
        groups,
    )?))
}

/// [`crate::graph::Op::GateBackward`].
pub(super) fn gate_backward(site: Site<'_>, kind: Gate) -> Result<Lowering> {
    use gate_backward::{Arguments, Kind, kernel};
    let (vec4, count, hidden, groups) = gated(site.input_type(1))?;
    let kind = if kind == Gate::Geglu { Kind::Geglu } else { Kind::Swiglu };
    let bindings = vec![site.input(0), site.input(1), site.output(0)];
    let arguments = Arguments { count, hidden };
    Ok(Lowering::one(Launch::new(
        kernel(kind, vec4, site.half_input(0)),
        arguments.bytes(),
        bindings,
        groups,
    )?))
}
