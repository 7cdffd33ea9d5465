//! Causal and sliding-window attention.

use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid, within_longest_loop, words};
use crate::Result;
use crate::graph::ops::*;
use crate::graph::{Heads, random};
use glasshouse_shaders::{
    Kernel, attention, attention_delta, attention_forward_tiled, attention_key_backward_tiled,
    attention_query_backward_tiled,
};

static CONTROL: [BindingSource; 2] = [BindingSource::CONTROL, BindingSource::SCHEDULE];

/// Operands and settings shared by the three attention kernels.
#[derive(Clone, Copy)]
struct Window<'graph> {
    site: NodeContext<'graph>,
    qkv: Operand<'graph>,
    op: Attention,
    /// Document starts, if rows hold several documents.
    starts: Option<BindingSource>,
}

impl Window<'_> {
    fn batch_and_time(self) -> (usize, usize) {
        (self.qkv.ty.shape[0], self.qkv.ty.shape[1])
    }

    /// A launch with an invocation for each row of each of `head_count` heads, which walks the head's row `passes` times for each of `steps`
    /// keys or queries. Fails if a software adapter would end the loops early.
    fn launch(
        self,
        kernel: &'static Kernel,
        head_count: usize,
        [steps, passes]: [usize; 2],
        operands: &[BindingSource],
    ) -> Result<Launch> {
        let turns = steps * (2 + passes * row_turns(self.op.heads));
        let advice = "lower model.context_length, or choose a smaller head size divisible by 4";
        within_longest_loop(self.site, turns, advice)?;
        let starts = self.starts.unwrap_or(BindingSource::UNREAD);
        let bindings = CONTROL.iter().chain(operands).copied().chain([starts]).collect();
        let ((batch, time), Attention { heads, dropout, .. }) = (self.batch_and_time(), self.op);
        let (site, threshold, keep_scale) = dropout
            .map_or((0, 0, 1.0), |site| (site.site, random::threshold(site.rate), 1.0 / (1.0 - site.rate)));
        let arguments = attention::Arguments {
            batch: batch as u32,
            time: time as u32,
            heads: heads.heads as u32,
            kv_heads: heads.kv_heads as u32,
            head_size: heads.head_size as u32,
            scale: heads.factor(self.op.scale),
            capped: u32::from(self.op.softcap.is_some()),
            softcap: self.op.softcap.unwrap_or(1.0),
            dropout: u32::from(dropout.is_some()),
            site,
            threshold,
            keep_scale,
            seen: self.op.window.map_or(time, |window| window.min(time)) as u32,
            documents: u32::from(self.starts.is_some()),
        };
        let groups = grid(batch * head_count * time.div_ceil(kernel.workgroup_size[0] as usize))?;
        Launch::new(kernel, arguments.bytes(), bindings, groups)
    }
}

/// Picks the variant of one of the three tiled attention kernels; their modules are alike.
macro_rules! variant {
    ($tiled:ident, $window:expr) => {{
        use $tiled::Size;
        let size = match $window.op.heads.head_size {
            32 => Size::D32,
            48 => Size::D48,
            64 => Size::D64,
            128 => Size::D128,
            size if size.is_multiple_of(4) => Size::Any4,
            _ => Size::Any,
        };
        $tiled::kernel(size, $window.qkv.half())
    }};
}

/// Iterations of a kernel's loop over a head's row, four channels at a time if divisible. They count towards
/// [`super::MAX_LOOP_ITERATIONS`] although most variants have a constant head size: llvmpipe does not unroll them.
fn row_turns(heads: Heads) -> usize {
    if heads.head_size.is_multiple_of(4) { heads.head_size / 4 } else { heads.head_size }
}

impl Lower for Attention {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (heads, AttentionInputs { qkv, starts }) = (self.heads.heads, operands.inputs);
        let window = Window { site, qkv, op: *self, starts: starts.map(Operand::place) };
        let operands = [qkv, operands.outputs.y, operands.outputs.lse].map(Operand::place);
        let (_, time) = window.batch_and_time();
        // Scores, rescaled sums, values.
        window
            .launch(variant!(attention_forward_tiled, window), heads, [time, 3], &operands)
            .map(Lowering::one)
    }
}

impl Lower for AttentionDelta {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (AttentionDeltaInputs { y, dy }, delta) = (operands.inputs, operands.outputs.delta);
        let Heads { heads, head_size, .. } = self.heads;
        let [batch, time, heads, head_size] = words([y.ty.shape[0], y.ty.shape[1], heads, head_size]);
        let arguments = attention_delta::Arguments { batch, time, heads, head_size };
        let bindings = vec![y.place(), dy.place(), delta.place()];
        let kernel = attention_delta::kernel(y.half());
        Launch::each(kernel, arguments.bytes(), bindings, delta.ty.count()).map(Lowering::one)
    }
}

impl Lower for AttentionBackward {
    /// The queries' columns, then those of keys and values.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let AttentionBackwardInputs { qkv, lse, delta, dy, starts } = operands.inputs;
        let Dqkv { dqkv } = operands.outputs;
        let window = Window { site, qkv, op: self.forward, starts: starts.map(Operand::place) };
        let operands = [qkv, lse, delta, dy, dqkv].map(Operand::place);
        let (Heads { heads, kv_heads, .. }, (_, time)) = (self.forward.heads, window.batch_and_time());
        let queries =
            window.launch(variant!(attention_query_backward_tiled, window), heads, [time, 2], &operands)?;
        // Scores and sums, for every query head that shares the key.
        let steps = [time * (heads / kv_heads), 2];
        let keys =
            window.launch(variant!(attention_key_backward_tiled, window), kv_heads, steps, &operands)?;
        Ok(Lowering::new(vec![queries, keys]))
    }
}
