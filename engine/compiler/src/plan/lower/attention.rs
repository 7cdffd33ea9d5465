//! Causal and sliding-window attention.

use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid, within_longest_loop};
use crate::Result;
use crate::graph::ops::*;
use crate::graph::{Heads, random};
use glasshouse_shaders::{Kernel, attention, attention_backward, attention_forward};

/// Rows of a tile, and channels of a workgroup's result; `shared/attention.wgsl` has the same numbers.
const TILE: usize = 32;
const COLUMNS: usize = 64;

/// Operands and settings shared by both attention kernels.
#[derive(Clone, Copy)]
struct Window<'graph> {
    site: NodeContext<'graph>,
    qkv: Operand<'graph>,
    op: Attention,
    /// Document starts, if rows hold several documents.
    starts: Option<Operand<'graph>>,
}

impl Window<'_> {
    /// A launch with workgroups for each tile of rows of each of `head_count` heads, which multiply `products` tiles of a head's channels for
    /// each of `steps` keys or queries. Fails if a software adapter would end the loops early.
    fn launch(
        self,
        kernel: &'static Kernel,
        head_count: usize,
        [steps, products]: [usize; 2],
        operands: &[BindingSource],
    ) -> Result<Launch> {
        let (batch, time) = (self.qkv.ty.shape[0], self.qkv.ty.shape[1]);
        let Attention { heads, dropout, .. } = self.op;
        // For each tile of keys or queries: eight parts of a row's figures or half of delta's channels, and for each 32 channels a loop over
        // four steps of the products at a time.
        let channels = heads.head_size;
        let halves = if channels.is_multiple_of(4) { channels.div_ceil(8) } else { channels.div_ceil(2) };
        let turns =
            steps.div_ceil(TILE) * (halves.max(8) + products * channels.div_ceil(TILE) * (1 + TILE / 4));
        within_longest_loop(self.site, turns, "lower model.context_length")?;
        let shared = [
            BindingSource::CONTROL,
            BindingSource::SCHEDULE,
            self.qkv.place(),
            self.starts.map_or(BindingSource::UNREAD, Operand::place),
        ];
        let bindings = [&shared[..], operands].concat();
        let parts = heads.head_size.div_ceil(COLUMNS);
        let (site, threshold, keep_scale) = dropout
            .map_or((0, 0, 1.0), |site| (site.site, random::threshold(site.rate), 1.0 / (1.0 - site.rate)));
        let arguments = attention::Arguments {
            batch: batch as u32,
            time: time as u32,
            heads: heads.heads as u32,
            kv_heads: heads.kv_heads as u32,
            head_size: heads.head_size as u32,
            parts: parts as u32,
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
        let groups = grid(batch * head_count * parts * time.div_ceil(TILE))?;
        Launch::new(kernel, arguments.bytes(), bindings, groups)
    }
}

/// Picks the variant of an attention kernel for a head size; the kernels' modules are alike.
macro_rules! variant {
    ($kernel:ident, $window:expr) => {{
        let fours = $window.op.heads.head_size.is_multiple_of(4);
        let entries = if fours { $kernel::Entries::Vec4 } else { $kernel::Entries::Scalar };
        $kernel::kernel(entries, $window.qkv.half())
    }};
}

impl Lower for Attention {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let AttentionInputs { qkv, starts } = operands.inputs;
        let window = Window { site, qkv, op: *self, starts };
        let written = [operands.outputs.y, operands.outputs.lse].map(Operand::place);
        // Scores and values.
        let kernel = variant!(attention_forward, window);
        window.launch(kernel, self.heads.heads, [qkv.ty.shape[1], 2], &written).map(Lowering::one)
    }
}

impl Lower for AttentionBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let AttentionBackwardInputs { qkv, lse, y, dy, starts } = operands.inputs;
        let window = Window { site, qkv, op: self.forward, starts };
        let used = [lse, y, dy, operands.outputs.dqkv].map(Operand::place);
        let Heads { heads, kv_heads, .. } = self.forward.heads;
        // Scores, flows and sums, for every query head that shares a key.
        let steps = [qkv.ty.shape[1] * (heads / kv_heads), 3];
        let kernel = variant!(attention_backward, window);
        window.launch(kernel, heads + 2 * kv_heads, steps, &used).map(Lowering::one)
    }
}
