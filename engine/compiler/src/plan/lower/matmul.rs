//! Linear layers and their gradients: tiles of 64 × 64 outputs, a dot-product kernel for a few rows, and column sums for biases.

use super::parts::RowRange;
use super::products::{linear, linear_input_backward, linear_weight_backward};
use super::tuning::Operands;
use super::{
    BindingSource, Choice, Family, Launch, Lowering, NodeContext, Operand, Target, Tier, by_width, grid,
    tall, within_longest_loop,
};
use crate::Result;
use crate::graph::Element;
use glasshouse_shaders::{linear_few, sum_rows};

/// Side of a large tile in outputs, and of a small one.
pub(super) const TILE: usize = 64;
const SMALL_TILE: usize = 32;

/// Maximum number of rows for the dot-product kernel.
pub(in crate::plan) const FEW_ROWS: usize = 8;

/// With fewer tiles a large GPU is partly idle, and a product is sliced. (An H200, 132 multiprocessors: the weight gradient of
/// 384 × 1536 over 16,384 rows takes 1.84 ms in 144 tiles, 0.76 ms in four slices of them.)
const ENOUGH_TILES: usize = 768;

/// Minimum inner steps of a slice: below, a partial sum does not pay off.
pub(super) const MIN_SLICE: usize = 512;

/// A slice's inner steps are a multiple of this: of what large tiles load at once, and of a cooperative matrix.
const SLICE_STEPS: usize = 32;

/// Inner steps per loop iteration of small tiles, at least.
const STEPS_IN_TURN: usize = 4;

/// Unwraps a kernel variant that must exist.
pub(super) fn built<What>(what: Option<What>) -> Result<What> {
    what.ok_or_else(|| crate::Error::Internal("a kernel was not built for this".to_owned()))
}

/// Tiles that cover a matrix: per row of tiles, and in total.
fn tiles(tier: Tier, rows: usize, columns: usize) -> (usize, usize) {
    let side = if tier == Tier::Small { SMALL_TILE } else { TILE };
    let per_row = columns.div_ceil(side);
    (per_row, rows.div_ceil(side) * per_row)
}

/// y = x·wᵀ (+ b) (+ r) over w, x and y with sizes N, I and O: a launch for each part of w that the device binds. `half` says
/// whether x and y are in 16-bit floats.
pub(super) fn linear_launches(
    site: NodeContext<'_>,
    [rows, inner, columns]: [usize; 3],
    weight: Operand<'_>,
    [x, y]: [BindingSource; 2],
    half: [bool; 2],
    [bias, residual]: [Option<BindingSource>; 2],
) -> Result<Vec<Launch>> {
    let read = if half[0] { weight.half_weight() } else { weight.place() };
    let launch = |part: RowRange| {
        let added =
            [bias, residual].map(|place| place.map_or(BindingSource::UNREAD, |place| part.columns_of(place)));
        let bindings = [vec![x, part.rows_of(read), part.columns_of(y)], added.to_vec()].concat();
        let (sizes, added) = ([rows, inner, part.count], [bias.is_some(), residual.is_some()]);
        linear_launch(site.target, weight.ty.element, sizes, columns, bindings, half, added)
    };
    site.parts_of(weight, half[0]).map(launch).collect()
}

/// y = x·wᵀ (+ b) (+ r) over `bindings` (x, w, y, b, r) with sizes N, I and O; rows of y and r are `stride` apart. The flags
/// say whether x and w, and whether y, are in 16-bit floats. A w stored in fewer bits is read as it is.
fn linear_launch(
    target: &Target,
    stored: Element,
    [rows, inner, columns]: [usize; 3],
    stride: usize,
    bindings: Vec<BindingSource>,
    [half, half_out]: [bool; 2],
    [bias, residual]: [bool; 2],
) -> Result<Launch> {
    let vec4 = inner.is_multiple_of(4);
    if !half && (rows <= FEW_ROWS || stored != Element::F32) {
        let tier = target.tier(Family::LinearFew, [rows, inner, columns]);
        use linear_few::Operands;
        let operands = match stored {
            Element::F16 => Operands::Half,
            Element::Quantised(ty) => built(Operands::quantised(ty.name()))?,
            Element::F32 | Element::U32 if vec4 => Operands::Vec4,
            Element::F32 | Element::U32 | Element::Gguf { .. } => Operands::Scalar,
        };
        let count = rows * columns;
        let arguments = linear_few::Arguments {
            count: count as u32,
            columns: columns as u32,
            inner: (if vec4 { inner / 4 } else { inner }) as u32,
            stride: stride as u32,
            biased: u32::from(bias),
            residual: u32::from(residual),
        };
        let own = match tier {
            Tier::Subgroup => linear_few::Tier::Subgroup,
            _ => linear_few::Tier::Tiled,
        };
        return Launch::new(linear_few::kernel(own, operands), arguments.bytes(), bindings, grid(count)?);
    }
    let operands =
        by_width(inner, half, [linear::Operands::Scalar, linear::Operands::Vec4, linear::Operands::Half])?;
    let (whole, part) = ([rows, inner, stride], [rows, inner, columns]);
    let strategy = target.product(Family::Linear, whole, part, Operands::from_f16s([half; 2]));
    let (per_row, total) = tiles(strategy.0, rows, columns);
    let arguments = linear::Arguments {
        rows: rows as u32,
        columns: columns as u32,
        inner: inner as u32,
        column_tiles: per_row as u32,
        stride: stride as u32,
        biased: u32::from(bias),
        residual: u32::from(residual),
    };
    let kernel = built(linear::kernel(strategy, operands, half_out))?;
    Launch::new(kernel, arguments.bytes(), bindings, grid(total)?)
}

/// dx = dy·w (+ r) over w, dy and dx with sizes N, O and I: in slices of O if that fills the device, w is bound whole and there
/// is no residual; otherwise a launch for each part of w that the device binds. The flags say whether dy, and whether w and dx,
/// are in 16-bit floats.
pub(super) fn input_backward(
    site: NodeContext<'_>,
    [rows, inner, columns]: [usize; 3],
    weight: Operand<'_>,
    [dy, dx]: [BindingSource; 2],
    [half_dy, half_w]: [bool; 2],
    residual: Option<BindingSource>,
) -> Result<Lowering> {
    use linear_input_backward::{Arguments, Left, Right, kernel};
    let read = if half_w { weight.half_weight() } else { weight.place() };
    let fours = if columns.is_multiple_of(4) { Left::Left4 } else { Left::Left1 };
    let left = by_width(inner, half_dy, [Left::Left1, fours, Left::LeftHalf])?;
    let right = by_width(columns, half_w, [Right::Scalar, Right::Vec4, Right::Half])?;
    let (family, operands) = (Family::LinearInputBackward, Operands::from_f16s([half_dy, half_w]));
    let whole = [rows, inner, columns];
    let launch = |part: RowRange, slice: usize, dx: BindingSource, residual: Option<BindingSource>| {
        within_longest_loop(site, slice / STEPS_IN_TURN, "lower model.vocabulary")?;
        let strategy = site.target.product(family, whole, [rows, part.count, columns], operands);
        let (per_row, total) = tiles(strategy.0, rows, columns);
        let arguments = Arguments {
            rows: rows as u32,
            columns: columns as u32,
            inner: part.count as u32,
            column_tiles: per_row as u32,
            tiles: total as u32,
            slice: slice as u32,
            stride: inner as u32,
            // Parts after the first add to its result.
            accumulate: u32::from(part.first > 0),
            residual: u32::from(residual.is_some()),
        };
        let added = residual.unwrap_or(BindingSource::UNREAD);
        let bindings = vec![part.columns_of(dy), part.rows_of(read), dx, added];
        // Partial sums are in 32 bits.
        let partial = half_w && slice < part.count;
        let kernel = built(kernel(strategy, left, right, partial))?;
        Launch::new(kernel, arguments.bytes(), bindings, grid(total * part.count.div_ceil(slice))?)
    };
    let parts: Vec<RowRange> = site.parts_of(weight, half_w).collect();
    let choice = site.target.choice(family, whole, operands);
    let (slices, slice) = sliced(choice, [inner, rows, columns]);
    let ([part], None, 2..) = (parts.as_slice(), residual, slices) else {
        // The residual is added by the first part.
        let launch = |part: RowRange| launch(part, part.count, dx, residual.filter(|_| part.first == 0));
        return Ok(Lowering::new(parts.into_iter().map(launch).collect::<Result<_>>()?));
    };
    let partial = BindingSource::Scratch(0);
    let products = launch(*part, slice, partial, None)?;
    let sum = column_sums(partial, &[(dx, rows * columns)], slices, [false, half_w], false)?;
    Ok(Lowering { launches: vec![products, sum], scratch: vec![(slices * rows * columns * 4) as u64] })
}

/// dw += dyᵀ·x, in slices of the rows if that fills the device.
pub(super) fn weight_backward(
    site: NodeContext<'_>,
    dy: Operand<'_>,
    x: Operand<'_>,
    gradient: Operand<'_>,
) -> Result<Lowering> {
    let (inner, rows, columns) = (dy.rows(), dy.columns(), x.columns());
    let half = [dy.half(), x.half()];
    let [dy, x, dw] = [dy, x, gradient].map(Operand::place);
    let family = Family::LinearWeightBackward;
    let choice = site.target.choice(family, [inner, rows, columns], Operands::from_f16s(half));
    let (slices, slice) = sliced(choice, [inner, rows, columns]);
    // Slices are for small gradients, parts for large ones.
    if slices == 1 || site.parts_of(gradient, false).count() > 1 {
        return Ok(Lowering::new(weight_backward_launches(site, [inner, rows, columns], [dy, x, dw], half)?));
    }
    let partial = BindingSource::Scratch(0);
    let sizes = [inner, rows, columns];
    let products = weight_backward_launch(site, sizes, rows, vec![dy, x, partial], half, slice)?;
    let sum = column_sums(partial, &[(dw, rows * columns)], slices, [false; 2], true)?;
    Ok(Lowering { launches: vec![products, sum], scratch: vec![(slices * rows * columns * 4) as u64] })
}

/// dw += dyᵀ·x over dy, x and dw with sizes N, O and I: a launch for each part of dw that the device binds. `half` says whether
/// dy and x are in 16-bit floats.
pub(super) fn weight_backward_launches(
    site: NodeContext<'_>,
    [inner, rows, columns]: [usize; 3],
    [dy, x, dw]: [BindingSource; 3],
    half: [bool; 2],
) -> Result<Vec<Launch>> {
    let launch = |part: RowRange| {
        let bindings = vec![part.columns_of(dy), x, part.rows_of(dw)];
        weight_backward_launch(site, [inner, part.count, columns], rows, bindings, half, inner)
    };
    RowRange::bindable(site.target, rows, columns as u64 * 4).map(launch).collect()
}

/// dw += dyᵀ·x over `bindings` (dy, x, dw) with sizes N, O and I; rows of dy are `stride` apart. If N exceeds `slice`, computes
/// the products of the slices instead, in sequence. The flags say whether dy and x are in 16-bit floats.
fn weight_backward_launch(
    site: NodeContext<'_>,
    [inner, rows, columns]: [usize; 3],
    stride: usize,
    bindings: Vec<BindingSource>,
    [half_dy, half_x]: [bool; 2],
    slice: usize,
) -> Result<Launch> {
    use linear_weight_backward::{Arguments, Left, Right, kernel};
    within_longest_loop(site, slice / STEPS_IN_TURN, "lower train.batch_size")?;
    let (family, operands) = (Family::LinearWeightBackward, Operands::from_f16s([half_dy, half_x]));
    let whole = [inner, stride, columns];
    let strategy = site.target.product(family, whole, [inner, rows, columns], operands);
    let (per_row, total) = tiles(strategy.0, rows, columns);
    let slices = inner.div_ceil(slice);
    let arguments = Arguments {
        rows: rows as u32,
        columns: columns as u32,
        inner: inner as u32,
        column_tiles: per_row as u32,
        tiles: total as u32,
        slice: slice as u32,
        accumulate: u32::from(slices == 1),
        stride: stride as u32,
    };
    let fours = if columns.is_multiple_of(4) { Left::Left4 } else { Left::Left1 };
    let left = by_width(stride, half_dy, [Left::Left1, fours, Left::LeftHalf])?;
    let right = by_width(columns, half_x, [Right::Scalar, Right::Vec4, Right::Half])?;
    Launch::new(built(kernel(strategy, left, right))?, arguments.bytes(), bindings, grid(total * slices)?)
}

/// Number of slices of the inner dimension and their inner steps, as chosen or by default.
fn sliced(choice: Choice, sizes: [usize; 3]) -> (usize, usize) {
    let slices = choice.slices.unwrap_or_else(|| default_slices(choice.tier, sizes));
    let slice = sizes[0].div_ceil(slices).next_multiple_of(SLICE_STEPS);
    (sizes[0].div_ceil(slice), slice)
}

/// Default number of slices of the inner dimension.
pub(in crate::plan) fn default_slices(tier: Tier, [inner, rows, columns]: [usize; 3]) -> usize {
    let (_, tiles) = tiles(tier, rows, columns);
    if tiles >= ENOUGH_TILES { 1 } else { (ENOUGH_TILES / tiles).min(inner / MIN_SLICE).clamp(1, 16) }
}

/// The sum of `rows` rows of `from`, added to or written over one result, or added to two with consecutive columns; `into` has the number of
/// columns of each. The flags say whether `from` and the result are in 16-bit floats.
pub(super) fn column_sums(
    from: BindingSource,
    into: &[(BindingSource, usize)],
    rows: usize,
    [half, half_out]: [bool; 2],
    accumulate: bool,
) -> Result<Launch> {
    use sum_rows::{Arguments, Entries, Tier, kernel};
    let (first, columns) = (into[0].1, into.iter().map(|(_, columns)| columns).sum::<usize>());
    let width = if columns.is_multiple_of(4) && first.is_multiple_of(4) { 4 } else { 1 };
    let count = columns / width;
    let (tier, groups) = match tall(rows, count)? {
        (true, groups) if !half_out => (Tier::Workgroup, groups),
        _ => (Tier::Column, grid(count.div_ceil(16))?),
    };
    let arguments = Arguments {
        rows: rows as u32,
        columns: count as u32,
        accumulate: u32::from(accumulate),
        first: (first / width) as u32,
    };
    let entries = by_width(width, half, [Entries::Scalar, Entries::Vec4, Entries::Half])?;
    let kernel = built(kernel(tier, entries, half_out, into.len() == 2))?;
    let bindings = [from].into_iter().chain(into.iter().map(|(place, _)| *place)).collect();
    Launch::new(kernel, arguments.bytes(), bindings, groups)
}
