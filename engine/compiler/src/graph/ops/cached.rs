//! Decoding operations: attention over caches, and the last row of a chunk. They have no gradients.
//!
//! The graph processes chunks of B texts at once. Row b of the cursor holds the chunk's start position in its text, its number
//! of real tokens (0: the row is idle), and its text's slot among the S in the caches. No two rows share a slot.

use super::{Heads, Nothing, Operation, Y, declare, operands};
use crate::graph::Type;
use crate::graph::shape::{Rule, alike, batched, expect, is_cursor};

/// Writes each chunk's keys and values into its text's caches from `start` on, then attends to all positions up to each query,
/// or to the last `window` of them. Tokens at or past a chunk's length write nothing and their output is unspecified. Inputs:
/// qkv [B,T,W], keys [S,K,P,D], values [S,K,P,D] (both caches), cursor u32[B,3]. Output: y [B,T,H·D].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CachedAttention {
    pub heads: Heads,
    /// Factor on q·k; `None` means 1/√D.
    pub scale: Option<f32>,
    /// As in [`super::Attention`].
    pub softcap: Option<f32>,
    /// Number of positions that a query sees, including its own.
    pub window: Option<usize>,
}

operands! {
    CachedAttentionInputs of CachedAttention { qkv, keys, values, cursor }
}

impl Operation for CachedAttention {
    declare!(
        "cached_attention",
        "y = softmax(q·Kᵀ / √D)·V, K and V being the caches",
        CachedAttentionInputs -> Y
    );

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

/// The last real token of each chunk. Inputs: x [B,T,C], cursor u32[B,3]. Output: [B,1,C] = x[b, length − 1, :]; for an idle
/// row, its first token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastRow;

operands! {
    LastRowInputs of LastRow { x, cursor }
}

impl Operation for LastRow {
    declare!("last_row", "y[b] = x[b, length − 1]", LastRowInputs -> Y);

    fn types(&self, LastRowInputs { x, cursor }: LastRowInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        batched(x, x.columns())?;
        is_cursor(cursor, x.shape[0])?;
        Ok(Y { y: Type::f32(&[x.shape[0], 1, x.columns()]) })
    }
}
