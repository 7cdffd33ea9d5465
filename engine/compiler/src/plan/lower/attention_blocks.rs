//! Attention on software adapters: four queries meet four keys at a time, in kernels of their own.

use super::attention::{batch_and_time, dropping, scale};
use super::{LONGEST_LOOP, Launch, Place, Site, grid};
use crate::Result;
use crate::graph::{DropoutSite, Heads};
use crate::plan::Buffer;
use glasshouse_shaders::{
    attention_forward_blocks, attention_key_backward_blocks, attention_query_backward_blocks,
};

/// Rows of a workgroup; the kernels hold the same number.
const ROWS: usize = 32;

/// Largest head that they take: with more registers llvmpipe takes a minute to build them.
const LARGEST_HEAD: usize = 128;

/// Whether they take these heads: others are taken scalar by scalar. Loops that llvmpipe would end early are left to the
/// kernels whose lowering refuses them.
pub(super) fn takes(site: Site<'_>, heads: Heads) -> bool {
    let (_, time) = batch_and_time(site);
    let entries = heads.head_size / 4;
    let turns = time.div_ceil(4) * (heads.heads / heads.kv_heads) * (1 + 2 * entries);
    heads.head_size.is_multiple_of(4) && heads.head_size <= LARGEST_HEAD && turns <= LONGEST_LOOP
}

/// The variant of one of the three, its arguments and its workgroups, one for each [`ROWS`] rows of each of so many heads.
macro_rules! launch {
    ($module:ident, $site:expr, $heads:expr, $dropout:expr, $head_count:expr, $bindings:expr) => {{
        let (batch, time) = batch_and_time($site);
        let size = match $heads.head_size {
            ..=32 => $module::Size::D32,
            33..=64 => $module::Size::D64,
            _ => $module::Size::D128,
        };
        let (site, threshold, keep_scale) = dropping($dropout);
        let arguments = $module::Arguments {
            batch: batch as u32,
            time: time as u32,
            heads: $heads.heads as u32,
            kv_heads: $heads.kv_heads as u32,
            head_size: $heads.head_size as u32,
            scale: scale($heads),
            site,
            threshold,
            keep_scale,
        };
        let mut bindings: Vec<Place> = $bindings;
        if $dropout.is_some() {
            bindings.extend([Place::Buffer(Buffer::Control), Place::Buffer(Buffer::Schedule)]);
        }
        let groups = grid(batch * $head_count * time.div_ceil(ROWS))?;
        Launch::new(
            $module::kernel(size, $dropout.is_some(), $site.half_input(0)),
            arguments.bytes(),
            bindings,
            groups,
        )
    }};
}

pub(super) fn forward(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Launch> {
    let bindings = vec![site.input(0), site.output(0), site.output(1)];
    launch!(attention_forward_blocks, site, heads, dropout, heads.heads, bindings)
}

/// The queries' columns.
pub(super) fn query_backward(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Launch> {
    launch!(attention_query_backward_blocks, site, heads, dropout, heads.heads, backward_bindings(site))
}

/// The keys' and values' columns.
pub(super) fn key_backward(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Launch> {
    launch!(attention_key_backward_blocks, site, heads, dropout, heads.kv_heads, backward_bindings(site))
}

fn backward_bindings(site: Site<'_>) -> Vec<Place> {
    (0..4).map(|number| site.input(number)).chain([site.output(0)]).collect()
}
