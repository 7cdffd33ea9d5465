//! The loss and its gradient.

use super::{LONGEST_LOOP, Launch, Lowering, Place, Site, Target, grid, row_groups};
use crate::error::Result;
use crate::plan::Buffer;
use glasshouse_shaders::{cross_entropy, cross_entropy_backward, cross_entropy_mean};

/// [`crate::graph::Op::CrossEntropy`]: rows, then their mean, which also goes into the report.
pub(super) fn cross_entropy(site: Site<'_>, smoothing: f32, ignore_index: Option<u32>) -> Result<Lowering> {
    use cross_entropy::{Arguments, Tier, kernel};
    let (rows, vocabulary) = (site.input_type(0).rows(), site.input_type(0).columns());
    let (ignoring, ignored) = ignore(ignore_index);
    let control = Place::Buffer(Buffer::Control);
    // An invocation with a row of its own goes through it twice.
    let target = Target { software: site.target.software && 2 * vocabulary <= LONGEST_LOOP };
    let tier = if target.software { Tier::Software } else { Tier::Workgroup };
    let arguments =
        Arguments { rows: rows as u32, vocabulary: vocabulary as u32, smoothing, ignoring, ignored };
    let each = Launch::new(
        kernel(tier),
        arguments.bytes(),
        vec![control, site.input(0), site.input(1), site.output(1)],
        row_groups(target, rows)?,
    )?;
    let arguments = cross_entropy_mean::Arguments { rows: rows as u32, ignoring, ignored };
    let reports = Place::Buffer(Buffer::Reports);
    let mean = Launch::new(
        cross_entropy_mean::kernel(),
        arguments.bytes(),
        vec![control, site.output(1), site.input(1), site.output(0), reports],
        [1, 1, 1],
    )?;
    Ok(Lowering { launches: vec![each, mean], scratch: Vec::new() })
}

/// [`crate::graph::Op::CrossEntropyBackward`].
pub(super) fn backward(
    site: Site<'_>,
    smoothing: f32,
    ignore_index: Option<u32>,
    scale: f32,
) -> Result<Lowering> {
    let (rows, vocabulary) = (site.input_type(0).rows(), site.input_type(0).columns());
    let (ignoring, ignored) = ignore(ignore_index);
    let arguments = cross_entropy_backward::Arguments {
        rows: rows as u32,
        vocabulary: vocabulary as u32,
        smoothing,
        ignoring,
        ignored,
        scale,
    };
    let control = Place::Buffer(Buffer::Control);
    let inputs = (0..4).map(|number| site.input(number));
    let bindings = std::iter::once(control).chain(inputs).chain([site.output(0)]).collect();
    let groups = grid((rows * vocabulary).div_ceil(256))?;
    Ok(Lowering::one(Launch::new(cross_entropy_backward::kernel(), arguments.bytes(), bindings, groups)?))
}

/// Whether a target is left out, and which.
fn ignore(index: Option<u32>) -> (u32, u32) {
    (u32::from(index.is_some()), index.unwrap_or(0))
}
