//! Rotary position embeddings.

use super::attention::each;
use super::matmul::built;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::{Named, Rope, RopeInputs, Y};
use crate::graph::{Element, Type};
use glasshouse_shaders::rope;

impl Lower for Rope {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RopeInputs { qkv, table, cursor }, Y { y }) = (operands.inputs, operands.outputs);
        let bindings = [Some(qkv), Some(table), cursor, Some(y)].into_iter().flatten().map(Operand::place);
        Ok(Lowering::one(launch(*self, y.ty, table, bindings.collect())?))
    }
}

/// Rotates values of type `ty` over `bindings` (qkv, table, (cursor), y).
pub(super) fn launch(
    op: Rope,
    ty: &Type,
    table: Operand<'_>,
    bindings: Vec<BindingSource>,
) -> Result<Launch> {
    let heads = op.heads;
    let arguments = rope::Arguments {
        rows: ty.rows() as u32,
        time: ty.shape[1] as u32,
        turning_heads: (heads.heads + heads.kv_heads) as u32,
        all_heads: (heads.heads + 2 * heads.kv_heads) as u32,
        half_size: (heads.head_size / 2) as u32,
        positions: table.rows() as u32,
        turn: if op.inverse { -1.0 } else { 1.0 },
    };
    let kernel = built(rope::kernel(op.cursor, ty.element == Element::F16))?;
    each(kernel, arguments.bytes(), bindings, ty.count() / 2)
}
