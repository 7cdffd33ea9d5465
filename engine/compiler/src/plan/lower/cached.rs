//! Decoding operations: attention over caches, and the last rows of chunks.

use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid, words};
use crate::Result;
use crate::graph::ops::{CachedAttention, CachedAttentionInputs, LastRow, LastRowInputs, Named, Y};
use glasshouse_shaders::{cached_attention, cached_attention_join, cached_write, last_row};

/// Cache positions per workgroup while decoding, up to [`MAX_PARTS`] workgroups.
const PART: usize = 256;

const MAX_PARTS: usize = 16;

impl Lower for CachedAttention {
    /// Writes the chunks into the caches, then attends.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (CachedAttentionInputs { qkv, keys, values, cursor }, Y { y }) =
            (operands.inputs, operands.outputs);
        let (heads, rows, time, positions) = (self.heads, qkv.rows(), qkv.ty.shape[1], keys.ty.shape[2]);
        let queries = rows * heads.heads;
        let entries = rows * heads.kv_heads * heads.head_size;
        let parts = positions.div_ceil(PART).min(MAX_PARTS);
        let (scale, columns) = (heads.factor(self.scale), heads.head_size);
        let scratch = queries * parts * (columns + 2) * 4;
        let [part, seen, part_count] =
            words([positions.div_ceil(parts), self.window.unwrap_or(positions).min(positions), parts]);
        let [rows, time, positions] = words([rows, time, positions]);
        let [heads, kv_heads, head_size] = words([heads.heads, heads.kv_heads, columns]);
        let write = cached_write::Arguments { rows, time, heads, kv_heads, head_size, positions };
        let attend = cached_attention::Arguments {
            rows,
            time,
            heads,
            kv_heads,
            head_size,
            positions,
            scale,
            capped: u32::from(self.softcap.is_some()),
            softcap: self.softcap.unwrap_or(1.0),
            parts: part_count,
            part,
            seen,
        };
        let [qkv, keys, values, cursor, y] = [qkv, keys, values, cursor, y].map(Operand::place);
        let sums = BindingSource::Scratch(0);
        let into = if parts > 1 { sums } else { y };
        let bindings = vec![qkv, cursor, keys, values];
        let write = Launch::each(cached_write::kernel(), write.bytes(), bindings, entries)?;
        let bindings = vec![qkv, keys, values, cursor, into];
        let kernel = cached_attention::kernel(parts > 1);
        let mut launches =
            vec![write, Launch::new(kernel, attend.bytes(), bindings, grid(queries * parts)?)?];
        if parts == 1 {
            return Ok(Lowering::new(launches));
        }
        let join = cached_attention_join::Arguments { rows, time, heads, head_size, parts: part_count };
        let (kernel, bindings) = (cached_attention_join::kernel(), vec![sums, cursor, y]);
        launches.push(Launch::each(kernel, join.bytes(), bindings, queries * columns)?);
        Ok(Lowering { launches, scratch: vec![scratch as u64] })
    }
}

impl Lower for LastRow {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (LastRowInputs { x, cursor }, Y { y }) = (operands.inputs, operands.outputs);
        let (batch, time) = (x.ty.shape[0] as u32, x.ty.shape[1] as u32);
        let arguments = last_row::Arguments { batch, time, columns: x.columns() as u32 };
        let bindings = vec![x.place(), cursor.place(), y.place()];
        Launch::each(last_row::kernel(), arguments.bytes(), bindings, y.ty.count()).map(Lowering::one)
    }
}
