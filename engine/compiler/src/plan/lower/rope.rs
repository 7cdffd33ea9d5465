//! Rotary position embeddings.

use super::matmul::built;
use super::{Launch, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::{Named, Rope, RopeInputs, Y};
use glasshouse_shaders::rope;

impl Lower for Rope {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RopeInputs { qkv, table, cursor }, Y { y }) = (operands.inputs, operands.outputs);
        let heads = self.heads;
        let arguments = rope::Arguments {
            rows: y.rows() as u32,
            time: y.ty.shape[1] as u32,
            turning_heads: (heads.heads + heads.kv_heads) as u32,
            all_heads: (heads.heads + 2 * heads.kv_heads) as u32,
            half_size: (heads.head_size / 2) as u32,
            positions: table.rows() as u32,
            turn: if self.inverse { -1.0 } else { 1.0 },
        };
        let bindings = [Some(qkv), Some(table), cursor, Some(y)].into_iter().flatten().map(Operand::place);
        let kernel = built(rope::kernel(self.cursor, y.half()))?;
        Launch::each(kernel, arguments.bytes(), bindings.collect(), y.ty.count() / 2).map(Lowering::one)
    }
}
