//! Linear layers: three products that read weights and activations in place.

use super::unpack::unpack;
use super::{Call, Interpret, Run};
use crate::cpu::interleaved::{self, GROUP};
use crate::cpu::matrix::{ByColumns, ByRows, Matrix, MatrixMut, Old, product};
use crate::cpu::workers::{Rounded, Rows, Scratch, Workers};
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

/// Rows of a weight converted to floats before they are multiplied: they stay in the cache.
const UNPACKED: usize = 2 * TOGETHER;

/// Minimum multiplications per thread.
const WORK: usize = 1 << 16;

/// Maximum rows for [`few`], except for batches of single tokens.
const FEW: usize = 4;

impl Interpret for Linear {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let LinearInputs { x, weight, bias, residual } = inputs;
        let sizes = [x.rows(), weight.columns(), weight.rows()];
        let [bias, residual] = [bias, residual].map(|operand| operand.map(|operand| operand.floats));
        let (workers, element, x_columns) = (call.workers, weight.ty.element, x.columns());
        let mut rounded = Rounded::default();
        // One token of each of several texts: `few` gives every row the same bits as on its own.
        let factors = match element {
            Element::F32 | Element::U32 if !matches!(x.ty.shape[..], [_, 1, _]) => {
                forward(workers, x.floats, weight.floats, bias, residual, outputs.y, sizes);
                return Ok(());
            }
            Element::F32 | Element::U32 => Factors::F32(x.floats, weight.floats),
            Element::F16 => Factors::F16(x.floats, bytemuck::cast_slice(weight.words)),
            Element::Q8_0 | Element::Q4_0 if call.interleaved => {
                rounded = std::mem::take(&mut workers.scratch().rounded);
                round(workers, x.floats, x_columns, element, &mut rounded);
                Factors::Interleaved(&rounded, element, weight.words)
            }
            Element::Q8_0 | Element::Q4_0 | Element::Gguf { .. } => {
                Factors::Stored(x.floats, element, weight.words)
            }
        };
        let is_rounded = matches!(factors, Factors::Interleaved(..));
        few(workers, factors, bias, residual, outputs.y, sizes);
        if is_rounded {
            workers.scratch().rounded = rounded;
        }
        Ok(())
    }
}

impl Interpret for LinearInputBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let LinearInputBackwardInputs { dy, weight, residual } = inputs;
        let sizes = [dy.rows(), weight.columns(), weight.rows()];
        let residual = residual.map(|residual| residual.floats);
        input_backward(call.workers, dy.floats, weight.floats, residual, outputs.dx, sizes);
        Ok(())
    }
}

impl Interpret for LinearWeightBackward {
    fn run(&self, call: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
        let LinearWeightBackwardInputs { dy, x } = inputs;
        let sizes = [dy.rows(), x.columns(), dy.columns()];
        weight_backward(call.workers, dy.floats, x.floats, gradients.weight, sizes);
        Ok(())
    }
}

impl Interpret for SumRows {
    fn run(&self, call: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
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
        few(workers, Factors::F32(x, weight), bias, residual, y, [rows, inner, outer]);
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
    factors: Factors<'_>,
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    y: &mut [f32],
    [rows, inner, outer]: [usize; 3],
) {
    let unit = factors.unit();
    let least = (WORK / (rows * inner * unit)).max(1);
    let y = ByColumns(MatrixMut::new(y, rows, outer, outer), unit);
    workers.rows(outer.div_ceil(unit), least, y, |range, ByColumns(mut y, _), scratch| {
        let range = range.start * unit..(range.end * unit).min(outer);
        dots(factors.of_rows(range.clone(), inner), inner, &mut y, &mut scratch.floats);
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

/// Rows of x, and rows of a weight as it is stored.
#[derive(Clone, Copy)]
enum Factors<'run> {
    F32(&'run [f32], &'run [f32]),
    F16(&'run [f32], &'run [f16]),
    /// A quantised weight as in [`interleaved`].
    Interleaved(&'run Rounded, Element, &'run [u32]),
    /// A quantised weight that is converted to floats, a few rows at a time.
    Stored(&'run [f32], Element, &'run [u32]),
}

impl Factors<'_> {
    /// Rows of the weight that are not separated.
    fn unit(self) -> usize {
        if matches!(self, Self::Interleaved(..)) { GROUP } else { 1 }
    }

    /// With some rows of the weight, of `inner` entries each.
    fn of_rows(self, rows: Range<usize>, inner: usize) -> Self {
        let of = |row| rows.start * row..rows.end * row;
        match self {
            Self::F32(x, weights) => Self::F32(x, &weights[of(inner)]),
            Self::F16(x, weights) => Self::F16(x, &weights[of(inner)]),
            Self::Interleaved(x, element, words) => {
                Self::Interleaved(x, element, &words[of(blocks::row_words(element, inner))])
            }
            Self::Stored(x, element, words) => {
                Self::Stored(x, element, &words[of(blocks::row_words(element, inner))])
            }
        }
    }
}

/// Rounds rows of `columns` floats to blocks of 8-bit integers, for products with weights of a format.
fn round(workers: &Workers, x: &[f32], columns: usize, element: Element, rounded: &mut Rounded) {
    let Rounded { quants, scales, biases } = rounded;
    quants.resize(x.len(), 0);
    scales.resize(x.len() / BLOCK, 0.0);
    biases.resize(x.len() / BLOCK, 0);
    let blocks = columns / BLOCK;
    let parts = (Rows::new(quants, columns), Rows::new(scales, blocks), Rows::new(biases, blocks));
    let least = (WORK / columns).max(1);
    workers.rows(x.len() / columns, least, parts, |range, (quants, scales, biases), _| {
        let x = &x[range.start * columns..range.end * columns];
        let offset = if element == Element::Q8_0 { 128 } else { 8 };
        round_blocks(x, offset, quants.data, scales.data, biases.data);
    });
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

/// x·w for `N` rows of x, from row `row` on, and a group of w, in registers of the same word of several rows. The integers of a block
/// are added up exactly and the blocks in order, for any `N` and any registers.
#[inline(always)]
fn group<L: Lanes, const BITS: usize, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    words: &[u32],
    [row, blocks]: [usize; 2],
) -> [[f32; GROUP]; N] {
    assert!(words.len() == GROUP * (blocks * BITS + blocks.div_ceil(2)), "a group of another size");
    let [from, to] = [row * blocks, (row + N) * blocks];
    let (quants, scales) = (&x.quants[from * BLOCK..to * BLOCK], &x.scales[from..to]);
    let biases = &x.biases[from..to];
    let mut results = [[0.0; GROUP]; N];
    let mut totals = [[L::splat(0.0); REGISTERS]; N];
    for block in 0..blocks {
        let mut sums = [[L::splat(0.0); REGISTERS]; N];
        for (number, sums) in sums.iter_mut().enumerate() {
            // SAFETY: a block of a row of x.
            #[allow(unsafe_code, reason = "without the check of an index")]
            let bias = unsafe { biases.get_unchecked(number * blocks + block) };
            *sums = [L::splat(f32::from_bits(*bias as u32)); REGISTERS];
        }
        for part in 0..BLOCK / 4 {
            let mut weights = [L::splat(0.0); REGISTERS];
            for (register, weights) in weights.iter_mut().enumerate() {
                let at = (block * BITS + part % BITS) * GROUP + register * L::COUNT;
                // SAFETY: the words of a group, whose size was checked.
                #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                let own = unsafe { L::load(words.as_ptr().add(at).cast()) };
                *weights = match BITS {
                    8 => own.bits(0, u32::MAX, 0x8080_8080),
                    _ => own.bits(if part < BITS { 0 } else { 4 }, 0x0f0f_0f0f, 0),
                };
            }
            for (number, sums) in sums.iter_mut().enumerate() {
                // SAFETY: four of the integers in a block of a row.
                #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                let x = unsafe {
                    let from = quants.as_ptr().add((number * blocks + block) * BLOCK + 4 * part);
                    L::splat(from.cast::<f32>().read_unaligned())
                };
                for (sum, weights) in sums.iter_mut().zip(&weights) {
                    *sum = sum.dot::<BITS, VNNI>(*weights, x);
                }
            }
        }
        let mut own = [L::splat(0.0); REGISTERS];
        for (register, own) in own.iter_mut().enumerate() {
            let at = (blocks * BITS + block / 2) * GROUP + register * L::COUNT;
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
            let words: L = unsafe { L::load(words.as_ptr().add(at).cast()) };
            *own = words.halves(block as u32 % 2 * 16);
        }
        for (number, (totals, sums)) in totals.iter_mut().zip(&sums).enumerate() {
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "without the check of an index")]
            let scale = L::splat(unsafe { *scales.get_unchecked(number * blocks + block) });
            for (total, (sum, own)) in totals.iter_mut().zip(sums.iter().zip(&own)) {
                *total = sum.integers().mul_add(own.mul(scale), *total);
            }
        }
    }
    for (results, totals) in results.iter_mut().zip(&totals) {
        for (results, total) in results.chunks_exact_mut(L::COUNT).zip(totals) {
            // SAFETY: a register's results.
            #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
            unsafe {
                total.store(results.as_mut_ptr());
            }
        }
    }
    results
}

/// y[n,o] = Σ x[n,:]·w[o,:] for an interleaved weight, `N` rows of x at a time.
#[inline(always)]
fn groups<L: Lanes, const BITS: usize, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    words: &[u32],
    blocks: usize,
    y: &mut MatrixMut<'_>,
) {
    let (rows, length) = (x.scales.len() / blocks, blocks * BITS + blocks.div_ceil(2));
    for (number, own) in words.chunks(GROUP * length).enumerate() {
        let columns = number * GROUP..number * GROUP + own.len() / length;
        let filled = if columns.len() < GROUP { interleaved::filled(own, length) } else { Vec::new() };
        let own = if columns.len() < GROUP { &filled[..] } else { own };
        let mut row = 0;
        while row < rows {
            let before = row;
            row += if row + N <= rows {
                put_group::<L, BITS, VNNI, N, REGISTERS>(x, own, [row, blocks], y, &columns)
            } else {
                put_group::<L, BITS, VNNI, 1, REGISTERS>(x, own, [row, blocks], y, &columns)
            };
            if rows > N {
                // The next group, since the hardware prefetcher sees only the first rows of x read this one.
                let [from, to] = [before, row].map(|row| row * own.len() / rows);
                prefetch(own.as_ptr().wrapping_add(own.len() + from).cast(), to - from);
            }
        }
    }
}

/// Results of [`group`] in some columns of y; returns `N`.
#[inline(always)]
fn put_group<L: Lanes, const BITS: usize, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    words: &[u32],
    [row, blocks]: [usize; 2],
    y: &mut MatrixMut<'_>,
    columns: &Range<usize>,
) -> usize {
    let results = group::<L, BITS, VNNI, N, REGISTERS>(x, words, [row, blocks]);
    for (number, results) in results.iter().enumerate() {
        let y = &mut y.row(row + number)[columns.clone()];
        // A copy of known length is no call.
        if let Some(whole) = y.first_chunk_mut() {
            *whole = *results;
        } else {
            y.copy_from_slice(&results[..y.len()]);
        }
    }
    N
}

/// [`groups`] with the tile that the registers hold.
#[inline(always)]
fn tiled<L: Lanes, const BITS: usize>(x: &Rounded, words: &[u32], blocks: usize, y: &mut MatrixMut<'_>) {
    match (L::COUNT, L::has_vnni()) {
        (16, true) => groups::<L, BITS, true, 8, 1>(x, words, blocks, y),
        (16, false) => groups::<L, BITS, false, 8, 1>(x, words, blocks, y),
        (8, true) => groups::<L, BITS, true, 2, 2>(x, words, blocks, y),
        (8, false) => groups::<L, BITS, false, 2, 2>(x, words, blocks, y),
        _ => groups::<L, BITS, false, 1, 4>(x, words, blocks, y),
    }
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
fn put<L: Lanes, W: Entry, const N: usize, const ROWS: usize>(
    (x, weights): (&[f32], &[W]),
    inner: usize,
    y: &mut MatrixMut<'_>,
    [row, column]: [usize; 2],
) -> usize {
    let (x, weights) =
        (&x[row * inner..(row + N) * inner], &weights[column * inner..(column + ROWS) * inner]);
    let results = products::<L, W, N, ROWS>(x, weights);
    for (number, results) in results.iter().enumerate() {
        y.row(row + number)[column..column + ROWS].copy_from_slice(results);
    }
    N
}

/// y[n,o] = Σ x[n,:]·w[o,:]. Weights are read once; a few stay in cache while all rows of x pass.
#[inline(always)]
fn tiles<L: Lanes, W: Entry>(factors: (&[f32], &[W]), inner: usize, y: &mut MatrixMut<'_>) {
    let [rows, outer] = [factors.0.len(), factors.1.len()].map(|count| count / inner);
    let whole = outer - outer % TOGETHER;
    for column in (0..whole).step_by(TOGETHER) {
        let mut row = 0;
        while row < rows {
            let before = row;
            row += if L::TILE_ROWS == 8 && rows - row >= 2 {
                put::<L, W, 2, TOGETHER>(factors, inner, y, [row, column])
            } else {
                put::<L, W, 1, TOGETHER>(factors, inner, y, [row, column])
            };
            if rows > 1 {
                // Prefetch the weights after the next; the hardware prefetcher manages on its own only with few rows.
                let floats = TOGETHER * inner * size_of::<W>() / size_of::<f32>();
                let [from, to] = [before, row].map(|row| row * floats / rows);
                let next = factors.1.as_ptr().wrapping_add((column + 2 * TOGETHER) * inner);
                prefetch(next.cast::<f32>().wrapping_add(from), to - from);
            }
        }
    }
    for column in whole..outer {
        for row in 0..rows {
            put::<L, W, 1, 1>(factors, inner, y, [row, column]);
        }
    }
}

vectorised! {
    /// y[n,o] = Σ x[n,:]·w[o,:].
    fn dots<L>(factors: Factors<'_>, inner: usize, y: &mut MatrixMut<'_>, floats: &mut Vec<f32>) {
        match factors {
            Factors::F32(x, weights) => tiles::<L, _>((x, weights), inner, y),
            Factors::F16(x, weights) => tiles::<L, _>((x, weights), inner, y),
            Factors::Interleaved(x, Element::Q8_0, words) => tiled::<L, 8>(x, words, inner / BLOCK, y),
            Factors::Interleaved(x, _, words) => tiled::<L, 4>(x, words, inner / BLOCK, y),
            Factors::Stored(x, element, words) => {
                let length = blocks::row_words(element, inner);
                floats.resize(UNPACKED * inner, 0.0);
                for (part, words) in words.chunks(UNPACKED * length).enumerate() {
                    let count = words.len() / length;
                    let weights = &mut floats[..count * inner];
                    for (words, weights) in words.chunks_exact(length).zip(weights.chunks_exact_mut(inner)) {
                        unpack(element, words, weights);
                    }
                    let first = part * UNPACKED;
                    tiles::<L, _>((x, weights), inner, &mut y.columns(first..first + count));
                }
            }
        }
    }

    /// Rounds blocks of x. The biases cancel the offset by which products read weights as unsigned integers.
    fn round_blocks<L>(x: &[f32], offset: i32, quants: &mut [i8], scales: &mut [f32], biases: &mut [i32]) {
        let results = quants.as_chunks_mut::<BLOCK>().0.iter_mut().zip(scales.iter_mut().zip(biases));
        for (x, (quants, (scale, bias))) in x.as_chunks().0.iter().zip(results) {
            let bytes;
            (*scale, bytes) = blocks::q8_0(x);
            let mut sum = 0;
            for (quant, byte) in quants.iter_mut().zip(bytes) {
                *quant = byte as i8;
                sum += i32::from(*quant);
            }
            *bias = -offset * sum;
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
    use glasshouse_platform::lanes;

    /// The products of rounded inputs and stored weights, and by the way of floats.
    #[test]
    fn quantised_weights_are_multiplied_as_they_are_stored() {
        let workers = Workers::new(Some(2)).unwrap();
        for element in [Element::Q8_0, Element::Q4_0] {
            for (rows, blocks, outer) in [(1, 1, 1), (1, 40, 7), (2, 3, 32), (5, 33, 45), (11, 2, 16)] {
                let inner = blocks * BLOCK;
                let (x, mut weights) = (numbers(1, rows * inner), numbers(2, outer * inner));
                let mut words = vec![0; outer * blocks::row_words(element, inner)];
                blocks::pack(element, inner, &weights, &mut words);
                let mut rounded = Rounded::default();
                round(&workers, &x, inner, element, &mut rounded);
                let back: Vec<f32> = (0..x.len())
                    .map(|at| f32::from(rounded.quants[at]) * rounded.scales[at / BLOCK])
                    .collect();
                for (x, back) in x.chunks(BLOCK).zip(back.chunks(BLOCK)) {
                    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                    assert!(x.iter().zip(back).all(|(x, back)| (x - back).abs() < largest / 250.0));
                }
                blocks::unpack(element, inner, &words, &mut weights);
                interleaved::interleave(&mut words, blocks::row_words(element, inner));
                let [integers, expected] =
                    [Factors::Interleaved(&rounded, element, &words), Factors::F32(&back, &weights)].map(
                        |factors| {
                            let mut y = vec![0.0; rows * outer];
                            few(&workers, factors, None, None, &mut y, [rows, inner, outer]);
                            y
                        },
                    );
                for (y, expected) in integers.iter().zip(&expected) {
                    assert!(
                        (y - expected).abs() < 1e-4,
                        "{element:?} {rows}x{inner}x{outer}: {y} for {expected}"
                    );
                }
            }
        }
    }

    /// Integers are added up exactly: all registers and instructions with one rounding per multiply-add give the same bits.
    #[test]
    fn quantised_products_do_not_depend_on_the_instructions() {
        let (rows, blocks, outer) = (9, 5, 19);
        let inner = blocks * BLOCK;
        for element in [Element::Q8_0, Element::Q4_0] {
            let mut words = vec![0; outer * blocks::row_words(element, inner)];
            blocks::pack(element, inner, &numbers(3, outer * inner), &mut words);
            interleaved::interleave(&mut words, blocks::row_words(element, inner));
            let mut rounded = Rounded::default();
            round(&Workers::new(Some(1)).unwrap(), &numbers(4, rows * inner), inner, element, &mut rounded);
            let products = |run: Products| {
                let mut y = vec![0.0; rows * outer];
                run(&rounded, &words, blocks, &mut MatrixMut::new(&mut y, rows, outer, outer));
                y
            };
            let expected = products(match element {
                Element::Q8_0 => groups::<lanes::Portable, 8, false, 1, 4>,
                _ => groups::<lanes::Portable, 4, false, 1, 4>,
            });
            let found: Vec<Vec<f32>> = variants(element).into_iter().map(products).collect();
            assert!(found.windows(2).all(|two| two[0] == two[1]), "{element:?}: {found:?}");
            for (y, expected) in found.iter().flat_map(|found| found.iter().zip(&expected)) {
                assert!((y - expected).abs() < 1e-4, "{element:?}: {y} for {expected}");
            }
        }
    }

    type Products = fn(&Rounded, &[u32], usize, &mut MatrixMut<'_>);

    /// Those of this machine.
    #[cfg(target_arch = "x86_64")]
    fn variants(element: Element) -> Vec<Products> {
        fn of<L: Lanes, const VNNI: bool, const N: usize, const REGISTERS: usize>(
            element: Element,
        ) -> Products {
            match element {
                Element::Q8_0 => groups::<L, 8, VNNI, N, REGISTERS>,
                _ => groups::<L, 4, VNNI, N, REGISTERS>,
            }
        }
        use lanes::{Avx2, Avx512, Level};
        let (wide, middle) = (lanes::level() == Level::Avx512, lanes::level() != Level::Portable);
        [
            (middle, of::<Avx2, false, 2, 2>(element)),
            (middle && Avx2::has_vnni(), of::<Avx2, true, 2, 2>(element)),
            (wide, of::<Avx512, false, 8, 1>(element)),
            (wide && Avx512::has_vnni(), of::<Avx512, true, 8, 1>(element)),
        ]
        .into_iter()
        .filter_map(|(is_here, products)| is_here.then_some(products))
        .collect()
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn variants(_: Element) -> Vec<Products> {
        Vec::new()
    }

    #[test]
    fn an_input_that_is_no_number_stays_one() {
        let mut rounded = Rounded::default();
        let mut x = [1.0; 2 * BLOCK];
        x[40] = f32::NAN;
        round(&Workers::new(Some(1)).unwrap(), &x, 2 * BLOCK, Element::Q8_0, &mut rounded);
        assert!(rounded.scales[0].is_finite() && rounded.scales[1].is_nan());
    }
}
