//! The token embedding.

use super::interpret::{Express, Run, expect_below};
use crate::error::Result;
use crate::graph::ops::{Embedding, EmbeddingInputs, Y};
use crate::graph::{Node, ValueId};
use burn::tensor::Tensor;

impl Express for Embedding {
    fn express(
        &self,
        run: &mut Run<'_>,
        node: &Node,
        inputs: Self::Inputs<ValueId>,
    ) -> Result<Self::Outputs<Tensor<2>>> {
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        let time = run.graph.ty(tokens).columns();
        let (tokens, entries) = (run.ids(tokens)?, run.graph.ty(table).rows());
        expect_below(&node.scope, &tokens, entries)?;
        let table = run.floats(table)?;
        let batch = tokens.len() / time;
        let positions = run.floats_if(positions)?;
        let starts = run.row_starts(cursor, batch)?;
        let y = table.select(0, run.device.indices(&tokens));
        let Some(positions) = positions else { return Ok(Y { y }) };
        let windows = starts.into_iter().map(|start| positions.clone().narrow(0, start, time)).collect();
        Ok(Y { y: y + Tensor::cat(windows, 0) })
    }
}
