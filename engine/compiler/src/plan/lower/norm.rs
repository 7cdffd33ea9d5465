//! Norms and their gradients.

use super::{Family, Launch, Lowering, Site, row_groups, row_tier, tall};
use crate::Result;
use crate::graph::NormForm;
use glasshouse_protocol::NormKind;
use glasshouse_shaders::{norm, norm_backward, norm_weight_backward};

/// [`crate::graph::Op::Norm`].
pub(super) fn norm(site: Site<'_>, form: NormForm, bias: bool) -> Result<Lowering> {
    use norm::{Arguments, Form, kernel};
    let (rows, channels, vec4) = shape(site);
    let tier = site.target.tier(Family::Norm, [rows, site.input_type(0).columns(), 1]);
    let kind = if form.kind == NormKind::Layer { Form::Layer } else { Form::Rms };
    let mut bindings = vec![site.input(0), site.input(1), site.output(0), site.output(1)];
    if bias {
        bindings.push(site.input(2));
    }
    let arguments = Arguments { rows: rows as u32, channels, eps: form.eps };
    let kernel = kernel(row_tier!(norm, tier), kind, vec4, bias, site.half_output(0));
    Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, row_groups(tier, rows)?)?))
}

/// [`crate::graph::Op::NormBackward`].
pub(super) fn backward(site: Site<'_>, form: NormForm, residual: bool) -> Result<Lowering> {
    use norm_backward::{Arguments, Form, kernel};
    let (rows, channels, vec4) = shape(site);
    let tier = site.target.tier(Family::NormBackward, [rows, site.input_type(0).columns(), 1]);
    let kind = if form.kind == NormKind::Layer { Form::Layer } else { Form::Rms };
    let mut bindings = vec![site.input(0), site.input(1), site.input(2), site.input(3), site.output(0)];
    if residual {
        bindings.push(site.last_input());
    }
    let arguments = Arguments { rows: rows as u32, channels };
    let kernel = kernel(row_tier!(norm_backward, tier), kind, vec4, residual, site.half_input(3));
    Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, row_groups(tier, rows)?)?))
}

/// [`crate::graph::Op::NormWeightBackward`].
pub(super) fn weight_backward(site: Site<'_>, bias: bool) -> Result<Lowering> {
    use norm_weight_backward::{Arguments, Tier, kernel};
    let (rows, channels, vec4) = shape(site);
    let (shared, groups) = tall(site.target, rows, channels as usize)?;
    let tier = if shared { Tier::Workgroup } else { Tier::Column };
    let mut bindings = vec![site.input(0), site.input(1), site.input(2), site.output(0)];
    if bias {
        bindings.push(site.output(1));
    }
    let arguments = Arguments { rows: rows as u32, channels };
    let kernel = kernel(tier, vec4, bias, site.half_input(2));
    Ok(Lowering::one(Launch::new(kernel, arguments.bytes(), bindings, groups)?))
}

/// N, C in entries, and whether an entry is a vector of four.
fn shape(site: Site<'_>) -> (usize, u32, bool) {
    let (rows, channels) = (site.input_type(0).rows(), site.input_type(0).columns());
    let vec4 = channels.is_multiple_of(4);
    (rows, (if vec4 { channels / 4 } else { channels }) as u32, vec4)
}
