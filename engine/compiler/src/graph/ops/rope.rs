//! Rotary position embeddings.

use super::{Heads, Named, Nothing, Operation, Y, operands};
use crate::graph::gradient::Backward;
use crate::graph::half::{self, Operand, together};
use crate::graph::shape::{Rule, batched, columns, expect, is_cursor, rank};
use crate::graph::{GraphError, Type, ValueId};

/// Rotates queries and keys, halves paired: for i < D/2, (x[i], x[i+D/2]) turns by the angle of (start + t, i); values pass
/// unchanged. `inverse` turns back, which is the gradient. Inputs: qkv [B,T,W], table [P,D] (cos then sin, P ≥ T), (cursor
/// u32[B,3]). Output: [B,T,W].
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
    const NAME: &'static str = "rope";
    const FORMULA: &'static str = "(x[i], x[i + D/2]) turns by t·θᵢ, in queries and keys";
    type Inputs<T> = RopeInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

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

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        inputs: RopeInputs<ValueId>,
        Y { y }: Y<ValueId>,
    ) -> Result<(), GraphError> {
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let back = Self { inverse: !self.inverse, ..*self };
        let Y { y: gradient } = pass.graph.add(back, RopeInputs { qkv: dy, ..inputs })?;
        pass.flow(inputs.qkv, gradient)
    }

    fn f16_rules(&self, Named { inputs, outputs, .. }: Named<Self, Operand>) -> Vec<half::Rule> {
        together(&[inputs.qkv, outputs.y])
    }
}
