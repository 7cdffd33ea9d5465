//! Rotary position embeddings.

use super::{Done, Heads, In, Nothing, Operation, Out, Y, declare, f16_rules, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, batched, columns, expect, is_cursor, rank};

/// Rotates queries and keys, halves paired: for i < D/2, (x[i], x[i+D/2]) turns by the angle of (start + t, i); values pass unchanged.
/// `inverse` turns back, which is the gradient. Inputs: qkv [B,T,W], table [P,D] (cos then sin, P ≥ T), (cursor u32[B,3]). Output: [B,T,W].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    pub heads: Heads,
    /// Rotate by the negative angle.
    pub inverse: bool,
    pub cursor: bool,
}

operands! {
    RopeInputs of Rope { qkv, table, cursor: if cursor }
}

impl Operation for Rope {
    declare!("rope", "(x[i], x[i + D/2]) turns by t·θᵢ, in queries and keys", RopeInputs -> Y);

    fn types(&self, RopeInputs { qkv, table, cursor }: RopeInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let heads = self.heads;
        batched(qkv, heads.packed())?;
        rank("table", table, 2)?;
        columns("table", table, heads.head_size)?;
        expect(heads.head_size.is_multiple_of(2), || format!("head size {} is odd", heads.head_size))?;
        expect(table.rows() >= qkv.shape[1], || {
            format!("table of {} positions for a window of {}", table.rows(), qkv.shape[1])
        })?;
        cursor.map_or(Ok(()), |cursor| is_cursor(cursor, qkv.shape[0]))?;
        Ok(Y { y: qkv.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let Y { y } = outputs;
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let back = Self { inverse: !self.inverse, ..*self };
        let Y { y: gradient } = pass.graph.add(back, RopeInputs { qkv: dy, ..inputs })?;
        pass.flow(inputs.qkv, gradient)
    }

    f16_rules!(together: inputs.qkv, outputs.y);
}
