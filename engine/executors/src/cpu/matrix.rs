//! Matrix products in f32 on strided views.
//!
//! Why not a library: the `gemm` crate as burn builds it (256-bit registers) reaches 63 to 103 GFLOP/s on one core of a
//! Zen 5 EPYC for the products of small models; these loops reach 104 to 245 with 512-bit registers. The left side is
//! read in place, the right side is packed one panel at a time where that pays. Every sum runs over k in the same order
//! regardless of the split among threads, so the bits do not depend on it.
//!
//! The structure follows BLIS (Van Zee and van de Geijn 2015): a tile of sums stays in registers while k runs, and a
//! panel of [`DEPTH`] rows of the right side stays in the L1 cache while the rows of the left side pass by.

use super::workers::Parts;
use glasshouse_platform::lanes::{Lanes, vectorised};
use std::marker::PhantomData;

const DEPTH: usize = 256;

/// Registers across a tile of sums.
const ACROSS: usize = 2;

/// Widest panel of any instruction set, in floats.
const MAX_PANEL_WIDTH: usize = 32;

/// A read-only matrix: entry (i, j) is at i·row_stride + j·column_stride; one of the two strides is 1.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'data> {
    data: &'data [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'data> Matrix<'data> {
    /// A matrix whose rows start `stride` entries apart.
    pub fn new(data: &'data [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(rows > 0 && columns > 0 && stride >= columns, "an empty matrix or overlapping rows");
        assert!(data.len() >= (rows - 1) * stride + columns, "a matrix larger than its memory");
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The transpose, without copying.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    pub fn row_count(&self) -> usize {
        self.rows
    }

    pub fn column_count(&self) -> usize {
        self.columns
    }

    pub fn rows(self, range: std::ops::Range<usize>) -> Self {
        assert!(range.start < range.end && range.end <= self.rows, "rows outside the matrix");
        Self { data: &self.data[range.start * self.row_stride..], rows: range.len(), ..self }
    }

    pub fn columns(self, range: std::ops::Range<usize>) -> Self {
        self.transposed().rows(range).transposed()
    }
}

/// A mutable matrix whose rows start `stride` entries apart. It owns only its entries; other matrices may use those between its rows.
pub struct MatrixMut<'data> {
    data: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    borrow: PhantomData<&'data mut [f32]>,
}

// SAFETY: it is a set of floats with no other references, like the slice it was made from.
#[allow(unsafe_code, reason = "a raw pointer stands for a slice with gaps")]
unsafe impl Send for MatrixMut<'_> {}

impl<'data> MatrixMut<'data> {
    /// A matrix whose rows start `stride` entries apart.
    pub fn new(data: &'data mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(rows > 0 && columns > 0 && stride >= columns, "an empty matrix or overlapping rows");
        assert!(data.len() >= (rows - 1) * stride + columns, "a matrix larger than its memory");
        Self { data: data.as_mut_ptr(), rows, columns, stride, borrow: PhantomData }
    }

    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "a row outside the matrix");
        // SAFETY: the row lies inside the memory that `new` checked, and the mutable borrow of self makes it exclusive.
        #[allow(unsafe_code, reason = "a row of a view with gaps")]
        unsafe {
            std::slice::from_raw_parts_mut(self.data.add(row * self.stride), self.columns)
        }
    }

    pub fn rows(&mut self, range: std::ops::Range<usize>) -> MatrixMut<'_> {
        assert!(range.start < range.end && range.end <= self.rows, "rows outside the matrix");
        // SAFETY: the first of the rows lies inside the memory that `new` checked.
        #[allow(unsafe_code, reason = "part of a view with gaps")]
        let data = unsafe { self.data.add(range.start * self.stride) };
        MatrixMut { data, rows: range.len(), borrow: PhantomData, ..*self }
    }

    pub fn columns(&mut self, range: std::ops::Range<usize>) -> MatrixMut<'_> {
        assert!(range.start < range.end && range.end <= self.columns, "columns outside the matrix");
        // SAFETY: the first of the columns lies inside the first row.
        #[allow(unsafe_code, reason = "part of a view with gaps")]
        let data = unsafe { self.data.add(range.start) };
        MatrixMut { data, columns: range.len(), borrow: PhantomData, ..*self }
    }

    fn split_rows(self, rows: usize) -> (Self, Self) {
        let rows = rows.min(self.rows);
        // Past the last row, the offset could lie beyond the end of the memory, which no pointer may.
        let offset = if rows == self.rows { 0 } else { rows * self.stride };
        // SAFETY: the offset lies inside the memory that `new` checked.
        #[allow(unsafe_code, reason = "two disjoint views from one")]
        let rest = unsafe { self.data.add(offset) };
        (Self { rows, ..self }, Self { data: rest, rows: self.rows - rows, ..self })
    }

    fn split_columns(self, columns: usize) -> (Self, Self) {
        let columns = columns.min(self.columns);
        // SAFETY: at most one past the first row's last entry.
        #[allow(unsafe_code, reason = "two disjoint views from one")]
        let rest = unsafe { self.data.add(columns) };
        (Self { columns, ..self }, Self { data: rest, columns: self.columns - columns, ..self })
    }
}

/// A result split among threads by rows, in units of the given count.
pub struct ByRows<'data>(pub MatrixMut<'data>, pub usize);

impl Parts for ByRows<'_> {
    fn split(self, units: usize) -> (Self, Self) {
        let (first, second) = self.0.split_rows(units * self.1);
        (Self(first, self.1), Self(second, self.1))
    }
}

/// A result split among threads by columns, in units of the given count.
pub struct ByColumns<'data>(pub MatrixMut<'data>, pub usize);

impl Parts for ByColumns<'_> {
    fn split(self, units: usize) -> (Self, Self) {
        let (first, second) = self.0.split_columns(units * self.1);
        (Self(first, self.1), Self(second, self.1))
    }
}

/// Memory that several threads write in disjoint places.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'data> {
    data: *mut f32,
    length: usize,
    borrow: PhantomData<&'data mut [f32]>,
}

// SAFETY: entries are reached only through `matrix`, whose callers keep the pieces disjoint.
#[allow(unsafe_code, reason = "a raw pointer stands for a slice that is handed out in pieces")]
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
#[allow(unsafe_code, reason = "a raw pointer stands for a slice that is handed out in pieces")]
unsafe impl Sync for Shared<'_> {}

impl<'data> Shared<'data> {
    /// Borrows the slice for the lifetime of its pieces.
    pub fn new(data: &'data mut [f32]) -> Self {
        Self { data: data.as_mut_ptr(), length: data.len(), borrow: PhantomData }
    }

    /// Returns a piece.
    ///
    /// # Safety
    /// Pieces that are alive at the same time must be disjoint.
    #[allow(unsafe_code, reason = "the caller keeps pieces apart")]
    pub unsafe fn matrix(&self, at: usize, rows: usize, columns: usize, stride: usize) -> MatrixMut<'data> {
        assert!(rows > 0 && columns > 0 && stride >= columns, "an empty matrix or overlapping rows");
        assert!(self.length >= at + (rows - 1) * stride + columns, "a matrix larger than its memory");
        // SAFETY: inside the slice, as just checked.
        let data = unsafe { self.data.add(at) };
        MatrixMut { data, rows, columns, stride, borrow: PhantomData }
    }
}

/// Treatment of the result's old entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    Overwrite,
    Add,
}

/// c = factor·a·b (+ c). `panel` is scratch memory for the packed right side.
pub fn product(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, factor: f32, old: Old, panel: &mut Vec<f32>) {
    assert!(
        a.columns == b.rows && a.rows == c.rows && b.columns == c.columns,
        "sizes of a matrix product differ"
    );
    if panel.len() < DEPTH * MAX_PANEL_WIDTH {
        panel.resize(DEPTH * MAX_PANEL_WIDTH, 0.0);
    }
    panels(a, b, c, factor, old, panel);
}

vectorised! {
    fn panels<L>(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, factor: f32, old: Old, panel: &mut [f32]) {
        let width = ACROSS * L::COUNT;
        for from in (0..b.rows).step_by(DEPTH) {
            let depth = DEPTH.min(b.rows - from);
            let old = if from > 0 { Old::Add } else { old };
            for left in (0..b.columns).step_by(width) {
                let across = width.min(b.columns - left);
                // Reading in place saves the copy, but the rows of a strided panel keep evicting each other, so it pays
                // only for few rows of `a`.
                let in_place = b.column_stride == 1 && across == width && a.rows <= 32;
                let (right, right_stride) = if in_place {
                    (&b.data[from * b.row_stride + left..], b.row_stride)
                } else {
                    pack(b, from..from + depth, left..left + across, width, panel);
                    (&*panel, width)
                };
                let piece = PanelProduct { depth, right, right_stride, left, across, factor, old };
                let mut row = 0;
                while row < a.rows {
                    let rest = a.rows - row;
                    let left = &a.data[row * a.row_stride + from * a.column_stride..];
                    // Eight rows with many registers, else six or four; the remainder in powers of two.
                    row += if L::TILE_ROWS == 8 && rest >= 8 {
                        tile::<L, 8>(left, &a, &piece, &c, row)
                    } else if L::TILE_ROWS == 6 && rest >= 6 {
                        tile::<L, 6>(left, &a, &piece, &c, row)
                    } else if rest >= 4 {
                        tile::<L, 4>(left, &a, &piece, &c, row)
                    } else if rest >= 2 {
                        tile::<L, 2>(left, &a, &piece, &c, row)
                    } else {
                        tile::<L, 1>(left, &a, &piece, &c, row)
                    };
                }
            }
        }
    }
}

/// Copies a panel of b: row k of the panel holds b[from + k, left..], zero-padded to `width`.
#[inline(always)]
fn pack(
    b: Matrix<'_>,
    depth: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    width: usize,
    panel: &mut [f32],
) {
    let count = columns.len();
    if b.column_stride == 1 {
        for (k, to) in depth.zip(panel.chunks_exact_mut(width)) {
            let start = k * b.row_stride + columns.start;
            to[..count].copy_from_slice(&b.data[start..start + count]);
            to[count..].fill(0.0);
        }
        return;
    }
    if count < width {
        panel[..depth.len() * width].fill(0.0);
    }
    // Eight columns of b at a time: each is contiguous in memory, and eight adjacent entries share a cache line of the panel.
    let length = depth.len();
    let mut at = 0;
    while at < count {
        let group = 8.min(count - at);
        let column = |number: usize| {
            let start = (columns.start + at + number.min(group - 1)) * b.column_stride + depth.start;
            &b.data[start..start + length]
        };
        if group == 8 {
            let from: [&[f32]; 8] = std::array::from_fn(column);
            for (k, row) in panel.chunks_exact_mut(width).take(length).enumerate() {
                for (number, entry) in row[at..at + 8].iter_mut().enumerate() {
                    *entry = from[number][k];
                }
            }
        } else {
            for number in 0..group {
                let from = column(number);
                for (k, row) in panel.chunks_exact_mut(width).take(length).enumerate() {
                    row[at + number] = from[k];
                }
            }
        }
        at += group;
    }
}

struct PanelProduct<'data> {
    depth: usize,
    right: &'data [f32],
    right_stride: usize,
    left: usize,
    across: usize,
    factor: f32,
    old: Old,
}

/// Computes `ROWS` rows of the result across one panel; returns `ROWS`.
#[inline(always)]
fn tile<L: Lanes, const ROWS: usize>(
    left: &[f32],
    a: &Matrix<'_>,
    piece: &PanelProduct<'_>,
    c: &MatrixMut<'_>,
    row: usize,
) -> usize {
    let width = ACROSS * L::COUNT;
    assert!(left.len() > (ROWS - 1) * a.row_stride + (piece.depth - 1) * a.column_stride);
    assert!(piece.right.len() >= (piece.depth - 1) * piece.right_stride + width);
    assert!(row + ROWS <= c.rows && piece.left + piece.across <= c.columns);
    let mut sums = [[L::splat(0.0); ACROSS]; ROWS];
    // SAFETY: reads of `left` and `right` stay inside the lengths just checked; writes go to rows `row..row + ROWS` and
    // columns `left..left + across` of `c`, which lie inside it and which only this call may write.
    #[allow(unsafe_code, reason = "the innermost loop of everything; lengths are checked above")]
    unsafe {
        let right = piece.right.as_ptr();
        if a.column_stride == 1 {
            let mut rows = [left.as_ptr(); ROWS];
            for (at, row) in rows.iter_mut().enumerate() {
                *row = row.add(at * a.row_stride);
            }
            for k in 0..piece.depth {
                let mut b = [L::splat(0.0); ACROSS];
                for (at, b) in b.iter_mut().enumerate() {
                    *b = L::load(right.add(k * piece.right_stride + at * L::COUNT));
                }
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let factor = L::splat(*row.add(k));
                    for (sum, b) in sums.iter_mut().zip(&b) {
                        *sum = factor.mul_add(*b, *sum);
                    }
                }
            }
        } else {
            let mut from = left.as_ptr();
            for k in 0..piece.depth {
                let mut b = [L::splat(0.0); ACROSS];
                for (at, b) in b.iter_mut().enumerate() {
                    *b = L::load(right.add(k * piece.right_stride + at * L::COUNT));
                }
                for (at, sums) in sums.iter_mut().enumerate() {
                    let factor = L::splat(*from.add(at));
                    for (sum, b) in sums.iter_mut().zip(&b) {
                        *sum = factor.mul_add(*b, *sum);
                    }
                }
                from = from.wrapping_add(a.column_stride);
            }
        }
        for (at, sums) in sums.iter().enumerate() {
            let to = c.data.add((row + at) * c.stride + piece.left);
            let factor = L::splat(piece.factor);
            if piece.across == width {
                for (across, sum) in sums.iter().enumerate() {
                    let to = to.add(across * L::COUNT);
                    let sum = sum.mul(factor);
                    if piece.old == Old::Add { L::load(to).add(sum) } else { sum }.store(to);
                }
            } else {
                let mut row = [0.0f32; MAX_PANEL_WIDTH];
                for (across, sum) in sums.iter().enumerate() {
                    sum.mul(factor).store(row.as_mut_ptr().add(across * L::COUNT));
                }
                for (entry, value) in row[..piece.across].iter().enumerate() {
                    let to = to.add(entry);
                    *to = if piece.old == Old::Add { *to + value } else { *value };
                }
            }
        }
    }
    ROWS
}
