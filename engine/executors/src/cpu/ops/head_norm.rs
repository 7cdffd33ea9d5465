//! RMSNorm of each query and key head within the packed rows.

use super::{Call, Given, Interpret};
use crate::cpu::vector::sum;
use crate::cpu::workers::{Rows, Workers};
use glasshouse_compiler::graph::Heads;
use glasshouse_compiler::graph::ops::{
    HeadNorm, HeadNormBackward, HeadNormBackwardInputs, HeadNormGradients, HeadNormInputs, HeadNormOutputs,
    HeadNormWeightBackward, HeadNormWeightBackwardInputs,
};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

/// Minimum entries per thread.
const WORK: usize = 1 << 13;

impl Interpret for HeadNorm {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let HeadNormInputs { qkv, query, key } = inputs;
        let HeadNormOutputs { y, roots } = outputs;
        forward(call.workers, self.heads, self.eps, qkv.floats, query.floats, key.floats, y, roots);
        Ok(())
    }
}

impl Interpret for HeadNormBackward {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let HeadNormBackwardInputs { qkv, query, key, roots, dy } = inputs;
        let [qkv, query, key, roots, dy] = [qkv, query, key, roots, dy].map(|operand| operand.floats);
        backward(call.workers, self.heads, qkv, query, key, roots, dy, outputs.dx);
        Ok(())
    }
}

impl Interpret for HeadNormWeightBackward {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        _: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let HeadNormWeightBackwardInputs { qkv, roots, dy } = inputs;
        let HeadNormGradients { query, key } = gradients;
        weight_backward(self.heads, qkv.floats, roots.floats, dy.floats, query, key);
        Ok(())
    }
}

/// Normalised rows, and the reciprocal roots [N, H+K].
#[allow(clippy::too_many_arguments, reason = "the op's own list of inputs and outputs")]
pub fn forward(
    workers: &Workers,
    heads: Heads,
    eps: f32,
    qkv: &[f32],
    query: &[f32],
    key: &[f32],
    y: &mut [f32],
    roots: &mut [f32],
) {
    let (packed, normed) = (heads.packed(), heads.heads + heads.kv_heads);
    let parts = (Rows::of(y, packed), Rows::of(roots, normed));
    workers.rows(qkv.len() / packed, WORK.div_ceil(packed), parts, |range, (y, roots), _| {
        let x = qkv[range.start * packed..range.end * packed].chunks_exact(packed);
        let outputs = y.data.chunks_exact_mut(packed).zip(roots.data.chunks_exact_mut(normed));
        for (x, (y, roots)) in x.zip(outputs) {
            forward_row(heads, eps, x, query, key, y, roots);
        }
    });
}

/// dqkv.
#[allow(clippy::too_many_arguments, reason = "the op's own list of inputs and outputs")]
pub fn backward(
    workers: &Workers,
    heads: Heads,
    qkv: &[f32],
    query: &[f32],
    key: &[f32],
    roots: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let (packed, normed) = (heads.packed(), heads.heads + heads.kv_heads);
    workers.rows(qkv.len() / packed, WORK.div_ceil(packed), Rows::of(dx, packed), |range, dx, _| {
        for (row, dx) in range.zip(dx.data.chunks_exact_mut(packed)) {
            let entries = row * packed..(row + 1) * packed;
            let roots = &roots[row * normed..(row + 1) * normed];
            backward_row(heads, &qkv[entries.clone()], query, key, roots, &dy[entries], dx);
        }
    });
}

/// dwq += Σ dy·x·ρ over rows and query heads; dwk likewise over key heads. Both vectors have one head's length, too
/// little to divide among threads.
pub fn weight_backward(
    heads: Heads,
    qkv: &[f32],
    roots: &[f32],
    dy: &[f32],
    query: &mut [f32],
    key: &mut [f32],
) {
    let (packed, normed) = (heads.packed(), heads.heads + heads.kv_heads);
    let rows = qkv.chunks_exact(packed).zip(dy.chunks_exact(packed));
    for ((x, dy), roots) in rows.zip(roots.chunks_exact(normed)) {
        weight_row(heads, x, roots, dy, query, key);
    }
}

vectorised! {
    fn forward_row<L>(
        heads: Heads,
        eps: f32,
        x: &[f32],
        query: &[f32],
        key: &[f32],
        y: &mut [f32],
        roots: &mut [f32],
    ) {
        let size = heads.head_size;
        let normed = roots.len() * size;
        let pairs = x.chunks_exact(size).zip(y.chunks_exact_mut(size));
        for ((head, root), (x, y)) in roots.iter_mut().enumerate().zip(pairs) {
            let scale = if head < heads.heads { query } else { key };
            *root = 1.0 / (sum(size, |at| x[at] * x[at]) / size as f32 + eps).sqrt();
            for ((y, x), scale) in y.iter_mut().zip(x).zip(scale) {
                *y = x * *root * scale;
            }
        }
        y[normed..].copy_from_slice(&x[normed..]);
    }

    fn backward_row<L>(
        heads: Heads,
        x: &[f32],
        query: &[f32],
        key: &[f32],
        roots: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let size = heads.head_size;
        let normed = roots.len() * size;
        let triples = x.chunks_exact(size).zip(dy.chunks_exact(size)).zip(dx.chunks_exact_mut(size));
        for ((head, root), ((x, dy), dx)) in roots.iter().enumerate().zip(triples) {
            let scale = if head < heads.heads { query } else { key };
            let along = sum(size, |at| dy[at] * scale[at] * x[at]) * root * root / size as f32;
            for (((dx, x), dy), scale) in dx.iter_mut().zip(x).zip(dy).zip(scale) {
                *dx = root * (dy * scale - x * along);
            }
        }
        dx[normed..].copy_from_slice(&dy[normed..]);
    }

    fn weight_row<L>(heads: Heads, x: &[f32], roots: &[f32], dy: &[f32], query: &mut [f32], key: &mut [f32]) {
        let size = heads.head_size;
        for ((head, root), (x, dy)) in
            roots.iter().enumerate().zip(x.chunks_exact(size).zip(dy.chunks_exact(size)))
        {
            let gradient = if head < heads.heads { &mut *query } else { &mut *key };
            for ((gradient, x), dy) in gradient.iter_mut().zip(x).zip(dy) {
                *gradient += dy * x * root;
            }
        }
    }
}
