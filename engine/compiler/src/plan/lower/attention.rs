//! Causal and sliding-window attention.

use super::attention_direct;
use super::{
    BindingSource, Family, Launch, Lower, Lowering, NodeContext, Operand, Tier, grid, within_longest_loop,
};
use crate::Result;
use crate::graph::ops::{
    Attention, AttentionBackward, AttentionBackwardInputs, AttentionDelta, AttentionDeltaInputs,
    AttentionInputs, Dqkv, Named,
};
use crate::graph::{DropoutSite, Heads, random};
use crate::plan::Buffer;
use glasshouse_shaders::{
    Kernel, attention, attention_delta, attention_forward_tiled, attention_key_backward_tiled,
    attention_query_backward_tiled,
};

/// Operands and settings shared by the three attention kernels.
#[derive(Clone, Copy)]
pub(super) struct Window<'graph> {
    pub(super) site: NodeContext<'graph>,
    pub(super) qkv: Operand<'graph>,
    pub(super) op: Attention,
    /// Document starts, if rows hold several documents.
    pub(super) starts: Option<BindingSource>,
}

impl Window<'_> {
    pub(super) fn batch_and_time(self) -> (usize, usize) {
        (self.qkv.ty.shape[0], self.qkv.ty.shape[1])
    }

    /// Maximum number of positions that a query sees.
    pub(super) fn seen(self) -> u32 {
        let (_, time) = self.batch_and_time();
        self.op.window.map_or(time, |window| window.min(time)) as u32
    }

    /// Bindings of a kernel for any head size with these operands.
    fn bindings(self, operands: &[BindingSource]) -> Vec<BindingSource> {
        let control = [BindingSource::Buffer(Buffer::Control), BindingSource::Buffer(Buffer::Schedule)];
        let starts = self.starts.unwrap_or(BindingSource::UNREAD);
        control.into_iter().chain(operands.iter().copied()).chain([starts]).collect()
    }

    /// Whether a kernel uses the blocked kernels of [`attention_direct`], which have no workgroup memory.
    fn by_blocks(self, family: Family) -> bool {
        let (batch, time) = self.batch_and_time();
        let sizes = [batch * self.op.heads.heads, time, self.op.heads.head_size];
        self.site.target.tier(family, sizes) == Tier::Direct && attention_direct::takes(self)
    }
}

/// Rows per workgroup; depends on the variant.
fn rows_in_group(kernel: &Kernel) -> usize {
    kernel.workgroup_size[0] as usize
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

/// The arguments shared by the three kernels.
fn arguments(window: Window<'_>) -> Vec<u8> {
    let ((batch, time), Attention { heads, dropout, .. }) = (window.batch_and_time(), window.op);
    let (site, threshold, keep_scale) = dropping(dropout);
    let arguments = attention::Arguments {
        batch: batch as u32,
        time: time as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
        scale: heads.factor(window.op.scale),
        softcap: window.op.softcap.unwrap_or(0.0),
        dropout: u32::from(dropout.is_some()),
        site,
        threshold,
        keep_scale,
        seen: window.seen(),
        documents: u32::from(window.starts.is_some()),
    };
    arguments.bytes()
}

/// The site's number, the threshold below which random bits drop, and the scale of kept entries.
pub(super) fn dropping(dropout: Option<DropoutSite>) -> (u32, u32, f32) {
    dropout.map_or((0, 0, 1.0), |site| (site.site, random::threshold(site.rate), 1.0 / (1.0 - site.rate)))
}

/// Iterations of a kernel's loop over a head's row, four channels at a time if divisible. They count towards
/// [`super::MAX_LOOP_ITERATIONS`] although most variants have a constant head size: llvmpipe does not unroll them.
fn row_turns(heads: Heads) -> usize {
    if heads.head_size.is_multiple_of(4) { heads.head_size / 4 } else { heads.head_size }
}

/// Refuses loops that a software adapter would end early: for each of `steps` keys or queries an invocation walks the head's
/// row `passes` times. Both tiers have these loops, so switching tiers would not help.
fn within_reach(site: NodeContext<'_>, heads: Heads, steps: usize, passes: usize) -> Result<()> {
    let turns = steps * (2 + passes * row_turns(heads));
    let advice = "lower model.context_length, or choose a smaller head size divisible by 4";
    within_longest_loop(site, turns, advice)
}

/// A launch with one invocation for each of `count` items.
pub(super) fn each(
    kernel: &'static Kernel,
    arguments: Vec<u8>,
    bindings: Vec<BindingSource>,
    count: usize,
) -> Result<Launch> {
    Launch::new(kernel, arguments, bindings, grid(count.div_ceil(kernel.workgroup_size[0] as usize))?)
}

impl Lower for Attention {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (heads, AttentionInputs { qkv, starts }) = (self.heads, operands.inputs);
        let window = Window { site, qkv, op: *self, starts: starts.map(Operand::place) };
        let [qkv, y, lse] = [qkv, operands.outputs.y, operands.outputs.lse].map(Operand::place);
        if window.by_blocks(Family::AttentionForward) {
            return Ok(Lowering::one(attention_direct::forward(window, [qkv, y, lse])?));
        }
        let (batch, time) = window.batch_and_time();
        // Scores, rescaled sums, values.
        within_reach(site, heads, time, 3)?;
        let kernel = variant!(attention_forward_tiled, window);
        let groups = grid(batch * heads.heads * time.div_ceil(rows_in_group(kernel)))?;
        let arguments = arguments(window);
        Ok(Lowering::one(Launch::new(kernel, arguments, window.bindings(&[qkv, y, lse]), groups)?))
    }
}

impl Lower for AttentionDelta {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (AttentionDeltaInputs { y, dy }, delta) = (operands.inputs, operands.outputs.delta);
        let arguments = attention_delta::Arguments {
            batch: y.ty.shape[0] as u32,
            time: y.ty.shape[1] as u32,
            heads: self.heads.heads as u32,
            head_size: self.heads.head_size as u32,
        };
        let bindings = vec![y.place(), dy.place(), delta.place()];
        let kernel = attention_delta::kernel(y.half());
        Ok(Lowering::one(each(kernel, arguments.bytes(), bindings, delta.ty.count())?))
    }
}

impl Lower for AttentionBackward {
    /// The queries' columns, then those of keys and values.
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let AttentionBackwardInputs { qkv, lse, delta, dy, starts } = operands.inputs;
        let Dqkv { dqkv } = operands.outputs;
        let window = Window { site, qkv, op: self.forward, starts: starts.map(Operand::place) };
        let bindings = [qkv, lse, delta, dy, dqkv].map(Operand::place);
        let queries = if window.by_blocks(Family::AttentionQueryBackward) {
            attention_direct::query_backward(window, bindings)?
        } else {
            query_backward(window, bindings)?
        };
        let keys = if window.by_blocks(Family::AttentionKeyBackward) {
            attention_direct::key_backward(window, bindings)?
        } else {
            key_backward(window, bindings)?
        };
        Ok(Lowering { launches: vec![queries, keys], scratch: Vec::new() })
    }
}

fn query_backward(window: Window<'_>, operands: [BindingSource; 5]) -> Result<Launch> {
    let ((batch, time), heads) = (window.batch_and_time(), window.op.heads);
    within_reach(window.site, heads, time, 2)?;
    let kernel = variant!(attention_query_backward_tiled, window);
    let arguments = arguments(window);
    let groups = grid(batch * heads.heads * time.div_ceil(rows_in_group(kernel)))?;
    Launch::new(kernel, arguments, window.bindings(&operands), groups)
}

fn key_backward(window: Window<'_>, operands: [BindingSource; 5]) -> Result<Launch> {
    let ((batch, time), heads) = (window.batch_and_time(), window.op.heads);
    // Scores and sums, for every query head that shares the key.
    within_reach(window.site, heads, time * (heads.heads / heads.kv_heads), 2)?;
    let kernel = variant!(attention_key_backward_tiled, window);
    let arguments = arguments(window);
    let groups = grid(batch * heads.kv_heads * time.div_ceil(rows_in_group(kernel)))?;
    Launch::new(kernel, arguments, window.bindings(&operands), groups)
}
