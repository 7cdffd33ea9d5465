//! Attention on software adapters: separate kernels that process blocks of four queries by four keys.

use super::attention::{Window, dropping};
use super::matmul::built;
use super::{BindingSource, Launch, MAX_LOOP_ITERATIONS, grid};
use crate::Result;
use crate::graph::ops::Attention;
use crate::plan::Buffer;
use glasshouse_shaders::{
    attention_forward_direct, attention_key_backward_direct, attention_query_backward_direct,
};

/// Rows per workgroup, as in the kernels.
const ROWS: usize = 32;

/// Largest supported head: with more registers llvmpipe takes a minute to compile them.
const MAX_HEAD_SIZE: usize = 128;

/// Whether these kernels support the heads; others use the scalar kernels. Loops that llvmpipe would end early are left to the
/// scalar kernels, whose lowering refuses them.
pub(super) fn takes(window: Window<'_>) -> bool {
    let ((_, time), heads) = (window.batch_and_time(), window.op.heads);
    let entries = heads.head_size / 4;
    let turns = time.div_ceil(4) * (heads.heads / heads.kv_heads) * (1 + usize::from(window.op.softcap.is_some()) + 2 * entries);
    heads.head_size.is_multiple_of(4) && heads.head_size <= MAX_HEAD_SIZE && turns <= MAX_LOOP_ITERATIONS
}

/// The variant of one of the three kernels with its arguments and workgroups: one for each [`ROWS`] rows of each head.
macro_rules! launch {
    ($module:ident, $window:expr, $head_count:ident, $bindings:expr) => {{
        let (batch, time) = $window.batch_and_time();
        let Attention { heads, scale, softcap, dropout, .. } = $window.op;
        let scale = heads.factor(scale);
        let (site, threshold, keep_scale) = dropping(dropout);
        let arguments = $module::Arguments {
            batch: batch as u32,
            time: time as u32,
            heads: heads.heads as u32,
            kv_heads: heads.kv_heads as u32,
            head_size: heads.head_size as u32,
            scale,
            capped: u32::from(softcap.is_some()),
            softcap: softcap.unwrap_or(1.0) / scale,
            site,
            threshold,
            keep_scale,
            seen: $window.seen(),
        };
        // With documents there is no variant without dropout: the rate is 0 then.
        let (drops, documents) = (dropout.is_some() || $window.starts.is_some(), $window.starts.is_some());
        let mut bindings: Vec<BindingSource> = $bindings.to_vec();
        if drops {
            bindings
                .extend([BindingSource::Buffer(Buffer::Control), BindingSource::Buffer(Buffer::Schedule)]);
        }
        bindings.extend($window.starts);
        let groups = grid(batch * heads.$head_count * time.div_ceil(ROWS))?;
        let kernel = built($module::kernel(drops, $window.qkv.half(), documents))?;
        Launch::new(kernel, arguments.bytes(), bindings, groups)
    }};
}

/// Operands: qkv, y, lse.
pub(super) fn forward(window: Window<'_>, operands: [BindingSource; 3]) -> Result<Launch> {
    launch!(attention_forward_direct, window, heads, operands)
}

/// Gradient of the queries' columns. Operands: qkv, lse, delta, dy, dqkv.
pub(super) fn query_backward(window: Window<'_>, operands: [BindingSource; 5]) -> Result<Launch> {
    launch!(attention_query_backward_direct, window, heads, operands)
}

/// Gradient of the keys' and values' columns, with the same operands.
pub(super) fn key_backward(window: Window<'_>, operands: [BindingSource; 5]) -> Result<Launch> {
    launch!(attention_key_backward_direct, window, kv_heads, operands)
}
