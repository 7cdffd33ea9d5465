//! Ops that look at one entry at a time: one invocation an entry, or four where the count divides by four.

use super::{Launch, Lowering, Place, Site, grid};
use crate::error::Result;
use crate::graph::{DropoutSite, random};
use crate::plan::Buffer;
use glasshouse_shaders::{add, dropout};

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
    Ok(Lowering::one(Launch::new(dropout::kernel(vec4, residual), arguments.bytes(), bindings, groups)?))
}
