//! Rotary positions.

use super::attention::each;
use super::{Lower, Lowering, Operand, Site};
use crate::Result;
use crate::graph::ops::{Named, Rope, RopeInputs, Y};
use glasshouse_shaders::rope;

impl Lower for Rope {
    fn lower(&self, _: Site<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RopeInputs { qkv, table, cursor }, Y { y }) = (operands.inputs, operands.outputs);
        let heads = self.heads;
        let all_heads = heads.heads + 2 * heads.kv_heads;
        let arguments = rope::Arguments {
            rows: qkv.rows() as u32,
            time: qkv.ty.shape[1] as u32,
            turning_heads: (heads.heads + heads.kv_heads) as u32,
            all_heads: all_heads as u32,
            half_size: (heads.head_size / 2) as u32,
            positions: table.rows() as u32,
            turn: if self.inverse { -1.0 } else { 1.0 },
        };
        let bindings = [Some(qkv), Some(table), cursor, Some(y)].into_iter().flatten().map(Operand::place);
        let kernel = rope::kernel(self.cursor, qkv.half());
        Ok(Lowering::one(each(kernel, arguments.bytes(), bindings.collect(), y.ty.count() / 2)?))
    }
}
