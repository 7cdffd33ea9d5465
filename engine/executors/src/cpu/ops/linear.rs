//! Linear layers: three products that read weights and activations in place.

use super::unpack::unpack;
use super::{Call, Interpret, Run};
use crate::cpu::interleaved::{self, GROUP};
use crate::cpu::matrix::{ByColumns, ByRows, Matrix, MatrixMut, Old, product};
use crate::cpu::workers::{Rounded, Rows, Scratch, Workers};
use glasshouse_compiler::blocks::gguf::{GgmlType, Groups, unpack_groups};
use glasshouse_compiler::blocks::{self, BLOCK};
use glasshouse_compiler::graph::Element;
use glasshouse_compiler::graph::ops::*;
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
        let [bias, residual] = [bias, residual].map(|operand| operand.map(|operand| operand.floats));
        let count = product_count(weight.ty);
        let sizes = [x.rows() / count, weight.columns(), weight.rows() / count];
        let (workers, element, x_columns) = (call.workers, weight.ty.element, x.columns());
        let mut rounded = Rounded::default();
        // One token of each of several texts: `few` gives every row the same bits as on its own.
        let factors = match element {
            Element::F32 | Element::U32 if count > 1 || !matches!(x.ty.shape[..], [_, 1, _]) => {
                several(count, [x.floats, weight.floats], residual, outputs.y, |[x, weight], residual, y| {
                    forward(workers, x, weight, bias, residual, y, sizes);
                });
                return Ok(());
            }
            Element::F32 | Element::U32 => Factors::F32(x.floats, weight.floats),
            Element::F16 => Factors::F16(x.floats, bytemuck::cast_slice(weight.words)),
            Element::Quantised(_) | Element::Gguf { .. } if call.interleaved => {
                rounded = std::mem::take(&mut workers.scratch().rounded);
                rounded.parts = call.parts;
                round(workers, x.floats, x_columns, &mut rounded);
                Factors::Interleaved(x.floats, &rounded, element, weight.words)
            }
            Element::Quantised(_) | Element::Gguf { .. } => Factors::Stored(x.floats, element, weight.words),
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
        let (count, residual) = (product_count(weight.ty), residual.map(|residual| residual.floats));
        let sizes = [dy.rows() / count, weight.columns(), weight.rows() / count];
        several(count, [dy.floats, weight.floats], residual, outputs.dx, |[dy, weight], residual, dx| {
            input_backward(call.workers, dy, weight, residual, dx, sizes);
        });
        Ok(())
    }
}

/// Calls `each` with the operands, the residual and the result of each of `count` products.
fn several(
    count: usize,
    operands: [&[f32]; 2],
    residual: Option<&[f32]>,
    result: &mut [f32],
    mut each: impl FnMut([&[f32]; 2], Option<&[f32]>, &mut [f32]),
) {
    fn part(all: &[f32], at: usize, count: usize) -> &[f32] {
        &all[at * all.len() / count..(at + 1) * all.len() / count]
    }
    for (at, result) in result.chunks_exact_mut(result.len() / count).enumerate() {
        let residual = residual.map(|residual| part(residual, at, count));
        each(operands.map(|all| part(all, at, count)), residual, result);
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
    /// A quantised weight as in [`interleaved`]; x is rounded, except for rows of floats in a GGUF file.
    Interleaved(&'run [f32], &'run Rounded, Element, &'run [u32]),
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
            Self::Interleaved(x, rounded, element, words) => {
                Self::Interleaved(x, rounded, element, &words[of(blocks::row_words(element, inner))])
            }
            Self::Stored(x, element, words) => {
                Self::Stored(x, element, &words[of(blocks::row_words(element, inner))])
            }
        }
    }
}

/// Rounds rows of `columns` floats to blocks of 8-bit integers. Rows that are not whole blocks are multiplied only by floats.
fn round(workers: &Workers, x: &[f32], columns: usize, rounded: &mut Rounded) {
    let parts = rounded.parts;
    let (blocks, whole) = (parts * columns / BLOCK, columns.is_multiple_of(BLOCK));
    let rows = if whole { x.len() / columns } else { 0 };
    let Rounded { quants, scales, sums, .. } = rounded;
    quants.resize(rows * parts * columns, 0);
    scales.resize(rows * blocks, 0.0);
    sums.resize(rows * blocks, [0; 2]);
    let rounded = (Rows::new(quants, parts * columns), Rows::new(scales, blocks), Rows::new(sums, blocks));
    let least = (WORK / columns).max(1);
    workers.rows(rows, least, rounded, |range, (quants, scales, sums), _| {
        let x = &x[range.start * columns..range.end * columns];
        round_blocks(x, columns, parts, quants.data, scales.data, sums.data);
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

/// Blocks of a group of interleaved rows: unsigned integers with a scale, and perhaps a minimum.
trait Blocks: Copy {
    /// Words of a row's integers in a block.
    const WORDS: usize;
    /// Words of integers in a stored word.
    const PARTS: usize;
    /// Subtracted from the integers.
    const OFFSET: i32;
    /// Blocks in a row.
    fn count(self) -> usize;

    /// A stored word of a block, of the rows from `lane` on.
    ///
    /// # Safety
    /// `block` must be below [`Self::count`], `word` below [`Self::WORDS`] / [`Self::PARTS`], and the register must end within [`GROUP`];
    /// also as for [`Lanes::load`].
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn word<L: Lanes>(self, block: usize, word: usize, lane: usize) -> L;

    /// Some of the integers in a stored word.
    fn part<L: Lanes>(word: L, part: usize) -> L;

    /// The scales of a block, and its minimums if the type has any.
    ///
    /// # Safety
    /// As for [`Self::word`].
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn scale<L: Lanes>(self, block: usize, lane: usize) -> (L, Option<L>);

    /// [`Lanes::dot`] for as many bits as the integers have.
    fn dot<L: Lanes, const VNNI: bool>(sums: L, weights: L, x: L) -> L;
}

/// Blocks as they are stored: those of [`blocks`].
#[derive(Clone, Copy)]
struct Stored<'run, const BITS: usize> {
    words: &'run [u32],
    blocks: usize,
}

impl<'run, const BITS: usize> Stored<'run, BITS> {
    const fn length(blocks: usize) -> usize {
        blocks * BITS + blocks.div_ceil(2)
    }

    #[inline(always)]
    fn new(words: &'run [u32], blocks: usize) -> Self {
        Self { words: &words[..GROUP * Self::length(blocks)], blocks }
    }
}

#[allow(unsafe_code, reason = "registers are filled from raw addresses")]
impl<const BITS: usize> Blocks for Stored<'_, BITS> {
    const WORDS: usize = BLOCK / 4;
    const PARTS: usize = 8 / BITS;
    const OFFSET: i32 = if BITS == 8 { 128 } else { 8 };

    #[inline(always)]
    fn count(self) -> usize {
        self.blocks
    }

    #[inline(always)]
    unsafe fn word<L: Lanes>(self, block: usize, word: usize, lane: usize) -> L {
        let at = (block * BITS + word) * GROUP + lane;
        // SAFETY: the words of a group, whose number was checked.
        unsafe { L::load(self.words.as_ptr().add(at).cast()) }
    }

    #[inline(always)]
    fn part<L: Lanes>(word: L, part: usize) -> L {
        match BITS {
            8 => word.bits(0, u32::MAX, 0x8080_8080),
            _ => word.bits(4 * part as u32, 0x0f0f_0f0f, 0),
        }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(self, block: usize, lane: usize) -> (L, Option<L>) {
        let at = (self.blocks * BITS + block / 2) * GROUP + lane;
        // SAFETY: as above.
        let words: L = unsafe { L::load(self.words.as_ptr().add(at).cast()) };
        (words.halves(block as u32 % 2 * 16), None)
    }

    #[inline(always)]
    fn dot<L: Lanes, const VNNI: bool>(sums: L, weights: L, x: L) -> L {
        sums.dot::<BITS, VNNI>(weights, x)
    }
}

/// Unpacked blocks of a GGUF file, `WORDS` words with a scale and a minimum. Their integers have up to `BITS` bits.
#[derive(Clone, Copy)]
struct Unpacked<'run, const WORDS: usize, const BITS: usize> {
    quants: &'run [[u32; GROUP]],
    scales: &'run [[f32; GROUP]],
    minimums: &'run [[f32; GROUP]],
}

impl<'run, const WORDS: usize, const BITS: usize> Unpacked<'run, WORDS, BITS> {
    /// Reads the first `blocks`.
    #[inline(always)]
    fn new(groups: &'run Groups<'_, GROUP>, blocks: usize) -> Self {
        let Groups { quants, scales, minimums } = groups;
        Self { quants: &quants[..blocks * WORDS], scales: &scales[..blocks], minimums: &minimums[..blocks] }
    }
}

#[allow(unsafe_code, reason = "registers are filled from raw addresses")]
impl<const WORDS: usize, const BITS: usize> Blocks for Unpacked<'_, WORDS, BITS> {
    const WORDS: usize = WORDS;
    const PARTS: usize = 1;
    /// Part of the minimum.
    const OFFSET: i32 = 0;

    #[inline(always)]
    fn count(self) -> usize {
        self.scales.len()
    }

    #[inline(always)]
    unsafe fn word<L: Lanes>(self, block: usize, word: usize, lane: usize) -> L {
        // SAFETY: the words of a group, whose number was checked.
        unsafe { L::load(self.quants.as_ptr().add(block * WORDS + word).cast::<f32>().add(lane)) }
    }

    #[inline(always)]
    fn part<L: Lanes>(word: L, _part: usize) -> L {
        word
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(self, block: usize, lane: usize) -> (L, Option<L>) {
        // SAFETY: as many as blocks, as was checked.
        unsafe {
            let scale = L::load(self.scales.as_ptr().add(block).cast::<f32>().add(lane));
            let minimum = L::load(self.minimums.as_ptr().add(block).cast::<f32>().add(lane));
            (scale, Some(minimum))
        }
    }

    #[inline(always)]
    fn dot<L: Lanes, const VNNI: bool>(sums: L, weights: L, x: L) -> L {
        sums.dot::<BITS, VNNI>(weights, x)
    }
}

/// x·w for `N` rows of x, from row `row` on, and a group of w, in registers of the same word of several rows. The integers of a block
/// are added up exactly and the blocks in order, for any `N` and any registers.
#[inline(always)]
fn group<L: Lanes, B: Blocks, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    weights: B,
    row: usize,
) -> [[f32; GROUP]; N] {
    let per_block = BLOCK / 4 / B::WORDS;
    let blocks = weights.count() / per_block;
    let [from, to] = [row * blocks, (row + N) * blocks];
    let (quants, scales) = (&x.quants[from * BLOCK..to * BLOCK], &x.scales[from..to]);
    let sums_of_x = x.sums[from..to].as_flattened();
    let mut results = [[0.0; GROUP]; N];
    let mut totals = [[L::splat(0.0); REGISTERS]; N];
    for block in 0..blocks * per_block {
        // Its block of x, the first word there, and the sum of these integers of x.
        let (own, first) = (block / per_block, block % per_block * B::WORDS);
        let mut sums = [[L::splat(0.0); REGISTERS]; N];
        let mut sums_of_own = [0; N];
        for (number, (sums, sum)) in sums.iter_mut().zip(&mut sums_of_own).enumerate() {
            let at = number * blocks + own;
            // SAFETY: a block of a row of x.
            #[allow(unsafe_code, reason = "without the check of an index")]
            unsafe {
                *sum = match per_block {
                    1 => sums_of_x.get_unchecked(2 * at) + sums_of_x.get_unchecked(2 * at + 1),
                    _ => *sums_of_x.get_unchecked(2 * at + block % per_block),
                };
            }
            *sums = [L::splat(f32::from_bits((-B::OFFSET * *sum) as u32)); REGISTERS];
        }
        let stored = B::WORDS / B::PARTS;
        for word in 0..stored {
            let mut own_words = [L::splat(0.0); REGISTERS];
            for (register, own) in own_words.iter_mut().enumerate() {
                // SAFETY: a word of one of the blocks, and a register of the group.
                #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                unsafe {
                    *own = weights.word(block, word, register * L::COUNT);
                }
            }
            for part in 0..B::PARTS {
                for (number, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: four of the integers in a block of a row.
                    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
                    let x = unsafe {
                        let first = (number * blocks + own) * BLOCK + 4 * (first + part * stored + word);
                        L::splat(quants.as_ptr().add(first).cast::<f32>().read_unaligned())
                    };
                    for (sum, own) in sums.iter_mut().zip(&own_words) {
                        *sum = B::dot::<L, VNNI>(*sum, B::part(*own, part), x);
                    }
                }
            }
        }
        let mut scales_of_own = [(L::splat(0.0), None); REGISTERS];
        for (register, own) in scales_of_own.iter_mut().enumerate() {
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
            unsafe {
                *own = weights.scale(block, register * L::COUNT);
            }
        }
        for (number, (totals, sums)) in totals.iter_mut().zip(&sums).enumerate() {
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "without the check of an index")]
            let scale = unsafe { *scales.get_unchecked(number * blocks + own) };
            let (scale, sum) = (L::splat(scale), L::splat(scale * sums_of_own[number] as f32));
            for (total, (integers, (own, minimum))) in totals.iter_mut().zip(sums.iter().zip(&scales_of_own))
            {
                *total = integers.integers().mul_add(own.mul(scale), *total);
                if let Some(minimum) = minimum {
                    *total = minimum.mul_add(sum, *total);
                }
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

/// y[n,o] = Σ x[n,:]·w[o,:] for a group of rows of w, which are some columns of y, and `N` rows of x at a time. Prefetches the words after
/// the group's.
#[inline(always)]
fn group_of_rows<L: Lanes, B: Blocks, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    weights: B,
    words: &[u32],
    y: &mut MatrixMut<'_>,
    columns: &Range<usize>,
) {
    // Of all parts.
    let rows = x.scales.len() / (weights.count() * B::WORDS / (BLOCK / 4));
    let mut row = 0;
    while row < rows {
        let before = row;
        row += if row + N <= rows {
            put_group::<L, B, VNNI, N, REGISTERS>(x, weights, row, y, columns)
        } else if N > 2 && x.parts == 2 {
            put_group::<L, B, VNNI, 2, REGISTERS>(x, weights, row, y, columns)
        } else {
            put_group::<L, B, VNNI, 1, REGISTERS>(x, weights, row, y, columns)
        };
        if rows > N.max(x.parts) {
            // The next group, since the hardware prefetcher sees only the first rows of x read this one.
            let [from, to] = [before, row].map(|row| row * words.len() / rows);
            prefetch(words.as_ptr().wrapping_add(words.len() + from).cast(), to - from);
        }
    }
}

/// Results of [`group`] in some columns of y, to which all parts of a row are added; returns `N`.
#[inline(always)]
fn put_group<L: Lanes, B: Blocks, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    x: &Rounded,
    weights: B,
    row: usize,
    y: &mut MatrixMut<'_>,
    columns: &Range<usize>,
) -> usize {
    let results = group::<L, B, VNNI, N, REGISTERS>(x, weights, row);
    for (number, results) in results.iter().enumerate() {
        let y = &mut y.row((row + number) / x.parts)[columns.clone()];
        if !(row + number).is_multiple_of(x.parts) {
            y.iter_mut().zip(results).for_each(|(y, result)| *y += result);
        } else if let Some(whole) = y.first_chunk_mut() {
            // A copy of known length is no call.
            *whole = *results;
        } else {
            y.copy_from_slice(&results[..y.len()]);
        }
    }
    N
}

/// y[n,o] = Σ x[n,:]·w[o,:] for an interleaved weight.
#[inline(always)]
fn interleaved_product<L: Lanes, const VNNI: bool, const N: usize, const REGISTERS: usize>(
    (x, rounded): (&[f32], &Rounded),
    (element, words): (Element, &[u32]),
    inner: usize,
    y: &mut MatrixMut<'_>,
    floats: &mut Vec<f32>,
) {
    let (length, blocks) = (blocks::row_words(element, inner), inner / BLOCK);
    for (number, given) in words.chunks(GROUP * length).enumerate() {
        let count = given.len() / length;
        let columns = number * GROUP..number * GROUP + count;
        let filled = if count < GROUP { interleaved::filled(given, length) } else { Vec::new() };
        let own = if count < GROUP { &filled[..] } else { given };
        // Rows of a GGUF file begin with their types.
        let (ty, own) = match element {
            Element::Quantised(ty) => (Some(ty), own),
            _ => (interleaved::type_of_blocks(given), &own[GROUP..]),
        };
        match ty {
            None => unpacked_product::<L>(x, (element, given), inner, &mut y.columns(columns), floats),
            Some(GgmlType::Q8_0) => {
                let weights = Stored::<8>::new(own, blocks);
                group_of_rows::<L, _, VNNI, N, REGISTERS>(rounded, weights, given, y, &columns);
            }
            Some(GgmlType::Q4_0) => {
                let weights = Stored::<4>::new(own, blocks);
                group_of_rows::<L, _, VNNI, N, REGISTERS>(rounded, weights, given, y, &columns);
            }
            Some(ty) => {
                let groups = unpacked_groups(ty, own, inner, floats);
                if ty.group() < BLOCK {
                    let weights = Unpacked::<4, 7>::new(&groups, 2 * blocks);
                    group_of_rows::<L, _, VNNI, N, REGISTERS>(rounded, weights, given, y, &columns);
                } else if ty.offset() == 128 {
                    let weights = Unpacked::<8, 8>::new(&groups, blocks);
                    group_of_rows::<L, _, VNNI, N, REGISTERS>(rounded, weights, given, y, &columns);
                } else {
                    let weights = Unpacked::<8, 7>::new(&groups, blocks);
                    group_of_rows::<L, _, VNNI, N, REGISTERS>(rounded, weights, given, y, &columns);
                }
            }
        }
    }
}

/// A group of rows in the blocks of a GGUF file, with the type's offset subtracted in the minimums.
#[inline(always)]
fn unpacked_groups<'to>(
    ty: GgmlType,
    words: &[u32],
    inner: usize,
    floats: &'to mut Vec<f32>,
) -> Groups<'to, GROUP> {
    let groups = inner / ty.group();
    floats.resize(GROUP * (inner / 4 + 2 * groups), 0.0);
    let (quants, floats) = floats.split_at_mut(GROUP * (inner / 4));
    let (scales, minimums) = floats.split_at_mut(GROUP * groups);
    let mut to = Groups {
        quants: bytemuck::cast_slice_mut::<f32, u32>(quants).as_chunks_mut().0,
        scales: scales.as_chunks_mut().0,
        minimums: minimums.as_chunks_mut().0,
    };
    unpack_groups(ty, words.as_chunks().0, inner / ty.block(), &mut to);
    let offset = -ty.offset() as f32;
    if offset != 0.0 {
        for (minimum, scale) in to.minimums.as_flattened_mut().iter_mut().zip(to.scales.as_flattened()) {
            *minimum += offset * scale;
        }
    }
    to
}

/// y[n,o] = Σ x[n,:]·w[o,:] for a stored weight, converted to floats a few rows at a time.
#[inline(always)]
fn unpacked_product<L: Lanes>(
    x: &[f32],
    (element, words): (Element, &[u32]),
    inner: usize,
    y: &mut MatrixMut<'_>,
    floats: &mut Vec<f32>,
) {
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
            Factors::Interleaved(x, rounded, element, words) => {
                let (x, weights) = ((x, rounded), (element, words));
                // The tile that the registers hold.
                match (L::COUNT, L::has_vnni()) {
                    (16, true) => interleaved_product::<L, true, 8, 1>(x, weights, inner, y, floats),
                    (16, false) => interleaved_product::<L, false, 8, 1>(x, weights, inner, y, floats),
                    (8, true) => interleaved_product::<L, true, 2, 2>(x, weights, inner, y, floats),
                    (8, false) => interleaved_product::<L, false, 2, 2>(x, weights, inner, y, floats),
                    _ => interleaved_product::<L, false, 1, { GROUP / 4 }>(x, weights, inner, y, floats),
                }
            }
            Factors::Stored(x, element, words) => {
                unpacked_product::<L>(x, (element, words), inner, y, floats);
            }
        }
    }

    /// Rounds the blocks of rows of x, then those of the rest.
    fn round_blocks<L>(
        x: &[f32], columns: usize, parts: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [[i32; 2]]
    ) {
        let per_row = columns / BLOCK;
        let quants = quants.as_chunks_mut::<BLOCK>().0;
        for (number, x) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
            let mut rest = *x;
            for part in 0..parts {
                let at = (number / per_row * parts + part) * per_row + number % per_row;
                let (scale, bytes) = blocks::q8_0(&rest);
                scales[at] = scale;
                for ((quant, byte), rest) in quants[at].iter_mut().zip(bytes).zip(&mut rest) {
                    *quant = byte as i8;
                    *rest -= f32::from(*quant) * scale;
                }
                for (sum, quants) in sums[at].iter_mut().zip(quants[at].as_chunks::<16>().0) {
                    *sum = 0;
                    quants.iter().for_each(|quant| *sum += i32::from(*quant));
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::{numbers, rows_of_blocks};
    use glasshouse_platform::lanes;
    use glasshouse_protocol::WeightFormat;

    /// Rows of `inner` floats in `parts` rows of integers each, and the values that these represent.
    fn rounded(x: &[f32], inner: usize, parts: usize) -> (Rounded, Vec<f32>) {
        let mut rounded = Rounded { parts, ..Rounded::default() };
        round(&Workers::new(Some(2)).unwrap(), x, inner, &mut rounded);
        let value = |at| f32::from(rounded.quants[at]) * rounded.scales[at / BLOCK];
        let row = |row: usize| {
            let first = row * parts * inner;
            (first..first + inner).map(move |at| (0..parts).map(|part| value(at + part * inner)).sum())
        };
        let values = (0..x.len() / inner).flat_map(row).collect();
        (rounded, values)
    }

    fn product(workers: &Workers, factors: Factors<'_>, sizes: [usize; 3]) -> Vec<f32> {
        let mut y = vec![0.0; sizes[0] * sizes[2]];
        few(workers, factors, None, None, &mut y, sizes);
        y
    }

    /// Interleaved rows of a type of weights, and these weights.
    fn stored(element: Element, inner: usize, outer: usize) -> (Vec<u32>, Vec<f32>) {
        let (length, mut weights) = (blocks::row_words(element, inner), numbers(2, outer * inner));
        let mut words = vec![0; outer * length];
        blocks::pack(element, inner, &weights, &mut words);
        blocks::unpack(element, inner, &words, &mut weights);
        interleaved::interleave(&mut words, length);
        (words, weights)
    }

    /// Like [`stored`], in the blocks of a GGUF file.
    fn of_file(types: &[GgmlType], inner: usize) -> (Element, Vec<u32>, Vec<f32>) {
        let (length, mut words) = rows_of_blocks(types, inner);
        let (element, mut weights) = (Element::Gguf { row: length as u32 }, vec![0.0; types.len() * inner]);
        blocks::unpack(element, inner, &words, &mut weights);
        interleaved::interleave_blocks(&mut words, length, inner);
        (element, words, weights)
    }

    fn blocky() -> impl Iterator<Item = GgmlType> {
        GgmlType::ALL.into_iter().filter(|ty| ty.block() > 1)
    }

    fn near(found: &[f32], expected: &[f32], of: &dyn std::fmt::Debug) {
        let largest = expected.iter().fold(1.0_f32, |largest, y| largest.max(y.abs()));
        for (y, expected) in found.iter().zip(expected) {
            assert!((y - expected).abs() < 1e-4 * largest, "{of:?}: {y} for {expected}");
        }
    }

    /// The products of rounded inputs and stored weights, and by the way of floats.
    #[test]
    fn quantised_weights_are_multiplied_as_they_are_stored() {
        let workers = Workers::new(Some(2)).unwrap();
        for element in WeightFormat::quantised().map(Element::from) {
            for (rows, blocks, outer) in [(1, 1, 1), (1, 40, 7), (2, 3, 32), (5, 33, 45), (11, 2, 16)] {
                let inner = blocks * BLOCK;
                let (x, (words, weights)) = (numbers(1, rows * inner), stored(element, inner, outer));
                let sizes = [rows, inner, outer];
                for (parts, steps) in [(1, 250.0), (2, 60_000.0)] {
                    let (rounded, back) = rounded(&x, inner, parts);
                    for (x, back) in x.chunks(BLOCK).zip(back.chunks(BLOCK)) {
                        let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                        assert!(x.iter().zip(back).all(|(x, back)| (x - back).abs() < largest / steps));
                    }
                    let found = product(&workers, Factors::Interleaved(&x, &rounded, element, &words), sizes);
                    near(&found, &product(&workers, Factors::F32(&back, &weights), sizes), &(element, sizes));
                }
            }
        }
        for ty in blocky() {
            for (rows, blocks, outer) in [(1, 2, 1), (2, 3, 23), (9, 1, 16), (17, 3, 33)] {
                let inner = blocks * ty.block();
                let (x, (element, words, weights)) =
                    (numbers(1, rows * inner), of_file(&vec![ty; outer], inner));
                let parts = 1 + rows % 2;
                let (own, back) = rounded(&x, inner, parts);
                let factors = Factors::Interleaved(&x, &own, element, &words);
                let found = product(&workers, factors, [rows, inner, outer]);
                let expected = product(&workers, Factors::F32(&back, &weights), [rows, inner, outer]);
                near(&found, &expected, &(ty, rows, inner, outer));
                // A row among others has the bits that it has alone.
                for (row, found) in found.chunks(outer).enumerate() {
                    let x = &x[row * inner..(row + 1) * inner];
                    let (own, _) = rounded(x, inner, parts);
                    let factors = Factors::Interleaved(x, &own, element, &words);
                    assert_eq!(product(&workers, factors, [1, inner, outer]), found, "{ty}");
                }
            }
        }
    }

    /// Floats among the rows of a file are not rounded, and neither is what they are multiplied with.
    #[test]
    fn rows_of_several_types_are_multiplied() {
        let workers = Workers::new(Some(2)).unwrap();
        let types: Vec<_> = std::iter::repeat_n(GgmlType::Q4_1, 20)
            .chain(std::iter::repeat_n(GgmlType::F16, 30))
            .chain([GgmlType::Q8_0; 16])
            .collect();
        let (rows, inner, outer) = (3, 96, types.len());
        let (x, (element, words, weights)) = (numbers(1, rows * inner), of_file(&types, inner));
        let (rounded, back) = rounded(&x, inner, 1);
        let sizes = [rows, inner, outer];
        let found = product(&workers, Factors::Interleaved(&x, &rounded, element, &words), sizes);
        let [integers, floats] = [&back, &x].map(|x| product(&workers, Factors::F32(x, &weights), sizes));
        for (at, found) in found.into_iter().enumerate() {
            // The first group and the last, of two rows, are of one type of blocks.
            let row = at % outer;
            let is_rounded = !(GROUP..4 * GROUP).contains(&row);
            let expected = if is_rounded { integers[at] } else { floats[at] };
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{at}: {found} for {expected}");
        }
    }

    /// Integers are added up exactly: all registers and instructions with one rounding per multiply-add give the same bits.
    #[test]
    fn quantised_products_do_not_depend_on_the_instructions() {
        let (rows, outer) = (9, 19);
        let own = WeightFormat::quantised().map(|format| {
            let element = Element::from(format);
            let inner = 5 * BLOCK;
            let (words, _) = stored(element, inner, outer);
            (element, words, inner)
        });
        let of_files = blocky().map(|ty| {
            let inner = 2 * ty.block();
            let (element, words, _) = of_file(&vec![ty; outer], inner);
            (element, words, inner)
        });
        for (element, words, inner) in own.chain(of_files) {
            let x = numbers(4, rows * inner);
            let (rounded, _) = rounded(&x, inner, 2);
            let products = |run: Products| {
                let (mut y, mut floats) = (vec![0.0; rows * outer], Vec::new());
                let to = &mut MatrixMut::new(&mut y, rows, outer, outer);
                run((&x, &rounded), (element, &words), inner, to, &mut floats);
                y
            };
            let expected = products(interleaved_product::<lanes::Portable, false, 1, 4>);
            let found: Vec<Vec<f32>> = variants().into_iter().map(products).collect();
            assert!(found.windows(2).all(|two| two[0] == two[1]), "{element:?}: {found:?}");
            found.iter().for_each(|found| near(found, &expected, &element));
        }
    }

    type Products = fn((&[f32], &Rounded), (Element, &[u32]), usize, &mut MatrixMut<'_>, &mut Vec<f32>);

    /// Those of this machine.
    #[cfg(target_arch = "x86_64")]
    fn variants() -> Vec<Products> {
        use lanes::{Avx2, Avx512, Level};
        let (wide, middle) = (lanes::level() == Level::Avx512, lanes::level() != Level::Portable);
        let all: [(bool, Products); 4] = [
            (middle, interleaved_product::<Avx2, false, 2, 2>),
            (middle && Avx2::has_vnni(), interleaved_product::<Avx2, true, 2, 2>),
            (wide, interleaved_product::<Avx512, false, 8, 1>),
            (wide && Avx512::has_vnni(), interleaved_product::<Avx512, true, 8, 1>),
        ];
        all.into_iter().filter_map(|(is_here, products)| is_here.then_some(products)).collect()
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn variants() -> Vec<Products> {
        Vec::new()
    }

    #[test]
    fn an_input_that_is_no_number_stays_one() {
        let mut x = [1.0; 2 * BLOCK];
        x[40] = f32::NAN;
        let (rounded, _) = rounded(&x, 2 * BLOCK, 1);
        assert!(rounded.scales[0].is_finite() && rounded.scales[1].is_nan());
    }
}
