//! The norm of query and key heads, and its gradients.

use super::attention::each;
use super::{BindingSource, Lower, Lowering, NodeContext, Operand};
use crate::Result;
use crate::graph::ops::{
    Dx, HeadNorm, HeadNormBackward, HeadNormBackwardInputs, HeadNormInputs, HeadNormOutputs,
    HeadNormWeightBackward, HeadNormWeightBackwardInputs, Named,
};
use glasshouse_shaders::{
    head_norm, head_norm_backward, head_norm_weight_backward, head_norm_weight_partial,
};

/// Partial sums of a weight gradient: enough to fill a GPU, few enough to add up at once.
const SEGMENTS: usize = 64;

impl Lower for HeadNorm {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (HeadNormInputs { qkv, query, key }, HeadNormOutputs { y, roots }) =
            (operands.inputs, operands.outputs);
        let (rows, [queries, keys]) = (qkv.rows(), self.heads.normed(self.whole));
        let arguments = head_norm::Arguments {
            rows: rows as u32,
            queries: queries[0] as u32,
            query_size: queries[1] as u32,
            keys: keys[0] as u32,
            key_size: keys[1] as u32,
            eps: self.eps,
        };
        let bindings = [qkv, query, key, y, roots].map(Operand::place).to_vec();
        let count = rows * (queries[0] + 2 * keys[0]);
        Ok(Lowering::one(each(head_norm::kernel(qkv.half()), arguments.bytes(), bindings, count)?))
    }
}

impl Lower for HeadNormBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let HeadNormBackwardInputs { qkv, query, key, roots, dy } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let (rows, [queries, keys]) = (qkv.rows(), self.heads.normed(self.whole));
        let arguments = head_norm_backward::Arguments {
            rows: rows as u32,
            queries: queries[0] as u32,
            query_size: queries[1] as u32,
            keys: keys[0] as u32,
            key_size: keys[1] as u32,
        };
        let bindings = [qkv, query, key, roots, dy, dx].map(Operand::place).to_vec();
        let count = rows * (queries[0] + 2 * keys[0]);
        let kernel = head_norm_backward::kernel(qkv.half());
        Ok(Lowering::one(each(kernel, arguments.bytes(), bindings, count)?))
    }
}

impl Lower for HeadNormWeightBackward {
    /// Partial sums, then their sum.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let HeadNormWeightBackwardInputs { qkv, roots, dy } = operands.inputs;
        let (rows, [queries, keys]) = (qkv.rows(), self.heads.normed(self.whole));
        let rows_in_segment = rows.div_ceil(SEGMENTS);
        let segments = rows.div_ceil(rows_in_segment);
        let columns = queries[1] + keys[1];
        let partial = head_norm_weight_partial::Arguments {
            rows: rows as u32,
            queries: queries[0] as u32,
            query_size: queries[1] as u32,
            keys: keys[0] as u32,
            key_size: keys[1] as u32,
            segments: segments as u32,
            rows_in_segment: rows_in_segment as u32,
        };
        let last = head_norm_weight_backward::Arguments {
            query_size: queries[1] as u32,
            key_size: keys[1] as u32,
            segments: segments as u32,
        };
        let sums = BindingSource::Scratch(0);
        let kernel = head_norm_weight_partial::kernel(qkv.half());
        let bindings = vec![qkv.place(), roots.place(), dy.place(), sums];
        let partial = each(kernel, partial.bytes(), bindings, segments * columns)?;
        let bindings = vec![sums, operands.gradients.query.place(), operands.gradients.key.place()];
        let last = each(head_norm_weight_backward::kernel(), last.bytes(), bindings, columns)?;
        Ok(Lowering { launches: vec![partial, last], scratch: vec![(segments * columns * 4) as u64] })
    }
}
