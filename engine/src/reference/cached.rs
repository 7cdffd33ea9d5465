//! What only decoding does: attention over caches, and the last row of a chunk.

use super::attention::{attend, hidden, part, repeat_heads};
use super::interpret::{Express, Run, Value};
use crate::error::Result;
use crate::graph::ops::{CachedAttention, CachedAttentionInputs, LastRow, Y};
use crate::graph::{Node, ValueId};
use burn::tensor::Tensor;

impl Express for CachedAttention {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let (CachedAttentionInputs { qkv, keys: old_keys, values: old_values, cursor }, heads) =
            (inputs, self.heads);
        let (qkv, (start, length)) = (run.floats(qkv)?, run.cursor(cursor)?);
        let (keys, values) = (run.floats(old_keys)?, run.floats(old_values)?);
        let (time, size, kv_heads) = (qkv.dims()[0], heads.head_size, heads.kv_heads);
        let positions = keys.dims()[0] / kv_heads;
        let split = |number: usize, count: usize| {
            part(&qkv, heads, number).reshape([time, count, size]).swap_dims(0, 1)
        };
        let write = |cache: Tensor<2>, number: usize| {
            let cache = cache.reshape([kv_heads, positions, size]);
            let rows = split(number, kv_heads).narrow(1, 0, length);
            cache.slice_assign([0..kv_heads, start..start + length, 0..size], rows)
        };
        let (keys, values) = (write(keys, 1), write(values, 2));
        let hidden = hidden(run, [time, positions], start, self.window).unsqueeze::<4>();
        let (y, _) = attend(
            run,
            split(0, heads.heads).unsqueeze(),
            repeat_heads(keys.clone().unsqueeze(), heads),
            repeat_heads(values.clone().unsqueeze(), heads),
            hidden,
            None,
        );
        let flat = |cache: Tensor<3>| Value::Floats(cache.reshape([kv_heads * positions, size]));
        run.bind(old_keys, flat(keys));
        run.bind(old_values, flat(values));
        Ok(Y { y: y.swap_dims(1, 2).reshape([time, heads.width()]) })
    }
}

impl Express for LastRow {
    fn express(
        &self,
        run: &mut Run<'_>,
        _: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let x = run.floats(inputs.x)?;
        let (_, length) = run.cursor(inputs.cursor)?;
        Ok(Y { y: x.narrow(0, length.saturating_sub(1), 1) })
    }
}
