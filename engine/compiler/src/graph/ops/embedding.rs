//! The token embedding.

use super::{Added, Cost, Done, Given, In, Named, Nothing, Operation, Out, SumRows, Y, declare, operands};
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, columns, expect, integers, is_cursor, rank};
use crate::graph::{Input, Type};

/// y[b,t,:] = table[tokens[b,t],:] + positions[start + t,:]. Inputs: tokens u32[B,T], table [V,C], (positions [P,C], P ≥ T), (cursor
/// u32[B,3], whose rows begin with `start`; else 0). Output: [B,T,C].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Embedding {
    /// Whether a position table is added.
    pub positions: bool,
    pub cursor: bool,
}

operands! {
    EmbeddingInputs of Embedding { tokens, table, positions: if positions, cursor: if cursor }
}

impl Operation for Embedding {
    declare!("embedding", "y[b,t] = table[tokens[b,t]] + positions[t]", EmbeddingInputs -> Y);

    fn formula(&self) -> &'static str {
        if self.positions { Self::FORMULA } else { "y[b,t] = table[tokens[b,t]]" }
    }

    fn types(&self, inputs: EmbeddingInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        integers("tokens", tokens)?;
        expect(tokens.shape.len() == 2, || format!("tokens must be u32[B, T], not {tokens}"))?;
        rank("table", table, 2)?;
        if let Some(positions) = positions {
            rank("positions", positions, 2)?;
            columns("positions", positions, table.columns())?;
            expect(positions.rows() >= tokens.columns(), || {
                format!("{} positions for a window of {}", positions.rows(), tokens.columns())
            })?;
        }
        cursor.map_or(Ok(()), |cursor| is_cursor(cursor, tokens.shape[0]))?;
        Ok(Y { y: Type::f32(&[tokens.shape[0], tokens.shape[1], table.columns()]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let Y { y } = outputs;
        let EmbeddingInputs { tokens, table, positions, .. } = inputs;
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        if let Some(table) = pass.parameter(table) {
            let count = pass.graph.ty(tokens).count();
            let order = pass.graph.input(Input::TokenOrder, Type::u32(&[2, count]));
            let inputs = EmbeddingBackwardInputs { dy, tokens, order };
            pass.graph.add_into(EmbeddingBackward, inputs, EmbeddingGradients { table })?;
        }
        if let Some(table) = positions.and_then(|positions| pass.parameter(positions)) {
            let groups = pass.graph.ty(tokens).shape[0];
            pass.graph.add_into(SumRows { groups }, super::Dy { dy }, super::Sum { sum: table })?;
        }
        Ok(())
    }

    fn cost(&self, Named { outputs, .. }: Named<Self, &Type>) -> Cost {
        Cost { most_bytes: outputs.y.bytes(), ..Cost::default() }
    }
}

/// dtable[v,:] += Σ dy over the positions with token v. Inputs: dy [B,T,C], tokens u32[B,T], order u32[2,B·T]
/// ([`crate::graph::Input::TokenOrder`]). Output += [V,C].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmbeddingBackward;

operands! {
    EmbeddingBackwardInputs of EmbeddingBackward { dy, tokens, order }
    EmbeddingGradients of EmbeddingBackward { table }
}

impl Operation for EmbeddingBackward {
    declare!(
        "embedding_backward",
        "dtable[v] += Σ dy[b,t] over tokens[b,t] = v",
        EmbeddingBackwardInputs -> Nothing += EmbeddingGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Rule<Nothing> {
        let EmbeddingBackwardInputs { dy, tokens, order } = inputs;
        integers("tokens", tokens)?;
        alike("order", order, &Type::u32(&[2, tokens.count()]))?;
        expect(dy.rows() == tokens.count(), || {
            format!("{} rows of gradient for {} tokens", dy.rows(), tokens.count())
        })?;
        rank("gradient", gradients.table, 2)?;
        columns("gradient", gradients.table, dy.columns())?;
        Ok(Nothing)
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost { most_bytes: inputs.dy.bytes(), ..Cost::default() }
    }
}
