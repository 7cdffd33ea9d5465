//! Linear layers: three products that read weights and activations in place.

use super::{Call, Given, Interpret};
use crate::cpu::matrix::{ByColumns, ByRows, Matrix, MatrixMut, Old, product};
use crate::cpu::workers::{Rows, Scratch, Workers};
use glasshouse_compiler::blocks::{self, BLOCK};
use glasshouse_compiler::graph::Element;
use glasshouse_compiler::graph::ops::{
    Linear, LinearInputBackward, LinearInputBackwardInputs, LinearInputs, LinearWeightBackward,
    LinearWeightBackwardInputs, SumRows,
};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::{Lanes, finite_f16, fused, prefetch, vectorised};
use half::f16;
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

/// Scales converted at a time in rows of blocks.
const SCALES: usize = 32;

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
        let stored = Stored::new(weight);
        // One token of each of several texts: `few` gives every row the same bits as on its own.
        match stored {
            Stored::F32(weight) if !matches!(x.ty.shape[..], [_, 1, _]) => {
                forward(call.workers, x.floats, weight, bias, residual, outputs.y, sizes);
            }
            _ => few(call.workers, x.floats, stored, bias, residual, outputs.y, sizes),
        }
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
        few(workers, x, Stored::F32(weight), bias, residual, y, [rows, inner, outer]);
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
    weight: Stored<'_>,
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    y: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let least = (WORK / (rows * inner)).max(1);
    let y = ByColumns(MatrixMut::new(y, rows, outer, outer), 1);
    workers.rows(outer, least, y, |range, ByColumns(mut y, _), _| {
        dots(x, weight.rows(range.clone(), inner), inner, &mut y);
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

/// Rows of a weight, as they are stored.
#[derive(Clone, Copy)]
enum Stored<'run> {
    F32(&'run [f32]),
    F16(&'run [f16]),
    /// Words laid out as in [`blocks`].
    Q8_0(&'run [u32]),
    Q4_0(&'run [u32]),
}

impl<'run> Stored<'run> {
    fn new(weight: Given<'run>) -> Self {
        match weight.ty.element {
            Element::F32 | Element::U32 => Self::F32(weight.floats),
            Element::F16 => Self::F16(bytemuck::cast_slice(weight.words)),
            Element::Q8_0 => Self::Q8_0(weight.words),
            Element::Q4_0 => Self::Q4_0(weight.words),
        }
    }

    /// Some of its rows of `inner` weights.
    fn rows(self, rows: Range<usize>, inner: usize) -> Self {
        let of = |row| rows.start * row..rows.end * row;
        match self {
            Self::F32(weights) => Self::F32(&weights[of(inner)]),
            Self::F16(weights) => Self::F16(&weights[of(inner)]),
            Self::Q8_0(words) => Self::Q8_0(&words[of(blocks::row_words(Element::Q8_0, inner))]),
            Self::Q4_0(words) => Self::Q4_0(&words[of(blocks::row_words(Element::Q4_0, inner))]),
        }
    }
}

/// Rows of weights that can be multiplied in registers.
trait WeightRows: Copy {
    /// x·w for `N` rows of x and `ROWS` rows of w from number `first` on. The order of sums does not depend on `N` and `ROWS`.
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        x: &[f32],
        first: usize,
    ) -> [[f32; ROWS]; N];

    /// Prefetches the part from share `part[0]` to share `part[1]`, of `of`, of the [`TOGETHER`] rows from number `first` on.
    fn prefetch(self, _first: usize, _part: [usize; 2], _of: usize) {}
}

/// A weight in an array of weights.
pub(super) trait Entry: Copy {
    /// Loads a register.
    ///
    /// # Safety
    /// As for [`Lanes::load`].
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn load<L: Lanes>(from: *const Self) -> L;

    fn float(self) -> f32;
}

#[allow(unsafe_code, reason = "registers are filled from raw addresses")]
impl Entry for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: guaranteed by the caller.
        unsafe { L::load(from) }
    }

    #[inline(always)]
    fn float(self) -> f32 {
        self
    }
}

#[allow(unsafe_code, reason = "registers are filled from raw addresses")]
impl Entry for f16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: guaranteed by the caller.
        unsafe { L::load_f16(from.cast()) }
    }

    #[inline(always)]
    fn float(self) -> f32 {
        finite_f16(self.to_bits())
    }
}

/// Rows of `inner` weights each.
#[derive(Clone, Copy)]
struct Entries<'run, W> {
    weights: &'run [W],
    inner: usize,
}

impl<W: Entry> WeightRows for Entries<'_, W> {
    #[inline(always)]
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        x: &[f32],
        first: usize,
    ) -> [[f32; ROWS]; N] {
        products::<L, W, N, ROWS>(x, &self.weights[first * self.inner..(first + ROWS) * self.inner])
    }

    #[inline(always)]
    fn prefetch(self, first: usize, part: [usize; 2], of: usize) {
        let floats = TOGETHER * self.inner * size_of::<W>() / size_of::<f32>();
        let [from, to] = part.map(|part| part * floats / of);
        let start = self.weights.as_ptr().wrapping_add(first * self.inner).cast::<f32>();
        prefetch(start.wrapping_add(from), to - from);
    }
}

/// Rows of blocks with `BITS` bits per weight.
#[derive(Clone, Copy)]
struct Blocks<'run, const BITS: usize> {
    words: &'run [u32],
    /// Words in a row.
    row: usize,
}

impl<const BITS: usize> WeightRows for Blocks<'_, BITS> {
    /// The products of a block are added before they are scaled.
    #[inline(always)]
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        x: &[f32],
        first: usize,
    ) -> [[f32; ROWS]; N] {
        let (inner, words) = (x.len() / N, &self.words[first * self.row..(first + ROWS) * self.row]);
        let (blocks, quants) = (inner / BLOCK, inner / BLOCK * BITS);
        assert!(x.len() == N * inner && quants + blocks.div_ceil(2) <= self.row, "rows of another length");
        let (bytes, halves): (&[u8], &[u16]) = (bytemuck::cast_slice(words), bytemuck::cast_slice(words));
        let mut sums = [[L::splat(0.0); ROWS]; N];
        for start in (0..blocks).step_by(SCALES) {
            let count = SCALES.min(blocks - start);
            let mut scales = [[0.0; ROWS]; SCALES];
            for row in 0..ROWS {
                let from = 2 * (row * self.row + quants) + start;
                let halves = &halves[from..from + count];
                scales.iter_mut().zip(halves).for_each(|(scales, half)| scales[row] = finite_f16(*half));
            }
            for (block, scales) in (start..start + count).zip(&scales) {
                for (row, scale) in scales.iter().enumerate() {
                    let mut parts = [L::splat(0.0); N];
                    let mut add = |at: usize, weights: L| {
                        for (number, part) in parts.iter_mut().enumerate() {
                            // SAFETY: the register lies within block number `block` of a row of x.
                            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                            let x = unsafe { L::load(x.as_ptr().add(number * inner + block * BLOCK + at)) };
                            *part = x.mul_add(weights, *part);
                        }
                    };
                    // SAFETY: a row has 4 · `BITS` bytes for each of its blocks, as asserted.
                    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                    unsafe {
                        let from = bytes.as_ptr().add(4 * (row * self.row + block * BITS));
                        if BITS == 8 {
                            for at in (0..BLOCK).step_by(L::COUNT) {
                                add(at, L::load_i8(from.add(at).cast()));
                            }
                        } else {
                            for at in (0..BLOCK / 2).step_by(L::COUNT) {
                                let [low, high] = L::load_nibbles(from.add(at));
                                add(at, low);
                                add(at + BLOCK / 2, high);
                            }
                        }
                    }
                    let scale = L::splat(*scale);
                    for (part, sums) in parts.into_iter().zip(&mut sums) {
                        sums[row] = part.mul_add(scale, sums[row]);
                    }
                }
            }
        }
        sums.map(|sums| sums.map(L::total))
    }
}

/// x·w for `N` rows of x and `ROWS` rows of w, in named registers; otherwise the compiler would serialise the products. Each product
/// has two chains of sums to hide the latency of additions, in one fixed order regardless of `N` and `ROWS`.
#[inline(always)]
pub(super) fn products<L: Lanes, W: Entry, const N: usize, const ROWS: usize>(
    x: &[f32],
    weight: &[W],
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
            let weight = unsafe { W::load::<L>(weight.as_ptr().add(row * inner + at)) };
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
                *result = fused::<L>(x[number * inner + at], weight[row * inner + at].float(), *result);
            }
        }
    }
    results
}

/// y[n, o..] = x[n,:]·w[o..,:] for `N` rows starting at `row`; returns `N`.
#[inline(always)]
fn put<L: Lanes, const N: usize, const ROWS: usize>(
    x: &[f32],
    weight: impl WeightRows,
    y: &mut MatrixMut<'_>,
    [row, column, inner]: [usize; 3],
) -> usize {
    let results = weight.products::<L, N, ROWS>(&x[row * inner..(row + N) * inner], column);
    for (number, results) in results.iter().enumerate() {
        y.row(row + number)[column..column + ROWS].copy_from_slice(results);
    }
    N
}

/// [`dots`] for rows in any format. Weights are read once; a few stay in cache while all rows of x pass.
#[inline(always)]
fn tiles<L: Lanes>(x: &[f32], weight: impl WeightRows, [inner, outer]: [usize; 2], y: &mut MatrixMut<'_>) {
    let whole = outer - outer % TOGETHER;
    let rows = x.len() / inner;
    for column in (0..whole).step_by(TOGETHER) {
        let mut row = 0;
        while row < rows {
            let before = row;
            // Two rows at a time with many registers.
            row += if L::TILE_ROWS == 8 && rows - row >= 2 {
                put::<L, 2, TOGETHER>(x, weight, y, [row, column, inner])
            } else {
                put::<L, 1, TOGETHER>(x, weight, y, [row, column, inner])
            };
            if rows > 1 {
                // Prefetch the weights after the next; the hardware prefetcher manages on its own only with few rows.
                weight.prefetch(column + 2 * TOGETHER, [before, row], rows);
            }
        }
    }
    for column in whole..outer {
        for row in 0..rows {
            put::<L, 1, 1>(x, weight, y, [row, column, inner]);
        }
    }
}

vectorised! {
    /// y[n,o] = Σ x[n,:]·w[o,:].
    fn dots<L>(x: &[f32], weight: Stored<'_>, inner: usize, y: &mut MatrixMut<'_>) {
        match weight {
            Stored::F32(weights) => tiles::<L>(x, Entries { weights, inner }, [inner, weights.len() / inner], y),
            Stored::F16(weights) => tiles::<L>(x, Entries { weights, inner }, [inner, weights.len() / inner], y),
            Stored::Q8_0(words) => {
                let row = blocks::row_words(Element::Q8_0, inner);
                tiles::<L>(x, Blocks::<8> { words, row }, [inner, words.len() / row], y);
            }
            Stored::Q4_0(words) => {
                let row = blocks::row_words(Element::Q4_0, inner);
                tiles::<L>(x, Blocks::<4> { words, row }, [inner, words.len() / row], y);
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
