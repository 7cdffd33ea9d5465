//! Linear layers: three products that read weights and activations in place.

use super::{Call, Given, Interpret};
use crate::cpu::matrix::{ByColumns, ByRows, Matrix, MatrixMut, Old, product};
use crate::cpu::workers::{Rounded, Rows, Scratch, Workers};
use glasshouse_compiler::blocks::{self, BLOCK};
use glasshouse_compiler::graph::Element;
use glasshouse_compiler::graph::ops::{
    Linear, LinearInputBackward, LinearInputBackwardInputs, LinearInputs, LinearWeightBackward,
    LinearWeightBackwardInputs, SumRows,
};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::{self, Lanes, finite_f16, fused, prefetch, vectorised};
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

/// Scales converted at a time in rows of blocks: a multiple of the widest register.
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
            Stored::Quantised(..) if call.rounds_inputs => {
                let mut rounded = std::mem::take(&mut call.workers.scratch().rounded);
                round(call.workers, x.floats, x.columns(), &mut rounded);
                few(call.workers, Input::Rounded(&rounded), stored, bias, residual, outputs.y, sizes);
                call.workers.scratch().rounded = rounded;
            }
            _ => few(call.workers, Input::Floats(x.floats), stored, bias, residual, outputs.y, sizes),
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
        few(workers, Input::Floats(x), Stored::F32(weight), bias, residual, y, [rows, inner, outer]);
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
    x: Input<'_>,
    weight: Stored<'_>,
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    y: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let least = (WORK / (rows * inner)).max(1);
    let y = ByColumns(MatrixMut::new(y, rows, outer, outer), 1);
    workers.rows(outer, least, y, |range, ByColumns(mut y, _), scratch| {
        let weight = match (weight.rows(range.clone(), inner), x) {
            (Stored::Quantised(element, words), Input::Floats(_)) => {
                scratch.floats.resize(range.len() * inner, 0.0);
                blocks::unpack(element, inner, words, &mut scratch.floats);
                Stored::F32(&scratch.floats)
            }
            (weight, _) => weight,
        };
        dots(x, weight, inner, &mut y);
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

pub(super) struct RowBlock<'data> {
    pub matrix: MatrixMut<'data>,
    count: usize,
}

/// c = a·b, shared among the threads. `begin` prepares a part of c (first row, columns) and says whether it is overwritten.
pub(super) fn shared(
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
    Quantised(Element, &'run [u32]),
}

impl<'run> Stored<'run> {
    fn new(weight: Given<'run>) -> Self {
        match weight.ty.element {
            Element::F32 | Element::U32 => Self::F32(weight.floats),
            Element::F16 => Self::F16(bytemuck::cast_slice(weight.words)),
            element @ (Element::Q8_0 | Element::Q4_0) => Self::Quantised(element, weight.words),
        }
    }

    /// Some of its rows of `inner` weights.
    fn rows(self, rows: Range<usize>, inner: usize) -> Self {
        let of = |row| rows.start * row..rows.end * row;
        match self {
            Self::F32(weights) => Self::F32(&weights[of(inner)]),
            Self::F16(weights) => Self::F16(&weights[of(inner)]),
            Self::Quantised(element, words) => {
                Self::Quantised(element, &words[of(blocks::row_words(element, inner))])
            }
        }
    }
}

/// Rows of x.
#[derive(Clone, Copy)]
enum Input<'run> {
    Floats(&'run [f32]),
    /// For quantised weights.
    Rounded(&'run Rounded),
}

/// Rounds rows of `columns` floats to blocks of 8-bit integers.
fn round(workers: &Workers, x: &[f32], columns: usize, rounded: &mut Rounded) {
    let Rounded { quants, scales } = rounded;
    quants.resize(x.len(), 0);
    // Whole registers are read from any place on.
    scales.resize(x.len() / BLOCK + lanes::BLOCK, 0.0);
    let parts =
        (Rows::new(&mut quants[..], columns), Rows::new(&mut scales[..x.len() / BLOCK], columns / BLOCK));
    workers.rows(x.len() / columns, (WORK / columns).max(1), parts, |range, (quants, scales), _| {
        round_blocks(&x[range.start * columns..range.end * columns], quants.data, scales.data);
    });
}

/// Rows of x and of weights that can be multiplied in registers.
trait Factors: Copy {
    /// Rows of x at a time with many registers.
    const ROWS: usize;

    /// x·w for `N` rows of x and `ROWS` rows of w, from the given numbers on. The order of sums does not depend on `N` and `ROWS`.
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        row: usize,
        first: usize,
    ) -> [[f32; ROWS]; N];

    /// Prefetches the part from share `part[0]` to share `part[1]`, of `of`, of the [`TOGETHER`] rows of w from number `first` on.
    fn prefetch(self, first: usize, part: [usize; 2], of: usize);
}

/// Prefetches a part of [`TOGETHER`] rows of `length` entries, as [`Factors::prefetch`] does.
#[inline(always)]
fn prefetch_rows<T>(rows: &[T], length: usize, first: usize, part: [usize; 2], of: usize) {
    let floats = TOGETHER * length * size_of::<T>() / size_of::<f32>();
    let [from, to] = part.map(|part| part * floats / of);
    prefetch(rows.as_ptr().wrapping_add(first * length).cast::<f32>().wrapping_add(from), to - from);
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

/// Rows of `inner` entries each.
#[derive(Clone, Copy)]
struct Entries<'run, W> {
    x: &'run [f32],
    weights: &'run [W],
    inner: usize,
}

impl<W: Entry> Factors for Entries<'_, W> {
    const ROWS: usize = 2;

    #[inline(always)]
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        row: usize,
        first: usize,
    ) -> [[f32; ROWS]; N] {
        let Self { x, weights, inner } = self;
        products::<L, W, N, ROWS>(
            &x[row * inner..(row + N) * inner],
            &weights[first * inner..(first + ROWS) * inner],
        )
    }

    #[inline(always)]
    fn prefetch(self, first: usize, part: [usize; 2], of: usize) {
        prefetch_rows(self.weights, self.inner, first, part, of);
    }
}

/// Rows of `blocks` blocks each, of weights with `BITS` bits.
#[derive(Clone, Copy)]
struct Blocks<'run, const BITS: usize> {
    x: &'run Rounded,
    words: &'run [u32],
    blocks: usize,
}

impl<const BITS: usize> Blocks<'_, BITS> {
    /// Words in a row of w.
    #[inline(always)]
    fn row(self) -> usize {
        self.blocks * BITS + self.blocks.div_ceil(2)
    }
}

impl<const BITS: usize> Factors for Blocks<'_, BITS> {
    const ROWS: usize = 4;

    #[inline(always)]
    fn products<L: Lanes, const N: usize, const ROWS: usize>(
        self,
        row: usize,
        first: usize,
    ) -> [[f32; ROWS]; N] {
        let (blocks, length) = (self.blocks, self.row());
        let halves: &[u16] = bytemuck::cast_slice(self.words);
        let bytes: &[u8] = bytemuck::cast_slice(&self.words[first * length..(first + ROWS) * length]);
        let x = &self.x.quants[row * blocks * BLOCK..(row + N) * blocks * BLOCK];
        let x_scales = &self.x.scales[row * blocks..(row + N) * blocks + lanes::BLOCK];
        let mut sums = [[L::splat(0.0); ROWS]; N];
        for start in (0..blocks).step_by(SCALES) {
            let count = SCALES.min(blocks - start);
            let mut scales = [[[0.0; SCALES]; ROWS]; N];
            for row in 0..ROWS {
                let from = 2 * ((first + row) * length + blocks * BITS) + start;
                for at in (0..count).step_by(L::COUNT) {
                    let halves = &halves[from + at..];
                    let end;
                    // SAFETY: a register's halves are in the weights, or in a block of their own after the last of them; the scales of x are
                    // followed by a block.
                    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                    unsafe {
                        let own = if halves.len() >= L::COUNT {
                            L::load_f16(halves.as_ptr())
                        } else {
                            end = padded(halves);
                            L::load_f16(end.as_ptr())
                        };
                        for (number, scales) in scales.iter_mut().enumerate() {
                            let x = L::load(x_scales.as_ptr().add(number * blocks + start + at));
                            own.mul(x).store(scales[row].as_mut_ptr().add(at));
                        }
                    }
                }
            }
            #[allow(clippy::needless_range_loop, reason = "a block is a place in several arrays")]
            for block in 0..count {
                for row in 0..ROWS {
                    for (number, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: block number `start + block` lies within a row of x, and within a row of w, which has 4 · `BITS` bytes for
                        // each.
                        #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                        let part = unsafe {
                            let x = x.as_ptr().add((number * blocks + start + block) * BLOCK);
                            let weights = bytes.as_ptr().add(4 * (row * length + (start + block) * BITS));
                            if BITS == 8 { L::dot_i8(weights.cast(), x) } else { L::dot_nibbles(weights, x) }
                        };
                        sums[row] = part.mul_add(L::splat(scales[number][row][block]), sums[row]);
                    }
                }
            }
        }
        totals(&sums)
    }

    #[inline(always)]
    fn prefetch(self, first: usize, part: [usize; 2], of: usize) {
        prefetch_rows(self.words, self.row(), first, part, of);
    }
}

/// The last halves of a matrix. Out of line, so that the sums stay in registers.
#[cold]
#[inline(never)]
fn padded(halves: &[u16]) -> [u16; lanes::BLOCK] {
    let mut end = [0; lanes::BLOCK];
    end.iter_mut().zip(halves).for_each(|(end, half)| *end = *half);
    end
}

/// The sum of each register's entries. Loops, since the calls of `map` would not be compiled for the instruction set.
#[inline(always)]
fn totals<L: Lanes, const N: usize, const ROWS: usize>(sums: &[[L; ROWS]; N]) -> [[f32; ROWS]; N] {
    let mut results = [[0.0; ROWS]; N];
    let (sums, rest) = sums.as_flattened().as_chunks::<EIGHT>();
    let (results_of_eight, results_of_rest) = results.as_flattened_mut().as_chunks_mut();
    for (results, sums) in results_of_eight.iter_mut().zip(sums) {
        *results = L::totals(*sums);
    }
    for (result, sum) in results_of_rest.iter_mut().zip(rest) {
        *result = sum.total();
    }
    results
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
    let mut both = [[L::splat(0.0); ROWS]; N];
    for (both, [first, second]) in both.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        *both = first.add(*second);
    }
    let mut results = totals(&both);
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
    factors: impl Factors,
    y: &mut MatrixMut<'_>,
    [row, column]: [usize; 2],
) -> usize {
    let results = factors.products::<L, N, ROWS>(row, column);
    for (number, results) in results.iter().enumerate() {
        y.row(row + number)[column..column + ROWS].copy_from_slice(results);
    }
    N
}

/// [`dots`] for rows in any format. Weights are read once; a few stay in cache while all rows of x pass.
#[inline(always)]
fn tiles<L: Lanes, F: Factors>(factors: F, [rows, outer]: [usize; 2], y: &mut MatrixMut<'_>) {
    let whole = outer - outer % TOGETHER;
    for column in (0..whole).step_by(TOGETHER) {
        let mut row = 0;
        while row < rows {
            let before = row;
            row += if L::TILE_ROWS == 8 && F::ROWS == 4 && rows - row >= 4 {
                put::<L, 4, TOGETHER>(factors, y, [row, column])
            } else if L::TILE_ROWS == 8 && rows - row >= 2 {
                put::<L, 2, TOGETHER>(factors, y, [row, column])
            } else {
                put::<L, 1, TOGETHER>(factors, y, [row, column])
            };
            if rows > 1 {
                // Prefetch the weights after the next; the hardware prefetcher manages on its own only with few rows.
                factors.prefetch(column + 2 * TOGETHER, [before, row], rows);
            }
        }
    }
    for column in whole..outer {
        for row in 0..rows {
            put::<L, 1, 1>(factors, y, [row, column]);
        }
    }
}

vectorised! {
    /// y[n,o] = Σ x[n,:]·w[o,:].
    fn dots<L>(x: Input<'_>, weight: Stored<'_>, inner: usize, y: &mut MatrixMut<'_>) {
        match (x, weight) {
            (Input::Floats(x), Stored::F32(weights)) => {
                tiles::<L, _>(Entries { x, weights, inner }, [x.len(), weights.len()].map(|count| count / inner), y);
            }
            (Input::Floats(x), Stored::F16(weights)) => {
                tiles::<L, _>(Entries { x, weights, inner }, [x.len(), weights.len()].map(|count| count / inner), y);
            }
            (Input::Rounded(x), Stored::Quantised(element, words)) => {
                let blocks = inner / BLOCK;
                let sizes = [x.quants.len() / inner, words.len() / blocks::row_words(element, inner)];
                if element == Element::Q8_0 {
                    tiles::<L, _>(Blocks::<8> { x, words, blocks }, sizes, y);
                } else {
                    tiles::<L, _>(Blocks::<4> { x, words, blocks }, sizes, y);
                }
            }
            (Input::Floats(_), Stored::Quantised(..)) | (Input::Rounded(_), _) => {}
        }
    }

    /// Rounds blocks of x.
    fn round_blocks<L>(x: &[f32], quants: &mut [i16], scales: &mut [f32]) {
        for ((x, quants), scale) in x.as_chunks().0.iter().zip(quants.as_chunks_mut::<BLOCK>().0).zip(scales) {
            let bytes;
            (*scale, bytes) = blocks::q8_0(x);
            *quants = bytes.map(|byte| i16::from(byte as i8));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::numbers;

    /// The products of rounded inputs and stored weights, and by the way of floats.
    #[test]
    fn quantised_weights_are_multiplied_as_they_are_stored() {
        let workers = Workers::new(Some(2)).unwrap();
        for element in [Element::Q8_0, Element::Q4_0] {
            for (rows, blocks, outer) in [(1, 1, 1), (1, 40, 7), (2, 3, 8), (5, 33, 13)] {
                let inner = blocks * BLOCK;
                let (x, weights) = (numbers(1, rows * inner), numbers(2, outer * inner));
                let mut words = vec![0; outer * blocks::row_words(element, inner)];
                blocks::pack(element, inner, &weights, &mut words);
                let mut rounded = Rounded::default();
                round(&workers, &x, inner, &mut rounded);
                let back: Vec<f32> = (0..x.len())
                    .map(|at| f32::from(rounded.quants[at]) * rounded.scales[at / BLOCK])
                    .collect();
                for (x, back) in x.chunks(BLOCK).zip(back.chunks(BLOCK)) {
                    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                    assert!(x.iter().zip(back).all(|(x, back)| (x - back).abs() < largest / 250.0));
                }
                let weight = Stored::Quantised(element, &words);
                let [integers, expected] = [Input::Rounded(&rounded), Input::Floats(&back)].map(|x| {
                    let mut y = vec![0.0; rows * outer];
                    few(&workers, x, weight, None, None, &mut y, [rows, inner, outer]);
                    y
                });
                for (y, expected) in integers.iter().zip(&expected) {
                    assert!(
                        (y - expected).abs() < 1e-4,
                        "{element:?} {rows}x{inner}x{outer}: {y} for {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_input_that_is_no_number_stays_one() {
        let mut rounded = Rounded::default();
        let mut x = [1.0; 2 * BLOCK];
        x[40] = f32::NAN;
        round(&Workers::new(Some(1)).unwrap(), &x, 2 * BLOCK, &mut rounded);
        assert!(rounded.scales[0].is_finite() && rounded.scales[1].is_nan());
    }
}
