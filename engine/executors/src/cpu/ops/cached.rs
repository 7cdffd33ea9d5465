//! Decoding: attention over cached keys and values.

use super::linear::products;
use super::{Call, Interpret, Run, attention};
use crate::cpu::matrix::{Matrix, Shared};
use crate::cpu::vector::{exponentials, maximum, tanh};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::Heads;
use glasshouse_compiler::graph::ops::{CachedAttention, CachedAttentionInputs, LastRow, LastRowInputs};
use glasshouse_platform::lanes::{Lanes, fused, vectorised};
use glasshouse_platform::{Error, Result};

impl Interpret for CachedAttention {
    /// Writes each chunk's keys and values to its text's caches, then attends to everything up to each query. Rows beyond a chunk's
    /// length are left unchanged.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let CachedAttentionInputs { qkv, keys, cursor, .. } = inputs;
        let (chunks, time) = (cursor.cursor(), qkv.ty.shape[1]);
        let (texts, room) = (keys.ty.shape[0], keys.ty.shape[2]);
        for [start, length, text] in chunks.iter().map(|row| row.map(|entry| entry as usize)) {
            if length > time || start + length > room || text >= texts {
                let message = format!("tokens {start}..{} of {room}, text {text} of {texts}", start + length);
                return Err(Error::Internal(message));
            }
        }
        let ([keys, values], qkv) = (call.caches, qkv.floats);
        let (heads, window) = (self.heads, self.window.unwrap_or(room));
        let Heads { kv_heads, head_size: size, .. } = heads;
        let packed = heads.packed();
        let chunk = |row: usize| chunks[row].map(|entry| entry as usize);
        for (at, row) in qkv.chunks_exact(packed).enumerate() {
            let ([start, length, text], t) = (chunk(at / time), at % time);
            if t >= length {
                continue;
            }
            for head in 0..kv_heads {
                let from = (heads.heads + head) * size;
                let to = ((text * kv_heads + head) * room + start + t) * size;
                keys[to..to + size].copy_from_slice(&row[from..from + size]);
                let from = from + kv_heads * size;
                values[to..to + size].copy_from_slice(&row[from..from + size]);
            }
        }
        let (keys, values) = (&*keys, &*values);
        let group = heads.heads / kv_heads;
        if time > 1 {
            let (y, width) = (Shared::new(outputs.y), heads.width());
            call.workers.rows(chunks.len() * heads.heads, 1, (), |range, (), scratch| {
                for (row, head) in range.map(|unit| (unit / heads.heads, unit % heads.heads)) {
                    let [start, length, text] = chunk(row);
                    if length == 0 {
                        continue;
                    }
                    let query = &qkv[row * time * packed + head * size..];
                    let query = Matrix::new(query, length, size, packed);
                    let cache = (text * kv_heads + head / group) * room * size;
                    let cached = [&keys[cache..], &values[cache..]];
                    // SAFETY: each head has its own columns of its own chunk and runs once.
                    #[allow(unsafe_code, reason = "heads write to interleaved columns")]
                    let y = unsafe { y.matrix(row * time * width + head * size, length, size, width) };
                    attention::cached(*self, query, cached, start, y, scratch);
                }
            });
            return Ok(());
        }
        let longest = chunks.iter().map(|[start, ..]| *start as usize + 1).max().unwrap_or(1);
        let least = (16_384 / (longest * size)).max(1);
        call.workers.rows(
            chunks.len() * heads.heads,
            least,
            Rows::new(outputs.y, size),
            |range, y, scratch| {
                for (unit, y) in range.zip(y.data.chunks_exact_mut(size)) {
                    let (row, head) = (unit / heads.heads, unit % heads.heads);
                    let [start, length, text] = chunk(row);
                    if length == 0 {
                        continue;
                    }
                    let seen = start + 1;
                    let oldest = seen.saturating_sub(window);
                    if scratch.floats.len() < seen {
                        scratch.floats.resize(room.max(seen), 0.0);
                    }
                    let query = &qkv[row * packed + head * size..][..size];
                    let cache = (text * kv_heads + head / group) * room;
                    let cached = (cache + oldest) * size..(cache + seen) * size;
                    let scores = &mut scratch.floats[..seen - oldest];
                    let scale = heads.factor(self.scale);
                    attend(query, scale, self.softcap, &keys[cached.clone()], &values[cached], scores, y);
                }
            },
        );
        Ok(())
    }
}

impl Interpret for LastRow {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let LastRowInputs { x, cursor } = inputs;
        let (columns, time) = (x.columns(), x.ty.shape[1]);
        let chunks = x.floats.chunks_exact(time * columns).zip(outputs.y.chunks_exact_mut(columns));
        for ((x, y), [_, length, _]) in chunks.zip(cursor.cursor()) {
            let length = *length as usize;
            if length > time {
                return Err(Error::Internal(format!("row {length} of {time}")));
            }
            let from = length.saturating_sub(1) * columns;
            y.copy_from_slice(&x[from..from + columns]);
        }
        Ok(())
    }
}

vectorised! {
    fn attend<L>(
        query: &[f32],
        scale: f32,
        softcap: Option<f32>,
        keys: &[f32],
        values: &[f32],
        scores: &mut [f32],
        y: &mut [f32],
    ) {
        let size = query.len();
        // Eight keys at a time with many registers. A key's score does not depend on the grouping.
        let mut seen = 0;
        while seen < scores.len() {
            let rest = scores.len() - seen;
            seen += if L::TILE_ROWS == 8 && rest >= 8 {
                score::<L, 8>(query, keys, scale, seen, scores)
            } else if rest >= 4 {
                score::<L, 4>(query, keys, scale, seen, scores)
            } else {
                score::<L, 1>(query, keys, scale, seen, scores)
            };
        }
        if let Some(limit) = softcap {
            scores.iter_mut().for_each(|score| *score = limit * tanh::<L>(*score / limit));
        }
        let share = 1.0 / exponentials::<L>(scores, maximum(scores));
        scores.iter_mut().for_each(|score| *score *= share);
        let mut at = 0;
        while at < size {
            let registers = (size - at) / L::COUNT;
            at += if registers >= 4 {
                mix::<L, 4>(scores, values, size, at, y)
            } else if registers > 0 {
                mix::<L, 1>(scores, values, size, at, y)
            } else {
                y[at] = 0.0;
                for (p, value) in scores.iter().zip(values.chunks_exact(size)) {
                    y[at] = fused::<L>(*p, value[at], y[at]);
                }
                1
            };
        }
    }
}

/// Scores of `N` keys starting at `from`; returns `N`.
#[inline(always)]
fn score<L: Lanes, const N: usize>(
    query: &[f32],
    keys: &[f32],
    scale: f32,
    from: usize,
    scores: &mut [f32],
) -> usize {
    let size = query.len();
    let [products] = products::<L, f32, 1, N>(query, &keys[from * size..(from + N) * size]);
    for (score, product) in scores[from..from + N].iter_mut().zip(products) {
        *score = product * scale;
    }
    N
}

/// y = Σ p·value over `N` registers of channels starting at `from`; returns the number of channels.
#[inline(always)]
fn mix<L: Lanes, const N: usize>(
    shares: &[f32],
    values: &[f32],
    size: usize,
    from: usize,
    y: &mut [f32],
) -> usize {
    assert!(from + N * L::COUNT <= size && y.len() == size && values.len() >= shares.len() * size);
    let mut sums = [L::splat(0.0); N];
    for (row, share) in shares.iter().enumerate() {
        let share = L::splat(*share);
        for (register, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the register ends within the row's `size` values, and there is a row for each share.
            #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
            let value = unsafe { L::load(values.as_ptr().add(row * size + from + register * L::COUNT)) };
            *sum = share.mul_add(value, *sum);
        }
    }
    for (register, sum) in sums.iter().enumerate() {
        // SAFETY: the register ends within the `size` entries of y.
        #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
        unsafe {
            sum.store(y.as_mut_ptr().add(from + register * L::COUNT));
        }
    }
    N * L::COUNT
}
