//! Linear layers: three products that read weights and activations in place.

use super::{Call, Given, Interpret};
use crate::cpu::matrix::{ByColumns, ByRows, Matrix, MatrixMut, Old, product};
use crate::cpu::workers::{Rows, Scratch, Workers};
use glasshouse_compiler::graph::ops::{
    Linear, LinearInputBackward, LinearInputBackwardInputs, LinearInputs, LinearWeightBackward,
    LinearWeightBackwardInputs, SumRows,
};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::{Lanes, fused, prefetch, vectorised};
use std::ops::Range;

/// Columns are split in multiples of this, the widest panel.
const COLUMNS: usize = 32;

/// Rows are split in multiples of this, the tallest tile.
const ROWS: usize = 8;

/// Minimum panels for a split by columns.
const ENOUGH: usize = 4;

/// Minimum rows for a piece to pack the whole right side itself.
const TALL: usize = 64;

/// Results of [`dots`] computed from one read of x.
const TOGETHER: usize = 4;

const EIGHT: usize = 8;

/// Minimum multiplications per thread.
const WORK: usize = 1 << 16;

/// Maximum rows for [`few`], except for batches of single tokens.
const FEW: usize = 4;

impl Interpret for Linear {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let LinearInputs { x, weight, bias, residual } = inputs;
        let sizes = [x.rows(), weight.columns(), weight.rows()];
        let [bias, residual] = [bias, residual].map(|operand| operand.map(|operand| operand.floats));
        // One token of each of several texts: `few` gives every row the same bits as on its own.
        let product = if matches!(x.ty.shape[..], [_, 1, _]) { few } else { forward };
        product(call.workers, x.floats, weight.floats, bias, residual, outputs.y, sizes);
        Ok(())
    }
}

impl Interpret for LinearInputBackward {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let LinearInputBackwardInputs { dy, weight, residual } = inputs;
        let sizes = [dy.rows(), weight.columns(), weight.rows()];
        let residual = residual.map(|residual| residual.floats);
        input_backward(call.workers, dy.floats, weight.floats, residual, outputs.dx, sizes);
        Ok(())
    }
}

impl Interpret for LinearWeightBackward {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        _: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let LinearWeightBackwardInputs { dy, x } = inputs;
        let sizes = [dy.rows(), x.columns(), dy.columns()];
        weight_backward(call.workers, dy.floats, x.floats, gradients.weight, sizes);
        Ok(())
    }
}

impl Interpret for SumRows {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        _: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        sum_rows(call.workers, inputs.dy.floats, self.groups, gradients.sum);
        Ok(())
    }
}

/// y = x·wᵀ (+ bias) (+ residual). x [N,I], w [O,I], y [N,O].
pub fn forward(
    workers: &Workers,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    y: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    if rows <= FEW {
        few(workers, x, weight, bias, residual, y, [rows, inner, outer]);
        return;
    }
    let x = Matrix::new(x, rows, inner, inner);
    let weight = Matrix::new(weight, outer, inner, inner).transposed();
    shared(workers, x, weight, MatrixMut::new(y, rows, outer, outer), |mut part, at, columns| {
        let old = if bias.is_some() || residual.is_some() { Old::Add } else { Old::Overwrite };
        for row in 0..part.count {
            let y = part.matrix.row(row);
            let from = (at + row) * outer;
            match (bias, residual) {
                (None, None) => break,
                (Some(bias), None) => y.copy_from_slice(&bias[columns.clone()]),
                (None, Some(residual)) => {
                    y.copy_from_slice(&residual[from + columns.start..from + columns.end]);
                }
                (Some(bias), Some(residual)) => {
                    sum(&bias[columns.clone()], &residual[from + columns.start..from + columns.end], y);
                }
            }
        }
        (part.matrix, old)
    });
}

/// [`forward`] for too few rows to make packing the weights worthwhile. Each row's result is independent of the others.
fn few(
    workers: &Workers,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    y: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let least = (WORK / (rows * inner)).max(1);
    let y = ByColumns(MatrixMut::new(y, rows, outer, outer), 1);
    workers.rows(outer, least, y, |range, ByColumns(mut y, _), _| {
        dots(x, &weight[range.start * inner..range.end * inner], inner, &mut y);
        for row in 0..rows {
            if let Some(bias) = bias {
                accumulate(&bias[range.clone()], y.row(row));
            }
            if let Some(residual) = residual {
                let from = row * outer;
                accumulate(&residual[from + range.start..from + range.end], y.row(row));
            }
        }
    });
}

/// dx = dy·w (+ residual). dy [N,O], w [O,I], dx [N,I].
pub fn input_backward(
    workers: &Workers,
    dy: &[f32],
    weight: &[f32],
    residual: Option<&[f32]>,
    dx: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let dy = Matrix::new(dy, rows, outer, outer);
    let weight = Matrix::new(weight, outer, inner, inner);
    shared(workers, dy, weight, MatrixMut::new(dx, rows, inner, inner), |mut part, at, columns| {
        let Some(residual) = residual else { return (part.matrix, Old::Overwrite) };
        for row in 0..part.count {
            let from = (at + row) * inner;
            part.matrix.row(row).copy_from_slice(&residual[from + columns.start..from + columns.end]);
        }
        (part.matrix, Old::Add)
    });
}

/// dw += dyᵀ·x. dy [N,O], x [N,I], dw [O,I].
pub fn weight_backward(
    workers: &Workers,
    dy: &[f32],
    x: &[f32],
    gradient: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let dy = Matrix::new(dy, rows, outer, outer).transposed();
    let x = Matrix::new(x, rows, inner, inner);
    let gradient = MatrixMut::new(gradient, outer, inner, inner);
    shared(workers, dy, x, gradient, |part, _, _| (part.matrix, Old::Add));
}

struct RowBlock<'data> {
    matrix: MatrixMut<'data>,
    count: usize,
}

/// c = a·b, shared among the threads. `begin` prepares a part of c (first row, columns) and says whether it is overwritten.
fn shared(
    workers: &Workers,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: MatrixMut<'_>,
    begin: impl for<'part> Fn(RowBlock<'part>, usize, Range<usize>) -> (MatrixMut<'part>, Old) + Sync,
) {
    let (rows, depth, columns) = (a.row_count(), a.column_count(), b.column_count());
    let panels = columns.div_ceil(COLUMNS);
    // Each piece packs the panels it reads, so splitting by columns is better if there are enough.
    if panels >= ENOUGH || rows < 2 * TALL {
        let least = (WORK / (rows * depth * COLUMNS).max(1)).max(1);
        workers.rows(panels, least, ByColumns(c, COLUMNS), |range, part, scratch| {
            let range = range.start * COLUMNS..(range.end * COLUMNS).min(columns);
            let part = RowBlock { matrix: part.0, count: rows };
            multiply(a, b.columns(range.clone()), begin(part, 0, range), scratch);
        });
    } else {
        let units = rows.div_ceil(ROWS);
        let least = (WORK / (columns * depth * ROWS).max(1)).max(TALL / ROWS);
        workers.rows(units, least, ByRows(c, ROWS), |range, part, scratch| {
            let range = range.start * ROWS..(range.end * ROWS).min(rows);
            let part = RowBlock { matrix: part.0, count: range.len() };
            multiply(a.rows(range.clone()), b, begin(part, range.start, 0..columns), scratch);
        });
    }
}

fn multiply(a: Matrix<'_>, b: Matrix<'_>, (c, old): (MatrixMut<'_>, Old), scratch: &mut Scratch) {
    product(a, b, c, 1.0, old, &mut scratch.panel);
}

/// db += Σ over the groups of dy, read as [groups, columns].
pub fn sum_rows(workers: &Workers, dy: &[f32], groups: usize, gradient: &mut [f32]) {
    let columns = dy.len() / groups;
    let least = (WORK / groups.max(1)).max(16);
    workers.rows(columns, least, Rows::new(&mut gradient[..columns], 1), |range, part, _| {
        for row in dy.chunks_exact(columns) {
            accumulate(&row[range.clone()], part.data);
        }
    });
}

/// x·w for `N` rows of x and `ROWS` rows of w, in named registers; otherwise the compiler would serialise the products. Each product
/// has two chains of sums to hide the latency of additions, in one fixed order regardless of `N` and `ROWS`.
#[inline(always)]
pub(super) fn products<L: Lanes, const N: usize, const ROWS: usize>(
    x: &[f32],
    weight: &[f32],
) -> [[f32; ROWS]; N] {
    let inner = x.len() / N;
    assert!(x.len() == N * inner && weight.len() == ROWS * inner, "rows of another length");
    let whole = inner - inner % L::COUNT;
    let mut sums = [[[L::splat(0.0); 2]; ROWS]; N];
    let mut add = |at: usize, chain: usize| {
        let mut own = [L::splat(0.0); N];
        for (number, own) in own.iter_mut().enumerate() {
            // SAFETY: the register ends at `whole` or before, which every row of x and w reaches.
            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
            unsafe {
                *own = L::load(x.as_ptr().add(number * inner + at));
            }
        }
        for row in 0..ROWS {
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
            let weight = unsafe { L::load(weight.as_ptr().add(row * inner + at)) };
            for (own, sums) in own.iter().zip(&mut sums) {
                sums[row][chain] = own.mul_add(weight, sums[row][chain]);
            }
        }
    };
    let pairs = whole - whole % (2 * L::COUNT);
    for at in (0..pairs).step_by(2 * L::COUNT) {
        add(at, 0);
        add(at + L::COUNT, 1);
    }
    if pairs < whole {
        add(pairs, 0);
    }
    let mut results = [[0.0; ROWS]; N];
    let both = |[first, second]: [L; 2]| first.add(second);
    if N * ROWS == EIGHT {
        let mut eight = [L::splat(0.0); EIGHT];
        eight.iter_mut().zip(sums.as_flattened()).for_each(|(one, sums)| *one = both(*sums));
        results.as_flattened_mut().copy_from_slice(&L::totals(eight));
    } else {
        for (result, sums) in results.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *result = both(*sums).total();
        }
    }
    for (number, results) in results.iter_mut().enumerate() {
        for (row, result) in results.iter_mut().enumerate() {
            for at in whole..inner {
                *result = fused::<L>(x[number * inner + at], weight[row * inner + at], *result);
            }
        }
    }
    results
}

/// y[n, o..] = x[n,:]·w[o..,:] for `N` rows starting at `row`; returns `N`.
#[inline(always)]
fn put<L: Lanes, const N: usize, const ROWS: usize>(
    x: &[f32],
    weight: &[f32],
    y: &mut MatrixMut<'_>,
    [row, column]: [usize; 2],
) -> usize {
    let inner = weight.len() / ROWS;
    let results = products::<L, N, ROWS>(&x[row * inner..(row + N) * inner], weight);
    for (number, results) in results.iter().enumerate() {
        y.row(row + number)[column..column + ROWS].copy_from_slice(results);
    }
    N
}

vectorised! {
    /// y[n,o] = Σ x[n,:]·w[o,:]. Weights are read once; a few stay in cache while all rows of x pass.
    fn dots<L>(x: &[f32], weight: &[f32], inner: usize, y: &mut MatrixMut<'_>) {
        let outer = weight.len() / inner;
        let whole = outer - outer % TOGETHER;
        let (together, alone) = weight.split_at(whole * inner);
        let rows = x.len() / inner;
        for (at, weight) in together.chunks_exact(TOGETHER * inner).enumerate() {
            let mut row = 0;
            while row < rows {
                let before = row;
                let place = [row, at * TOGETHER];
                // Two rows at a time with many registers.
                row += if L::TILE_ROWS == 8 && rows - row >= 2 {
                    put::<L, 2, TOGETHER>(x, weight, y, place)
                } else {
                    put::<L, 1, TOGETHER>(x, weight, y, place)
                };
                if rows > 1 {
                    // Prefetch the weights after the next; the hardware prefetcher manages on its own only with few rows.
                    let (from, to) = (before * weight.len() / rows, row * weight.len() / rows);
                    prefetch(weight.as_ptr().wrapping_add(2 * weight.len() + from), to - from);
                }
            }
        }
        for (column, weight) in (whole..outer).zip(alone.chunks_exact(inner)) {
            for row in 0..rows {
                put::<L, 1, 1>(x, weight, y, [row, column]);
            }
        }
    }

    /// y = a + b.
    pub fn sum<L>(a: &[f32], b: &[f32], y: &mut [f32]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = a + b;
        }
    }

    /// y += x.
    pub fn accumulate<L>(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }
}
