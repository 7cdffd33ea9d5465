//! What only decoding does: attention over caches, and the last row of a chunk. Nothing of it is ever differentiated.

use super::{Heads, Nothing, Operation, Y, operands};
use crate::graph::Type;
use crate::graph::shape::{Rule, alike, batched, expect, is_cursor};

/// Writes the chunk's keys and values into the caches at cursor.start.., then attends to everything up to each query, or to the last of it by a window.
/// Rows at or past cursor.length write nothing and their result is unspecified.
/// Inputs: qkv [1,T,W], keys [K,P,D], values [K,P,D] (both caches), cursor u32[2]. Output: y [1,T,H·D].
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
    type Inputs<T> = CachedAttentionInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, inputs: CachedAttentionInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let (heads, CachedAttentionInputs { qkv, keys, values, cursor }) = (self.heads, inputs);
        batched(qkv, heads.packed())?;
        expect(qkv.shape[0] == 1, || format!("one text is decoded at a time, not {}", qkv.shape[0]))?;
        for (name, cache) in [("keys", keys), ("values", values)] {
            let fits = cache.shape.len() == 3
                && cache.shape[0] == heads.kv_heads
                && cache.shape[2] == heads.head_size;
            expect(fits, || {
                format!("{name} cache must be f32[{}, P, {}], not {cache}", heads.kv_heads, heads.head_size)
            })?;
        }
        alike("values cache", values, keys)?;
        is_cursor(cursor)?;
        Ok(Y { y: Type::f32(&[1, qkv.shape[1], heads.width()]) })
    }
}

/// The chunk's last real row. Inputs: x [1,T,C], cursor u32[2]. Output: [1,1,C] = x[0, cursor.length − 1, :].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastRow;

operands! {
    /// What [`LastRow`] reads.
    LastRowInputs of LastRow { x, cursor }
}

impl Operation for LastRow {
    const NAME: &'static str = "last_row";
    type Inputs<T> = LastRowInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, LastRowInputs { x, cursor }: LastRowInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        batched(x, x.columns())?;
        is_cursor(cursor)?;
        Ok(Y { y: Type::f32(&[1, 1, x.columns()]) })
    }
}
