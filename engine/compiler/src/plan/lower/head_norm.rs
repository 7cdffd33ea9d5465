//! The norm of query and key heads, and its gradients.

use super::matmul::column_sums;
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, words};
use crate::Result;
use crate::graph::Heads;
use crate::graph::ops::*;
use glasshouse_shaders::{head_norm, head_norm_backward, head_norm_weight_partial};

/// Partial sums of a weight gradient: enough to fill a GPU, few enough to add up at once.
const SEGMENTS: usize = 64;

/// N, the number and size of the normed query heads and of the key heads; and the number of all heads in all rows.
fn sizes(qkv: Operand<'_>, heads: Heads, whole: bool) -> ([u32; 5], usize) {
    let (rows, [queries, keys]) = (qkv.rows(), heads.normed(whole));
    (words([rows, queries[0], queries[1], keys[0], keys[1]]), rows * (queries[0] + 2 * keys[0]))
}

impl Lower for HeadNorm {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (HeadNormInputs { qkv, query, key }, HeadNormOutputs { y, roots }) =
            (operands.inputs, operands.outputs);
        let ([rows, queries, query_size, keys, key_size], count) = sizes(qkv, self.heads, self.whole);
        let arguments = head_norm::Arguments { rows, queries, query_size, keys, key_size, eps: self.eps };
        let bindings = [qkv, query, key, y, roots].map(Operand::place).to_vec();
        Launch::each(head_norm::kernel(qkv.half()), arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

impl Lower for HeadNormBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let HeadNormBackwardInputs { qkv, query, key, roots, dy } = operands.inputs;
        let Dx { dx } = operands.outputs;
        let ([rows, queries, query_size, keys, key_size], count) = sizes(qkv, self.heads, self.whole);
        let arguments = head_norm_backward::Arguments { rows, queries, query_size, keys, key_size };
        let bindings = [qkv, query, key, roots, dy, dx].map(Operand::place).to_vec();
        let kernel = head_norm_backward::kernel(qkv.half());
        Launch::each(kernel, arguments.bytes(), bindings, count).map(Lowering::one)
    }
}

impl Lower for HeadNormWeightBackward {
    /// Partial sums, then their sum.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let HeadNormWeightBackwardInputs { qkv, roots, dy } = operands.inputs;
        let rows_in_segment = qkv.rows().div_ceil(SEGMENTS);
        let segments = qkv.rows().div_ceil(rows_in_segment);
        let ([rows, queries, query_size, keys, key_size], _) = sizes(qkv, self.heads, self.whole);
        let columns = [query_size, key_size].map(|size| size as usize);
        let entries = segments * (columns[0] + columns[1]);
        let partial = head_norm_weight_partial::Arguments {
            rows,
            queries,
            query_size,
            keys,
            key_size,
            segments: segments as u32,
            rows_in_segment: rows_in_segment as u32,
        };
        let sums = BindingSource::Scratch(0);
        let kernel = head_norm_weight_partial::kernel(qkv.half());
        let bindings = vec![qkv.place(), roots.place(), dy.place(), sums];
        let partial = Launch::each(kernel, partial.bytes(), bindings, entries)?;
        let HeadNormGradients { query, key } = operands.gradients;
        let into = [(query.place(), columns[0]), (key.place(), columns[1])];
        let last = column_sums(sums, &into, segments, [false; 2], true)?;
        Ok(Lowering { launches: vec![partial, last], scratch: vec![(entries * 4) as u64] })
    }
}
