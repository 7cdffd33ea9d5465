//! The token embedding.

use super::interpret::{Express, In, Out, Run, expect_below};
use burn::tensor::Tensor;
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{Embedding, EmbeddingInputs, Y};
use glasshouse_platform::Result;

impl Express for Embedding {
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        let time = run.graph.ty(tokens).columns();
        let (tokens, entries) = (run.ids(tokens)?, run.graph.ty(table).rows());
        expect_below(&node.scope, &tokens, entries)?;
        let table = run.floats(table)?;
        let (batch, [_, width]) = (tokens.len() / time, table.dims());
        let positions = run.floats_if(positions)?;
        let cursor = cursor.map(|cursor| run.cursor(cursor)).transpose()?;
        let y = table.select(0, run.device.indices(&tokens));
        let Some(positions) = positions else { return Ok(Y { y }) };
        let window = |start| positions.clone().narrow(0, start, time);
        let Some(cursor) = cursor else {
            let y = y.reshape([batch, time, width]) + window(0).unsqueeze::<3>();
            return Ok(Y { y: y.reshape([batch * time, width]) });
        };
        let windows = cursor.into_iter().map(|[start, ..]| window(start)).collect();
        Ok(Y { y: y + Tensor::cat(windows, 0) })
    }
}
