//! The loss and its gradient, by themselves and with the head.

use super::matmul::{input_backward_launches, linear_launches, weight_backward_launches};
use super::parts::Part;
use super::{Family, LONGEST_LOOP, Launch, Lowering, Place, Site, Target, Tier, grid, row_groups, row_tier};
use crate::Result;
use crate::plan::Buffer;
use glasshouse_shaders::{cross_entropy, cross_entropy_backward, cross_entropy_mean};

/// What the loss kernels are told beside their rows.
#[derive(Clone, Copy)]
struct Rule {
    /// N, rows of a micro-batch.
    all_rows: usize,
    vocabulary: usize,
    smoothing: f32,
    ignore_index: Option<u32>,
}

impl Rule {
    /// Whether a target is left out, and which.
    fn ignore(&self) -> (u32, u32) {
        (u32::from(self.ignore_index.is_some()), self.ignore_index.unwrap_or(0))
    }
}

/// [`crate::graph::Op::CrossEntropy`]: rows, then their mean, which also goes into the report.
pub(super) fn cross_entropy(site: Site<'_>, smoothing: f32, ignore_index: Option<u32>) -> Result<Lowering> {
    let (all_rows, vocabulary) = (site.input_type(0).rows(), site.input_type(0).columns());
    let rule = Rule { all_rows, vocabulary, smoothing, ignore_index };
    let whole = Part::whole(all_rows);
    let each = rows(site.target, rule, whole, [site.input(0), site.input(1), site.output(1)])?;
    let mean = mean(rule, [site.output(1), site.input(1), site.output(0)])?;
    Ok(Lowering { launches: vec![each, mean], scratch: Vec::new() })
}

/// [`crate::graph::Op::CrossEntropyBackward`].
pub(super) fn backward(
    site: Site<'_>,
    smoothing: f32,
    ignore_index: Option<u32>,
    scale: f32,
) -> Result<Lowering> {
    let (all_rows, vocabulary) = (site.input_type(0).rows(), site.input_type(0).columns());
    let rule = Rule { all_rows, vocabulary, smoothing, ignore_index };
    let whole = Part::whole(all_rows);
    let [logits, targets, rows, loss] = std::array::from_fn(|number| site.input(number));
    let places = [logits, targets, rows, loss, site.output(0)];
    Ok(Lowering::one(rows_backward(rule, whole, scale, places, site.half_output(0))?))
}

/// [`crate::graph::Op::LinearCrossEntropy`]: for each chunk its logits and its rows, then the mean.
pub(super) fn linear_cross_entropy(
    site: Site<'_>,
    smoothing: f32,
    ignore_index: Option<u32>,
    chunk: usize,
) -> Result<Lowering> {
    let (all_rows, inner) = (site.input_type(0).rows(), site.input_type(0).columns());
    let vocabulary = site.input_type(1).rows();
    let rule = Rule { all_rows, vocabulary, smoothing, ignore_index };
    let (x, targets, half) = (site.input(0), site.input(2), site.half_input(0));
    let (loss, results, logits) = (site.output(0), site.output(1), site.output(2));
    let mut launches = Vec::new();
    for part in Part::all(all_rows, chunk) {
        let sizes = [part.count, inner, vocabulary];
        launches.extend(logits_launches(site, sizes, [part.rows_of(x), logits], half)?);
        launches.push(rows(site.target, rule, part, [logits, targets, part.rows_of(results)])?);
    }
    launches.push(mean(rule, [results, targets, loss])?);
    Ok(Lowering { launches, scratch: Vec::new() })
}

/// [`crate::graph::Op::LinearCrossEntropyBackward`]: for each chunk its logits once more, their gradient, and what follows.
pub(super) fn linear_backward(
    site: Site<'_>,
    smoothing: f32,
    ignore_index: Option<u32>,
    scale: f32,
    chunk: usize,
    weight_too: bool,
) -> Result<Lowering> {
    let (all_rows, inner) = (site.input_type(0).rows(), site.input_type(0).columns());
    let vocabulary = site.input_type(1).rows();
    let rule = Rule { all_rows, vocabulary, smoothing, ignore_index };
    let [x, _, targets, results, loss] = std::array::from_fn(|number| site.input(number));
    let (dx, logits, dlogits) = (site.output(0), site.output(1), site.output(2));
    let (half_x, half_dx, half_dlogits) = (site.half_input(0), site.half_output(0), site.half_output(2));
    let mut launches = Vec::new();
    for part in Part::all(all_rows, chunk) {
        let (x, dx) = (part.rows_of(x), part.rows_of(dx));
        launches.extend(logits_launches(site, [part.count, inner, vocabulary], [x, logits], half_x)?);
        let places = [logits, targets, part.rows_of(results), loss, dlogits];
        launches.push(rows_backward(rule, part, scale, places, half_dlogits)?);
        let back = [part.count, vocabulary, inner];
        launches.extend(input_backward_launches(site, back, [dlogits, dx], [half_dlogits, half_dx], None)?);
        if weight_too {
            let (bindings, half) = ([dlogits, x, site.output(3)], [half_dlogits, half_x]);
            launches.extend(weight_backward_launches(site, back, bindings, half)?);
        }
    }
    Ok(Lowering { launches, scratch: Vec::new() })
}

/// A chunk's logits: of x, in 16-bit floats where `half` says so, by the head.
fn logits_launches(
    site: Site<'_>,
    sizes: [usize; 3],
    [x, logits]: [Place; 2],
    half: bool,
) -> Result<Vec<Launch>> {
    linear_launches(site, sizes, [x, logits], [half, false], [None, None])
}

/// (lse, loss) of each row of a part: over its logits, all targets, its results.
fn rows(target: &Target, rule: Rule, part: Part, [logits, targets, results]: [Place; 3]) -> Result<Launch> {
    use cross_entropy::{Arguments, kernel};
    let (ignoring, ignored) = rule.ignore();
    let tier = match target.tier(Family::CrossEntropy, [part.count, rule.vocabulary, 1]) {
        // An invocation with a row of its own goes through it twice.
        Tier::Software if 2 * rule.vocabulary > LONGEST_LOOP => Tier::Workgroup,
        tier => tier,
    };
    let arguments = Arguments {
        rows: part.count as u32,
        vocabulary: rule.vocabulary as u32,
        smoothing: rule.smoothing,
        ignoring,
        ignored,
        first_row: part.first as u32,
        all_rows: rule.all_rows as u32,
    };
    Launch::new(
        kernel(row_tier!(cross_entropy, tier)),
        arguments.bytes(),
        vec![Place::Buffer(Buffer::Control), logits, targets, results],
        row_groups(tier, part.count)?,
    )
}

/// The mean of all rows, which also goes into the report: over their results, targets and the loss.
fn mean(rule: Rule, [results, targets, loss]: [Place; 3]) -> Result<Launch> {
    let (ignoring, ignored) = rule.ignore();
    let arguments = cross_entropy_mean::Arguments { rows: rule.all_rows as u32, ignoring, ignored };
    let (control, reports) = (Place::Buffer(Buffer::Control), Place::Buffer(Buffer::Reports));
    Launch::new(
        cross_entropy_mean::kernel(),
        arguments.bytes(),
        vec![control, results, targets, loss, reports],
        [1, 1, 1],
    )
}

/// Gradient of a part's logits, in 16-bit floats where `half` says so: over them, all targets, its results, the loss, and where the
/// gradient goes.
fn rows_backward(rule: Rule, part: Part, scale: f32, places: [Place; 5], half: bool) -> Result<Launch> {
    let (ignoring, ignored) = rule.ignore();
    let arguments = cross_entropy_backward::Arguments {
        rows: part.count as u32,
        vocabulary: rule.vocabulary as u32,
        smoothing: rule.smoothing,
        ignoring,
        ignored,
        scale,
        first_row: part.first as u32,
        all_rows: rule.all_rows as u32,
    };
    let bindings = std::iter::once(Place::Buffer(Buffer::Control)).chain(places).collect();
    let groups = grid((part.count * rule.vocabulary).div_ceil(256))?;
    Launch::new(cross_entropy_backward::kernel(half), arguments.bytes(), bindings, groups)
}
