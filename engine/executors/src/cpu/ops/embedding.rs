//! Embedding lookup and its gradient.

use super::linear::accumulate;
use super::unpack::unpack_row;
use super::{Call, Given, Interpret, Run, start};
use crate::cpu::workers::{Rows, Workers};
use glasshouse_compiler::graph::ops::{
    Embedding, EmbeddingBackward, EmbeddingBackwardInputs, EmbeddingInputs,
};
use glasshouse_platform::Result;

/// Minimum entries per thread.
const WORK: usize = 1 << 14;

impl Interpret for Embedding {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        call.known(tokens, table.rows(), None)?;
        let cursor = cursor.map(Given::cursor).unwrap_or_default();
        let positions = positions.map(|table| (table.floats, cursor));
        let sizes = [tokens.columns(), table.columns()];
        forward(call.workers, tokens.words, (table, call.interleaved), positions, outputs.y, sizes);
        Ok(())
    }
}

impl Interpret for EmbeddingBackward {
    fn run(&self, call: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
        let EmbeddingBackwardInputs { dy, tokens, .. } = inputs;
        let (columns, table) = (dy.columns(), gradients.table);
        call.known(tokens, table.len() / columns, None)?;
        backward(call.workers, dy.floats, tokens.words, table, columns);
        Ok(())
    }
}

/// y[b,t,:] = table[tokens[b,t],:] (+ positions[start + t,:]). `time` is T, and start comes from the cursor's rows.
/// Positions beyond the table, which occur only in a chunk's padding, read its last row.
pub fn forward(
    workers: &Workers,
    tokens: &[u32],
    (table, interleaved): (Given<'_>, bool),
    positions: Option<(&[f32], &[[u32; 3]])>,
    y: &mut [f32],
    [time, columns]: [usize; 2],
) {
    workers.rows(tokens.len(), WORK.div_ceil(columns), Rows::new(y, columns), |range, part, _| {
        for (at, y) in range.zip(part.data.chunks_exact_mut(columns)) {
            let token = tokens[at] as usize;
            if table.words.is_empty() {
                y.copy_from_slice(&table.floats[token * columns..(token + 1) * columns]);
            } else {
                unpack_row(table, interleaved, token, y);
            }
            if let Some((positions, cursor)) = positions {
                let from = (start(cursor, at / time) + at % time) * columns;
                let from = from.min(positions.len() - columns);
                accumulate(&positions[from..from + columns], y);
            }
        }
    });
}

/// dtable[v,:] += Σ dy over the positions that hold v. Each thread takes some rows of the table and adds in order of
/// position, the same order as the sorted list used by the GPU, which is not read here.
pub fn backward(workers: &Workers, dy: &[f32], tokens: &[u32], gradient: &mut [f32], columns: usize) {
    let rows = gradient.len() / columns;
    let least = if tokens.len() * columns < WORK { rows } else { 1 };
    workers.rows(rows, least, Rows::new(gradient, columns), |range, part, _| {
        for (token, dy) in tokens.iter().zip(dy.chunks_exact(columns)) {
            let token = *token as usize;
            if range.contains(&token) {
                let start = (token - range.start) * columns;
                accumulate(dy, &mut part.data[start..start + columns]);
            }
        }
    });
}
