//! The norm of query and key heads.

use super::attention::part;
use super::interpret::{Express, In, Out, Run};
use super::reciprocal_root;
use burn::tensor::Tensor;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{HeadNorm, HeadNormInputs, HeadNormOutputs};
use glasshouse_platform::Result;

impl Express for HeadNorm {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (HeadNormInputs { qkv, query, key }, heads) = (inputs, self.heads);
        let (qkv, query, key) = (run.floats(qkv)?, run.floats(query)?, run.floats(key)?);
        let (mut parts, mut roots) = (Vec::new(), Vec::new());
        for ((number, scale), [count, size]) in
            [(0, query), (1, key)].into_iter().zip(heads.normed(self.whole))
        {
            let x = part(&qkv, heads, number);
            let rows = x.dims()[0];
            // Treat every group as a separate row.
            let x = x.reshape([rows * count, size]);
            let root = reciprocal_root(x.clone(), self.eps);
            parts.push((x * root.clone() * scale).reshape([rows, count * size]));
            roots.push(root.reshape([rows, count]));
        }
        parts.push(part(&qkv, heads, 2));
        Ok(HeadNormOutputs { y: Tensor::cat(parts, 1), roots: Tensor::cat(roots, 1) })
    }
}
