//! Decoding ops: attention over caches, and the last rows of chunks.

use super::attention::{attend, hidden, part, repeat_heads};
use super::interpret::{Express, In, InterpretedValue, Out, Run};
use burn::tensor::Tensor;
use glasshouse_compiler::graph::ops::{CachedAttention, CachedAttentionInputs, LastRow, Y};
use glasshouse_compiler::graph::{Node, ValueId};
use glasshouse_platform::{Error, Result};

impl Express for CachedAttention {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (CachedAttentionInputs { qkv, keys: old_keys, values: old_values, cursor }, heads) =
            (inputs, self.heads);
        let [_, kv_heads, positions, size] = dimensions(run, old_keys)?;
        let (qkv, rows) = (run.floats(qkv)?, run.cursor(cursor)?);
        let (mut keys, mut values) = (run.floats(old_keys)?, run.floats(old_values)?);
        let time = qkv.dims()[0] / rows.len().max(1);
        let mut all = Vec::with_capacity(rows.len());
        for (row, [start, length, text]) in rows.into_iter().enumerate() {
            let chunk = qkv.clone().narrow(0, row * time, time);
            let split = |number: usize, count: usize| {
                part(&chunk, heads, number).reshape([time, count, size]).swap_dims(0, 1)
            };
            // The text's cache including the chunk, and all caches including that.
            let write = |caches: &Tensor<2>, number: usize| {
                let (from, count) = (text * kv_heads * positions, kv_heads * positions);
                let cache = caches.clone().narrow(0, from, count).reshape([kv_heads, positions, size]);
                let entries = split(number, kv_heads).narrow(1, 0, length);
                let cache = cache.slice_assign([0..kv_heads, start..start + length, 0..size], entries);
                let flat = cache.clone().reshape([count, size]);
                (cache, caches.clone().slice_assign([from..from + count, 0..size], flat))
            };
            let (own_keys, own_values);
            (own_keys, keys) = write(&keys, 1);
            (own_values, values) = write(&values, 2);
            let hidden = hidden(run, [time, positions], start, self.window).unsqueeze::<4>();
            let operands = (
                split(0, heads.heads).unsqueeze(),
                repeat_heads(own_keys.unsqueeze(), heads),
                repeat_heads(own_values.unsqueeze(), heads),
            );
            let (y, _) = attend(run, operands, hidden, [self.scale, self.softcap], None);
            all.push(y.swap_dims(1, 2).reshape([time, heads.width()]));
        }
        run.bind(old_keys, InterpretedValue::Floats(keys));
        run.bind(old_values, InterpretedValue::Floats(values));
        Ok(Y { y: Tensor::cat(all, 0) })
    }
}

/// The shape of a four-dimensional value.
fn dimensions(run: &Run<'_>, id: ValueId) -> Result<[usize; 4]> {
    let sizes = run.graph.ty(id).shape.as_slice().try_into();
    sizes.map_err(|_| Error::Internal("a cache has four dimensions".to_owned()))
}

impl Express for LastRow {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let time = run.graph.ty(inputs.x).shape[1];
        let x = run.floats(inputs.x)?;
        let chunks = run.cursor(inputs.cursor)?.into_iter().enumerate();
        let last = |(row, [_, length, _]): (usize, [usize; 3])| {
            x.clone().narrow(0, row * time + length.saturating_sub(1), 1)
        };
        Ok(Y { y: Tensor::cat(chunks.map(last).collect(), 0) })
    }
}
