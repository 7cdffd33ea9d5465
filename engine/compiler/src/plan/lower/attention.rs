//! Attention and what surrounds it: rotary positions, the norm of heads, caches.

use super::attention_blocks;
use super::{Family, Launch, Lowering, Place, Site, Tier, grid, within_longest_loop};
use crate::Result;
use crate::graph::{DropoutSite, Heads, random};
use crate::plan::Buffer;
use glasshouse_shaders::{
    Kernel, attention_delta, attention_forward, attention_key_backward, attention_query_backward,
    cached_attention, cached_attention_join, cached_write, head_norm, head_norm_backward,
    head_norm_weight_backward, head_norm_weight_partial, last_row, rope,
};

/// Partial sums of a head norm's weight gradient: enough to fill a GPU, few enough to add up at once.
const SEGMENTS: usize = 64;

/// Positions of a cache that a workgroup goes through while a text is written, until there are [`MOST_PARTS`].
const PART: usize = 256;

/// Most parts of a cache.
const MOST_PARTS: usize = 16;

/// Rows of a workgroup in the attention kernels, which their variants set differently.
fn rows_in_group(kernel: &Kernel) -> usize {
    kernel.workgroup_size[0] as usize
}

/// Picks the variant of one of the three attention kernels, whose modules are alike.
macro_rules! variant {
    ($module:ident, $family:ident, $site:expr, $heads:expr) => {{
        let half = $site.half_input(0);
        let size = match $heads.head_size {
            _ if is_software($site, Family::$family, $heads) => $module::Size::Single,
            8 => $module::Size::D8,
            16 => $module::Size::D16,
            32 => $module::Size::D32,
            48 => $module::Size::D48,
            64 => $module::Size::D64,
            128 => $module::Size::D128,
            size if size.is_multiple_of(4) => $module::Size::Any4,
            _ => $module::Size::Any,
        };
        $module::kernel(size, half)
    }};
}

/// Fills in the arguments that the three share.
macro_rules! arguments {
    ($module:ident, $heads:expr, $size:expr, $dropout:expr) => {{
        let (batch, time) = $size;
        let (site, threshold, keep_scale) = dropping($dropout);
        $module::Arguments {
            batch: batch as u32,
            time: time as u32,
            heads: $heads.heads as u32,
            kv_heads: $heads.kv_heads as u32,
            head_size: $heads.head_size as u32,
            scale: scale($heads),
            dropout: u32::from($dropout.is_some()),
            site,
            threshold,
            keep_scale,
        }
        .bytes()
    }};
}

/// The number of a dropout site, the random bits below which it drops, and what it multiplies the rest by.
pub(super) fn dropping(dropout: Option<DropoutSite>) -> (u32, u32, f32) {
    dropout.map_or((0, 0, 1.0), |site| (site.site, random::threshold(site.rate), 1.0 / (1.0 - site.rate)))
}

/// Turns of a kernel's loop over a head's row, four channels at a time where they divide. They count towards
/// [`super::LONGEST_LOOP`] although their number is a constant for most sizes: llvmpipe does not unroll them.
fn row_turns(heads: Heads) -> usize {
    if heads.head_size.is_multiple_of(4) { heads.head_size / 4 } else { heads.head_size }
}

/// Refuses what a software adapter would leave half done: for each of `steps` keys or queries an invocation goes through the
/// head's row `passes` times. Both tiers have these loops, so that the other one would be no way out.
fn within_reach(site: Site<'_>, heads: Heads, steps: usize, passes: usize) -> Result<()> {
    let turns = steps * (2 + passes * row_turns(heads));
    let advice = "lower model.context_length, or choose a smaller head size that 4 divides";
    within_longest_loop(site, turns, advice)
}

pub(super) fn scale(heads: Heads) -> f32 {
    (1.0 / (heads.head_size as f64).sqrt()) as f32
}

/// B and T of a packed input.
pub(super) fn batch_and_time(site: Site<'_>) -> (usize, usize) {
    let shape = &site.input_type(0).shape;
    (shape[0], shape[1])
}

/// Whether one of the three kernels takes the tier without workgroup memory.
fn is_software(site: Site<'_>, family: Family, heads: Heads) -> bool {
    let (batch, time) = batch_and_time(site);
    site.target.tier(family, [batch * heads.heads, time, heads.head_size]) == Tier::Software
}

/// Whether one of the three kernels goes by blocks.
fn by_blocks(site: Site<'_>, family: Family, heads: Heads) -> bool {
    is_software(site, family, heads) && attention_blocks::takes(site, heads)
}

/// A launch with one invocation for each of `count` things.
fn each(kernel: &'static Kernel, arguments: Vec<u8>, bindings: Vec<Place>, count: usize) -> Result<Launch> {
    Launch::new(kernel, arguments, bindings, grid(count.div_ceil(kernel.workgroup_size[0] as usize))?)
}

/// [`crate::graph::Op::Rope`].
pub(super) fn rope(site: Site<'_>, heads: Heads, inverse: bool, cursor: bool) -> Result<Lowering> {
    let (batch, time) = batch_and_time(site);
    let all_heads = heads.heads + 2 * heads.kv_heads;
    let arguments = rope::Arguments {
        rows: (batch * time) as u32,
        time: time as u32,
        turning_heads: (heads.heads + heads.kv_heads) as u32,
        all_heads: all_heads as u32,
        half_size: (heads.head_size / 2) as u32,
        positions: site.input_type(1).rows() as u32,
        turn: if inverse { -1.0 } else { 1.0 },
    };
    let mut bindings = vec![site.input(0), site.input(1)];
    if cursor {
        bindings.push(site.input(2));
    }
    bindings.push(site.output(0));
    let pairs = site.output_type(0).count() / 2;
    Ok(Lowering::one(each(rope::kernel(cursor, site.half_input(0)), arguments.bytes(), bindings, pairs)?))
}

/// [`crate::graph::Op::HeadNorm`].
pub(super) fn head_norm(site: Site<'_>, heads: Heads, eps: f32) -> Result<Lowering> {
    let rows = site.input_type(0).rows();
    let arguments = head_norm::Arguments {
        rows: rows as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
        eps,
    };
    let bindings = vec![site.input(0), site.input(1), site.input(2), site.output(0), site.output(1)];
    let count = rows * (heads.heads + 2 * heads.kv_heads);
    Ok(Lowering::one(each(head_norm::kernel(site.half_input(0)), arguments.bytes(), bindings, count)?))
}

/// [`crate::graph::Op::HeadNormBackward`].
pub(super) fn head_norm_backward(site: Site<'_>, heads: Heads) -> Result<Lowering> {
    let rows = site.input_type(0).rows();
    let arguments = head_norm_backward::Arguments {
        rows: rows as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
    };
    let mut bindings: Vec<Place> = (0..5).map(|number| site.input(number)).collect();
    bindings.push(site.output(0));
    let count = rows * (heads.heads + 2 * heads.kv_heads);
    let kernel = head_norm_backward::kernel(site.half_input(0));
    Ok(Lowering::one(each(kernel, arguments.bytes(), bindings, count)?))
}

/// [`crate::graph::Op::HeadNormWeightBackward`]: partial sums, then their sum.
pub(super) fn head_norm_weight_backward(site: Site<'_>, heads: Heads) -> Result<Lowering> {
    let rows = site.input_type(0).rows();
    let rows_in_segment = rows.div_ceil(SEGMENTS);
    let segments = rows.div_ceil(rows_in_segment);
    let columns = 2 * heads.head_size;
    let partial = head_norm_weight_partial::Arguments {
        rows: rows as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
        segments: segments as u32,
        rows_in_segment: rows_in_segment as u32,
    };
    let last =
        head_norm_weight_backward::Arguments { head_size: heads.head_size as u32, segments: segments as u32 };
    let sums = Place::Scratch(0);
    Ok(Lowering {
        launches: vec![
            each(
                head_norm_weight_partial::kernel(site.half_input(0)),
                partial.bytes(),
                vec![site.input(0), site.input(1), site.input(2), sums],
                segments * columns,
            )?,
            each(
                head_norm_weight_backward::kernel(),
                last.bytes(),
                vec![sums, site.output(0), site.output(1)],
                columns,
            )?,
        ],
        scratch: vec![(segments * columns * 4) as u64],
    })
}

/// [`crate::graph::Op::Attention`].
pub(super) fn attention(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Lowering> {
    let (batch, time) = batch_and_time(site);
    if by_blocks(site, Family::AttentionForward, heads) {
        return Ok(Lowering::one(attention_blocks::forward(site, heads, dropout)?));
    }
    // Scores, rescaled sums, values.
    within_reach(site, heads, time, 3)?;
    let kernel = variant!(attention_forward, AttentionForward, site, heads);
    let groups = grid(batch * heads.heads * time.div_ceil(rows_in_group(kernel)))?;
    let arguments = arguments!(attention_forward, heads, (batch, time), dropout);
    let bindings = vec![
        Place::Buffer(Buffer::Control),
        Place::Buffer(Buffer::Schedule),
        site.input(0),
        site.output(0),
        site.output(1),
    ];
    Ok(Lowering::one(Launch::new(kernel, arguments, bindings, groups)?))
}

/// [`crate::graph::Op::AttentionDelta`].
pub(super) fn attention_delta(site: Site<'_>, heads: Heads) -> Result<Lowering> {
    let (batch, time) = batch_and_time(site);
    let arguments = attention_delta::Arguments {
        batch: batch as u32,
        time: time as u32,
        heads: heads.heads as u32,
        head_size: heads.head_size as u32,
    };
    let bindings = vec![site.input(0), site.input(1), site.output(0)];
    let count = site.output_type(0).count();
    let kernel = attention_delta::kernel(site.half_input(0));
    Ok(Lowering::one(each(kernel, arguments.bytes(), bindings, count)?))
}

/// [`crate::graph::Op::AttentionBackward`]: the queries' columns, then the keys' and values'.
pub(super) fn attention_backward(
    site: Site<'_>,
    heads: Heads,
    dropout: Option<DropoutSite>,
) -> Result<Lowering> {
    let queries = if by_blocks(site, Family::AttentionQueryBackward, heads) {
        attention_blocks::query_backward(site, heads, dropout)?
    } else {
        query_backward(site, heads, dropout)?
    };
    let keys = if by_blocks(site, Family::AttentionKeyBackward, heads) {
        attention_blocks::key_backward(site, heads, dropout)?
    } else {
        key_backward(site, heads, dropout)?
    };
    Ok(Lowering { launches: vec![queries, keys], scratch: Vec::new() })
}

/// What the two kernels of the backward pass bind.
fn backward_bindings(site: Site<'_>) -> Vec<Place> {
    let mut bindings = vec![Place::Buffer(Buffer::Control), Place::Buffer(Buffer::Schedule)];
    bindings.extend((0..4).map(|number| site.input(number)));
    bindings.push(site.output(0));
    bindings
}

fn query_backward(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Launch> {
    let (batch, time) = batch_and_time(site);
    within_reach(site, heads, time, 2)?;
    let kernel = variant!(attention_query_backward, AttentionQueryBackward, site, heads);
    let arguments = arguments!(attention_query_backward, heads, (batch, time), dropout);
    let groups = grid(batch * heads.heads * time.div_ceil(rows_in_group(kernel)))?;
    Launch::new(kernel, arguments, backward_bindings(site), groups)
}

fn key_backward(site: Site<'_>, heads: Heads, dropout: Option<DropoutSite>) -> Result<Launch> {
    let (batch, time) = batch_and_time(site);
    // Scores and sums, for every query head that shares the key.
    within_reach(site, heads, time * (heads.heads / heads.kv_heads), 2)?;
    let kernel = variant!(attention_key_backward, AttentionKeyBackward, site, heads);
    let arguments = arguments!(attention_key_backward, heads, (batch, time), dropout);
    let groups = grid(batch * heads.kv_heads * time.div_ceil(rows_in_group(kernel)))?;
    Launch::new(kernel, arguments, backward_bindings(site), groups)
}

/// [`crate::graph::Op::CachedAttention`]: the chunk into the caches, then the attention.
pub(super) fn cached_attention(site: Site<'_>, heads: Heads) -> Result<Lowering> {
    let time = site.input_type(0).shape[1];
    let positions = site.input_type(1).shape[1];
    let write = cached_write::Arguments {
        time: time as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
        positions: positions as u32,
    };
    // A software adapter has few threads, which one part keeps busy.
    let parts = if site.target.software { 1 } else { positions.div_ceil(PART).min(MOST_PARTS) };
    let attend = cached_attention::Arguments {
        time: time as u32,
        heads: heads.heads as u32,
        kv_heads: heads.kv_heads as u32,
        head_size: heads.head_size as u32,
        positions: positions as u32,
        scale: scale(heads),
        parts: parts as u32,
        part: positions.div_ceil(parts) as u32,
    };
    let (qkv, keys, values, cursor) = (site.input(0), site.input(1), site.input(2), site.input(3));
    let rows = time * heads.heads;
    let sums = Place::Scratch(0);
    let into = if parts > 1 { sums } else { site.output(0) };
    let mut launches = vec![
        each(
            cached_write::kernel(),
            write.bytes(),
            vec![qkv, cursor, keys, values],
            time * heads.kv_heads * heads.head_size,
        )?,
        Launch::new(
            cached_attention::kernel(parts > 1),
            attend.bytes(),
            vec![qkv, keys, values, cursor, into],
            grid(rows * parts)?,
        )?,
    ];
    if parts == 1 {
        return Ok(Lowering { launches, scratch: Vec::new() });
    }
    let join = cached_attention_join::Arguments {
        time: time as u32,
        heads: heads.heads as u32,
        head_size: heads.head_size as u32,
        parts: parts as u32,
    };
    let bindings = vec![sums, cursor, site.output(0)];
    launches.push(each(cached_attention_join::kernel(), join.bytes(), bindings, rows * heads.head_size)?);
    Ok(Lowering { launches, scratch: vec![(rows * parts * (heads.head_size + 2) * 4) as u64] })
}

/// [`crate::graph::Op::LastRow`].
pub(super) fn last_row(site: Site<'_>) -> Result<Lowering> {
    let x = site.input_type(0);
    let arguments = last_row::Arguments { time: x.rows() as u32, columns: x.columns() as u32 };
    let bindings = vec![site.input(0), site.input(1), site.output(0)];
    Ok(Lowering::one(each(last_row::kernel(), arguments.bytes(), bindings, x.columns())?))
}
