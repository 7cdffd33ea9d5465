//! What only decoding does: attention over caches, and the last row of a chunk. Nothing of it is ever differentiated.
//!
//! Chunks of B texts go through the graph at once. A cursor's row says of each where the chunk starts in its text, how many of its
//! tokens are real (none: the row is idle), and which of the S texts of the caches it belongs to; no two rows have one text.

use super::{Heads, Nothing, Operation, Y, operands};
use crate::graph::Type;
use crate::graph::shape::{Rule, alike, batched, expect, is_cursor};

/// Writes each chunk's keys and values into its text's caches at start.., then attends to everything up to each query, or to the
/// last of it by a window. Tokens at or past a chunk's length write nothing and their result is unspecified.
/// Inputs: qkv [B,T,W], keys [S,K,P,D], values [S,K,P,D] (both caches), cursor u32[B,3]. Output: y [B,T,H·D].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CachedAttention {
    /// Sizes.
    pub heads: Heads,
    /// Positions that a query sees, its own included.
    pub window: Option<usize>,
}

operands! {
    /// What [`CachedAttention`] reads.
    CachedAttentionInputs of CachedAttention { qkv, keys, values, cursor }
}

impl Operation for CachedAttention {
    const NAME: &'static str = "cached_attention";
    const FORMULA: &'static str = "y = softmax(q·Kᵀ / √D)·V, K and V being the caches";
    type Inputs<T> = CachedAttentionInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, inputs: CachedAttentionInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let (heads, CachedAttentionInputs { qkv, keys, values, cursor }) = (self.heads, inputs);
        batched(qkv, heads.packed())?;
        for (name, cache) in [("keys", keys), ("values", values)] {
            let fits = cache.shape.len() == 4
                && cache.shape[0] >= qkv.shape[0]
                && cache.shape[1] == heads.kv_heads
                && cache.shape[3] == heads.head_size;
            expect(fits, || {
                let Heads { kv_heads, head_size, .. } = heads;
                format!(
                    "{name} cache must be f32[S, {kv_heads}, P, {head_size}] of as many texts as rows, not {cache}"
                )
            })?;
        }
        alike("values cache", values, keys)?;
        is_cursor(cursor, qkv.shape[0])?;
        Ok(Y { y: Type::f32(&[qkv.shape[0], qkv.shape[1], heads.width()]) })
    }
}

/// Each chunk's last real token. Inputs: x [B,T,C], cursor u32[B,3]. Output: [B,1,C] = x[b, length − 1, :]; of an idle row, its
/// first token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastRow;

operands! {
    /// What [`LastRow`] reads.
    LastRowInputs of LastRow { x, cursor }
}

impl Operation for LastRow {
    const NAME: &'static str = "last_row";
    const FORMULA: &'static str = "y[b] = x[b, length − 1]";
    type Inputs<T> = LastRowInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, LastRowInputs { x, cursor }: LastRowInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        batched(x, x.columns())?;
        is_cursor(cursor, x.shape[0])?;
        Ok(Y { y: Type::f32(&[x.shape[0], 1, x.columns()]) })
    }
}
