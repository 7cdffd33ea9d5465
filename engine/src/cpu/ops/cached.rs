//! Decoding: attention over keys and values that earlier chunks left behind.

use super::{Call, Given, Interpret};
use crate::cpu::vector::{exponentials, maximum, sum};
use crate::cpu::workers::{Rows, Workers};
use crate::error::{Error, Result};
use crate::graph::Heads;
use crate::graph::ops::{CachedAttention, CachedAttentionInputs, LastRow, LastRowInputs};
use crate::platform::lanes::vectorised;

impl Interpret for CachedAttention {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let CachedAttentionInputs { qkv, keys, cursor, .. } = inputs;
        let ((start, length), room) = (cursor.cursor(), keys.ty.shape[1]);
        if length > qkv.ty.shape[1] || start + length > room {
            return Err(Error::Internal(format!("tokens {start}..{} of {room}", start + length)));
        }
        let [keys, values] = call.caches;
        let window = self.window.unwrap_or(room);
        forward(call.workers, self.heads, window, qkv.floats, keys, values, start, length, outputs.y);
        Ok(())
    }
}

impl Interpret for LastRow {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let LastRowInputs { x, cursor } = inputs;
        let columns = x.columns();
        let (_, length) = cursor.cursor();
        if length == 0 || length > x.rows() {
            return Err(Error::Internal(format!("row {length} of {}", x.rows())));
        }
        outputs.y.copy_from_slice(&x.floats[(length - 1) * columns..length * columns]);
        Ok(())
    }
}

/// Appends the chunk's keys and values at `start`, then attends to everything up to each query. Rows at or past `length`
/// are left as they are.
#[allow(clippy::too_many_arguments, reason = "the op's own list of inputs and outputs")]
pub fn forward(
    workers: &Workers,
    heads: Heads,
    window: usize,
    qkv: &[f32],
    keys: &mut [f32],
    values: &mut [f32],
    start: usize,
    length: usize,
    y: &mut [f32],
) {
    let Heads { kv_heads, head_size: size, .. } = heads;
    let (packed, width) = (heads.packed(), heads.width());
    let positions = keys.len() / (kv_heads * size);
    for (t, row) in qkv.chunks_exact(packed).take(length).enumerate() {
        for head in 0..kv_heads {
            let from = (heads.heads + head) * size;
            let to = (head * positions + start + t) * size;
            keys[to..to + size].copy_from_slice(&row[from..from + size]);
            let from = from + kv_heads * size;
            values[to..to + size].copy_from_slice(&row[from..from + size]);
        }
    }
    let (keys, values) = (&*keys, &*values);
    let group = heads.heads / kv_heads;
    let units = length * heads.heads;
    let least = (16_384 / ((start + length) * size)).max(1);
    workers.rows(units, least, Rows::of(&mut y[..length * width], size), |range, y, scratch| {
        for (unit, y) in range.zip(y.data.chunks_exact_mut(size)) {
            let (t, head) = (unit / heads.heads, unit % heads.heads);
            let seen = start + t + 1;
            let oldest = seen.saturating_sub(window);
            if scratch.floats.len() < seen {
                scratch.floats.resize(positions.max(seen), 0.0);
            }
            let query = &qkv[t * packed + head * size..][..size];
            let cache = head / group * positions;
            let cached = (cache + oldest) * size..(cache + seen) * size;
            attend(query, &keys[cached.clone()], &values[cached], &mut scratch.floats[..seen - oldest], y);
        }
    });
}

vectorised! {
    fn attend<L>(query: &[f32], keys: &[f32], values: &[f32], scores: &mut [f32], y: &mut [f32]) {
        let size = query.len();
        let scale = 1.0 / (size as f32).sqrt();
        for (score, key) in scores.iter_mut().zip(keys.chunks_exact(size)) {
            *score = sum(size, |at| query[at] * key[at]) * scale;
        }
        let share = 1.0 / exponentials::<L>(scores, maximum(scores));
        y.fill(0.0);
        for (p, value) in scores.iter().zip(values.chunks_exact(size)) {
            let p = p * share;
            for (y, value) in y.iter_mut().zip(value) {
                *y += p * value;
            }
        }
    }
}
