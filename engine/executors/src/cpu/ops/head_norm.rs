//! RMSNorm of each query and key head within the packed rows.

use super::{Call, Interpret, Run, WORK};
use crate::cpu::vector::sum;
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::Heads;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

impl Interpret for HeadNorm {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let HeadNormInputs { qkv, query, key } = inputs;
        let [qkv, query, key] = [qkv, query, key].map(|operand| operand.floats);
        let [packed, queries, normed] = rows_of(self.heads, self.whole);
        let parts = (Rows::new(outputs.y, packed), Rows::new(outputs.roots, normed));
        call.workers.rows(qkv.len() / packed, WORK.div_ceil(packed), parts, |range, (y, roots), _| {
            let x = qkv[range.start * packed..range.end * packed].chunks_exact(packed);
            let outputs = y.data.chunks_exact_mut(packed).zip(roots.data.chunks_exact_mut(normed));
            for (x, (y, roots)) in x.zip(outputs) {
                forward_row(queries, self.eps, x, query, key, y, roots);
            }
        });
        Ok(())
    }
}

impl Interpret for HeadNormBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let HeadNormBackwardInputs { qkv, query, key, roots, dy } = inputs;
        let [qkv, query, key, roots, dy] = [qkv, query, key, roots, dy].map(|operand| operand.floats);
        let [packed, queries, normed] = rows_of(self.heads, self.whole);
        let dx = Rows::new(outputs.dx, packed);
        call.workers.rows(qkv.len() / packed, WORK.div_ceil(packed), dx, |range, dx, _| {
            for (row, dx) in range.zip(dx.data.chunks_exact_mut(packed)) {
                let entries = row * packed..(row + 1) * packed;
                let roots = &roots[row * normed..(row + 1) * normed];
                backward_row(queries, &qkv[entries.clone()], query, key, roots, &dy[entries], dx);
            }
        });
        Ok(())
    }
}

impl Interpret for HeadNormWeightBackward {
    /// Both vectors are too short to divide among threads.
    fn run(&self, _: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
        let HeadNormWeightBackwardInputs { qkv, roots, dy } = inputs;
        let HeadNormGradients { query, key } = gradients;
        let [packed, queries, normed] = rows_of(self.heads, self.whole);
        let rows = qkv.floats.chunks_exact(packed).zip(dy.floats.chunks_exact(packed));
        for ((x, dy), roots) in rows.zip(roots.floats.chunks_exact(normed)) {
            weight_row(queries, x, roots, dy, query, key);
        }
        Ok(())
    }
}

/// W, the groups of queries normed together, and those of queries and keys.
fn rows_of(heads: Heads, whole: bool) -> [usize; 3] {
    let [[queries, _], [keys, _]] = heads.normed(whole);
    [heads.packed(), queries, queries + keys]
}

vectorised! {
    fn forward_row<L>(
        queries: usize,
        eps: f32,
        x: &[f32],
        query: &[f32],
        key: &[f32],
        y: &mut [f32],
        roots: &mut [f32],
    ) {
        let mut start = 0;
        for (group, root) in roots.iter_mut().enumerate() {
            let scale = if group < queries { query } else { key };
            let own = start..start + scale.len();
            start = own.end;
            let x = &x[own.clone()];
            *root = 1.0 / (sum(x.len(), |at| x[at] * x[at]) / x.len() as f32 + eps).sqrt();
            for ((y, x), scale) in y[own].iter_mut().zip(x).zip(scale) {
                *y = x * *root * scale;
            }
        }
        y[start..].copy_from_slice(&x[start..]);
    }

    fn backward_row<L>(
        queries: usize,
        x: &[f32],
        query: &[f32],
        key: &[f32],
        roots: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let mut start = 0;
        for (group, root) in roots.iter().enumerate() {
            let scale = if group < queries { query } else { key };
            let own = start..start + scale.len();
            start = own.end;
            let (x, dy) = (&x[own.clone()], &dy[own.clone()]);
            let along = sum(x.len(), |at| dy[at] * scale[at] * x[at]) * root * root / x.len() as f32;
            for (((dx, x), dy), scale) in dx[own].iter_mut().zip(x).zip(dy).zip(scale) {
                *dx = root * (dy * scale - x * along);
            }
        }
        dx[start..].copy_from_slice(&dy[start..]);
    }

    fn weight_row<L>(queries: usize, x: &[f32], roots: &[f32], dy: &[f32], query: &mut [f32], key: &mut [f32]) {
        let mut start = 0;
        for (group, root) in roots.iter().enumerate() {
            let gradient = if group < queries { &mut *query } else { &mut *key };
            let own = start..start + gradient.len();
            start = own.end;
            for ((gradient, x), dy) in gradient.iter_mut().zip(&x[own.clone()]).zip(&dy[own]) {
                *gradient += dy * x * root;
            }
        }
    }
}
