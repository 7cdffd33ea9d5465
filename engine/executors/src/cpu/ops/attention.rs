//! Causal attention, one head and one tile of queries at a time: the T×T matrix is never materialised, and keys after a
//! tile's last query are not computed.

use super::elementwise::{cap, cap_backward, mask_in_place};
use super::{Call, Given, Interpret, Run};
use crate::cpu::matrix::{Matrix, MatrixMut, Old, Shared, product};
use crate::cpu::vector::{exp, exponentials, maximum, sum};
use crate::cpu::workers::{Rows, Scratch};
use glasshouse_compiler::graph::Heads;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::{BLOCK, vectorised};
use std::ops::Range;

const TILE: usize = 32;

/// Sizes of a batch of windows, and its attention masks.
#[derive(Clone, Copy, Debug)]
pub struct Sizes<'run> {
    /// H, K, D.
    pub heads: Heads,
    /// Factor on q·k.
    pub scale: f32,
    pub softcap: Option<f32>,
    /// B.
    pub batch: usize,
    /// T.
    pub time: usize,
    /// Maximum number of positions a query attends to, including its own.
    pub seen: usize,
    /// First position of each position's document [B,T], if rows hold several.
    pub starts: Option<&'run [u32]>,
    /// Windows of a larger, divided batch before this part; dropout numbers its elements over the whole.
    pub first: usize,
}

/// A tile of queries, with the keys that any of them attends to.
#[derive(Clone, Copy, Debug)]
struct Tile<'run> {
    first: usize,
    /// First key.
    begin: usize,
    /// End of the queries and of the keys, exclusive.
    end: usize,
    /// Maximum number of positions a query attends to, including its own.
    seen: usize,
    /// Document starts of the tile's queries, if rows hold several.
    starts: &'run [u32],
}

impl Tile<'_> {
    fn rows(self) -> usize {
        self.end - self.first
    }

    fn keys(self) -> usize {
        self.end - self.begin
    }

    /// Keys that query `row` attends to, relative to the tile's first key.
    fn sees(self, row: usize) -> Range<usize> {
        let own = self.first + row;
        let oldest = (own + 1).saturating_sub(self.seen);
        let oldest = self.starts.get(row).map_or(oldest, |start| oldest.max(*start as usize));
        oldest.clamp(self.begin, own) - self.begin..own + 1 - self.begin
    }
}

impl<'run> Sizes<'run> {
    /// Sizes for rows [B,T,..].
    fn new(op: Attention, rows: Given<'_>, starts: Option<Given<'run>>, call: &Call<'_>) -> Self {
        let (Attention { heads, softcap, .. }, batch, time) = (op, rows.ty.shape[0], rows.ty.shape[1]);
        let starts = starts.map(|starts| starts.words);
        let (scale, seen) = (heads.factor(op.scale), op.window.unwrap_or(time));
        Self { heads, scale, softcap, batch, time, seen, starts, first: call.shard.first }
    }

    /// The tiles of a window. Documents before that of a tile's first query are skipped.
    fn tiles(self, batch: usize) -> impl Iterator<Item = Tile<'run>> {
        let Self { time, seen, .. } = self;
        (0..time).step_by(TILE).map(move |first| {
            let end = time.min(first + TILE);
            let queries = batch * time + first..batch * time + end;
            let starts = self.starts.and_then(|starts| starts.get(queries)).unwrap_or_default();
            let begin = starts.first().map_or(0, |start| first.min(*start as usize));
            Tile { first, begin, end, seen, starts }
        })
    }

    /// First column of the queries (0), keys (1) or values (2) of a head in the packed row.
    fn column(&self, kind: usize, head: usize) -> usize {
        let Heads { heads, kv_heads, head_size } = self.heads;
        ([0, heads, heads + kv_heads][kind] + head) * head_size
    }

    /// [T, D] of one head of one window.
    fn matrix<'data>(&self, data: &'data [f32], batch: usize, column: usize, width: usize) -> Matrix<'data> {
        Matrix::new(&data[batch * self.time * width + column..], self.time, self.heads.head_size, width)
    }

    /// Dropout's element number of a probability; `row` indexes this part's [B,H,T].
    fn element(&self, row: usize, key: usize) -> u32 {
        ((self.first * self.heads.heads * self.time + row) * self.time + key) as u32
    }

    /// Distance between rows of scores.
    fn score_stride(&self) -> usize {
        self.time.next_multiple_of(BLOCK)
    }
}

impl Interpret for Attention {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (AttentionInputs { qkv, starts }, AttentionOutputs { y, lse }) = (inputs, outputs);
        let sizes = Sizes::new(*self, qkv, starts, &call);
        let qkv = qkv.floats;
        let Sizes { heads, batch, time, .. } = sizes;
        let (packed, width, size) = (heads.packed(), heads.width(), heads.head_size);
        let group = heads.heads / heads.kv_heads;
        let y = Shared::new(y);
        call.workers.rows(batch * heads.heads, 1, Rows::new(lse, time), |range, lse, scratch| {
            let stride = sizes.score_stride();
            let Scratch { panel, floats, .. } = scratch;
            let [turned, scores] = areas(floats, [size * stride, TILE * stride]);
            for (unit, lse) in range.zip(lse.data.chunks_exact_mut(time)) {
                let (b, h) = (unit / heads.heads, unit % heads.heads);
                let query = sizes.matrix(qkv, b, sizes.column(0, h), packed);
                let value = sizes.matrix(qkv, b, sizes.column(2, h / group), packed);
                transpose(qkv, b * time * packed + sizes.column(1, h / group), packed, time, turned, stride);
                // SAFETY: each unit has its own columns of its own window and runs once.
                #[allow(unsafe_code, reason = "heads write to interleaved columns")]
                let mut y = unsafe { y.matrix(b * time * width + h * size, time, size, width) };
                let turned = Matrix::new(turned, size, time, stride);
                for tile in sizes.tiles(b) {
                    let Tile { first, begin, end, .. } = tile;
                    let (rows, keys) = (tile.rows(), tile.keys());
                    let into = MatrixMut::new(scores, rows, keys, stride);
                    product(
                        query.rows(first..end),
                        turned.columns(begin..end),
                        into,
                        sizes.scale,
                        Old::Overwrite,
                        panel,
                    );
                    if let Some(limit) = sizes.softcap {
                        cap_rows(limit, scores, stride, tile);
                    }
                    softmax(scores, stride, tile, &mut lse[first..end]);
                    if let Some(site) = self.dropout {
                        for row in 0..rows {
                            let element = sizes.element(unit * time + first + row, begin);
                            mask_in_place(site, call.seed, element, &mut scores[row * stride..][..keys]);
                        }
                    }
                    let probabilities = Matrix::new(scores, rows, keys, stride);
                    let value = value.rows(begin..end);
                    product(probabilities, value, y.rows(first..end), 1.0, Old::Overwrite, panel);
                }
            }
        });
        Ok(())
    }
}

impl Interpret for AttentionBackward {
    /// One thread takes all query heads of a key head, whose gradients they share.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let AttentionBackwardInputs { qkv, lse, y, dy, starts } = inputs;
        let sizes = Sizes::new(self.forward, qkv, starts, &call);
        let dropout = self.forward.dropout.map(|site| (site, call.seed));
        let [qkv, lse, y, dy] = [qkv, lse, y, dy].map(|operand| operand.floats);
        let Sizes { heads, batch, time, .. } = sizes;
        let (packed, width, size) = (heads.packed(), heads.width(), heads.head_size);
        let group = heads.heads / heads.kv_heads;
        let dx = Shared::new(outputs.dqkv);
        call.workers.rows(batch * heads.kv_heads, 1, (), |range, (), scratch| {
            let stride = sizes.score_stride();
            let Scratch { panel, floats, .. } = scratch;
            let (matrix, tile) = (size * stride, TILE * stride);
            let capped = if sizes.softcap.is_some() { tile } else { 0 };
            let [keys, values, scores, slopes, kept, capped, delta] =
                areas(floats, [matrix, matrix, tile, tile, tile, capped, time]);
            for unit in range {
                let (b, k) = (unit / heads.kv_heads, unit % heads.kv_heads);
                let piece = |kind, head| {
                    let at = b * time * packed + sizes.column(kind, head);
                    // SAFETY: each unit has its own columns of its own window, takes each of its heads once, and runs once.
                    #[allow(unsafe_code, reason = "heads write to interleaved columns")]
                    unsafe {
                        dx.matrix(at, time, size, packed)
                    }
                };
                let key = sizes.matrix(qkv, b, sizes.column(1, k), packed);
                transpose(qkv, b * time * packed + sizes.column(1, k), packed, time, keys, stride);
                transpose(qkv, b * time * packed + sizes.column(2, k), packed, time, values, stride);
                let turned_keys = Matrix::new(keys, size, time, stride);
                let turned_values = Matrix::new(values, size, time, stride);
                let (mut key_gradient, mut value_gradient) = (piece(1, k), piece(2, k));
                for t in 0..time {
                    key_gradient.row(t).fill(0.0);
                    value_gradient.row(t).fill(0.0);
                }
                for h in k * group..(k + 1) * group {
                    let query = sizes.matrix(qkv, b, sizes.column(0, h), packed);
                    let from = b * time * width + h * size;
                    products_of_rows(&y[from..], &dy[from..], width, size, delta);
                    let dy = sizes.matrix(dy, b, h * size, width);
                    let mut query_gradient = piece(0, h);
                    for tile in sizes.tiles(b) {
                        let Tile { first, begin, end, .. } = tile;
                        let (rows, keys) = (tile.rows(), tile.keys());
                        let row = (b * heads.heads + h) * time + first;
                        let (query, dy) = (query.rows(first..end), dy.rows(first..end));
                        let into = MatrixMut::new(scores, rows, keys, stride);
                        let turned = turned_keys.columns(begin..end);
                        product(query, turned, into, sizes.scale, Old::Overwrite, panel);
                        let into = MatrixMut::new(slopes, rows, keys, stride);
                        product(dy, turned_values.columns(begin..end), into, 1.0, Old::Overwrite, panel);
                        if let Some(limit) = sizes.softcap {
                            cap_rows(limit, scores, stride, tile);
                            capped.copy_from_slice(scores);
                        }
                        let lse = &lse[row..row + rows];
                        probabilities(scores, stride, tile, lse);
                        let mut weights = &*scores;
                        if let Some((site, seed)) = dropout {
                            for at in 0..rows {
                                let element = sizes.element(row + at, begin);
                                let entries = at * stride..at * stride + keys;
                                kept[entries.clone()].copy_from_slice(&scores[entries.clone()]);
                                mask_in_place(site, seed, element, &mut kept[entries.clone()]);
                                mask_in_place(site, seed, element, &mut slopes[entries]);
                            }
                            weights = kept;
                        }
                        let weights = Matrix::new(weights, rows, keys, stride).transposed();
                        product(weights, dy, value_gradient.rows(begin..end), 1.0, Old::Add, panel);
                        score_gradient(scores, slopes, stride, keys, sizes.scale, &delta[first..end]);
                        if let Some(limit) = sizes.softcap {
                            for (capped, slopes) in
                                capped.chunks_exact(stride).zip(slopes.chunks_exact_mut(stride)).take(rows)
                            {
                                cap_backward(limit, &capped[..keys], &mut slopes[..keys]);
                            }
                        }
                        let slopes = Matrix::new(slopes, rows, keys, stride);
                        product(
                            slopes,
                            key.rows(begin..end),
                            query_gradient.rows(first..end),
                            1.0,
                            Old::Overwrite,
                            panel,
                        );
                        let key_gradient = key_gradient.rows(begin..end);
                        product(slopes.transposed(), query, key_gradient, 1.0, Old::Add, panel);
                    }
                }
            }
        });
        Ok(())
    }
}

/// y of some queries [N,D] of a head, from number `first` on, over its cached keys and values [.., D].
pub fn cached(
    op: CachedAttention,
    query: Matrix<'_>,
    [keys, values]: [&[f32]; 2],
    first: usize,
    y: MatrixMut<'_>,
    Scratch { panel, floats, .. }: &mut Scratch,
) {
    let (rows, size) = (query.row_count(), query.column_count());
    let (scale, seen) = (op.heads.factor(op.scale), op.window.unwrap_or(usize::MAX));
    let begin = (first + 1).saturating_sub(seen);
    let tile = Tile { first, begin, end: first + rows, seen, starts: &[] };
    let (count, stride) = (tile.keys(), tile.keys().next_multiple_of(BLOCK));
    let [turned, scores, lse] = areas(floats, [size * stride, rows * stride, rows]);
    transpose(keys, begin * size, size, count, turned, stride);
    let turned = Matrix::new(turned, size, count, stride);
    product(query, turned, MatrixMut::new(scores, rows, count, stride), scale, Old::Overwrite, panel);
    if let Some(limit) = op.softcap {
        cap_rows(limit, scores, stride, tile);
    }
    softmax(scores, stride, tile, lse);
    let values = Matrix::new(&values[begin * size..tile.end * size], count, size, size);
    product(Matrix::new(scores, rows, count, stride), values, y, 1.0, Old::Overwrite, panel);
}

/// Caps the scores of a tile's keys. Rows have room for those of the whole window, of which causal tiles need half on average.
fn cap_rows(limit: f32, scores: &mut [f32], stride: usize, tile: Tile<'_>) {
    for row in scores.chunks_exact_mut(stride).take(tile.rows()) {
        cap(limit, &mut row[..tile.keys()]);
    }
}

/// Splits scratch memory into areas of these lengths.
fn areas<const COUNT: usize>(floats: &mut Vec<f32>, lengths: [usize; COUNT]) -> [&mut [f32]; COUNT] {
    let needed: usize = lengths.iter().sum();
    if floats.len() < needed {
        floats.resize(needed, 0.0);
    }
    let mut rest = floats.as_mut_slice();
    lengths.map(|length| {
        let (area, after) = std::mem::take(&mut rest).split_at_mut(length);
        rest = after;
        area
    })
}

vectorised! {
    /// to[d, t] = from[at + t·width + d].
    fn transpose<L>(from: &[f32], at: usize, width: usize, time: usize, to: &mut [f32], stride: usize) {
        for (d, to) in to.chunks_exact_mut(stride).enumerate() {
            for (t, to) in to[..time].iter_mut().enumerate() {
                *to = from[at + t * width + d];
            }
        }
    }

    /// Turns row i, of the tile's query i, into probabilities; masked entries become 0.
    fn softmax<L>(scores: &mut [f32], stride: usize, tile: Tile<'_>, lse: &mut [f32]) {
        for (at, (row, lse)) in scores.chunks_exact_mut(stride).zip(lse).enumerate() {
            let Range { start: oldest, end: seen } = tile.sees(at);
            let most = maximum(&row[oldest..seen]);
            // Whole blocks are cheaper than a remainder; the padding is so low that its exponential vanishes.
            let padded = seen.next_multiple_of(BLOCK);
            row[..oldest].fill(most - 100.0);
            row[seen..padded].fill(most - 100.0);
            let total = exponentials::<L>(&mut row[..padded], most);
            let share = 1.0 / total;
            for entry in &mut row[..padded] {
                *entry *= share;
            }
            row[..oldest].fill(0.0);
            row[seen..tile.keys().max(padded)].fill(0.0);
            *lse = most + total.ln();
        }
    }

    /// Recomputes the probabilities from scores and lse.
    fn probabilities<L>(scores: &mut [f32], stride: usize, tile: Tile<'_>, lse: &[f32]) {
        for (at, (row, lse)) in scores.chunks_exact_mut(stride).zip(lse).enumerate() {
            let Range { start: oldest, end: seen } = tile.sees(at);
            let padded = seen.next_multiple_of(BLOCK);
            row[..oldest].fill(0.0);
            row[seen..padded].fill(0.0);
            for entry in &mut row[..padded] {
                *entry = exp::<L>(*entry - lse);
            }
            row[..oldest].fill(0.0);
            row[seen..tile.keys().max(padded)].fill(0.0);
        }
    }

    /// slopes ← p·(slopes − delta)·scale, the gradient of q·k before scaling.
    fn score_gradient<L>(
        probabilities: &[f32],
        slopes: &mut [f32],
        stride: usize,
        end: usize,
        scale: f32,
        delta: &[f32],
    ) {
        let rows = probabilities.chunks_exact(stride).zip(slopes.chunks_exact_mut(stride));
        for ((p, slopes), delta) in rows.zip(delta) {
            for (slope, p) in slopes[..end].iter_mut().zip(p) {
                *slope = p * (*slope - delta) * scale;
            }
        }
    }

    /// delta[t] = y[t]·dy[t].
    fn products_of_rows<L>(y: &[f32], dy: &[f32], width: usize, size: usize, delta: &mut [f32]) {
        for (t, delta) in delta.iter_mut().enumerate() {
            let (y, dy) = (&y[t * width..t * width + size], &dy[t * width..t * width + size]);
            *delta = sum(size, |at| y[at] * dy[at]);
        }
    }
}
