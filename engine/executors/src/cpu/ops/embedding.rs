//! Embedding lookup and its gradient.

use super::linear::accumulate;
use super::unpack::unpack_row;
use super::{Call, Given, Interpret, Run, start};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

/// Minimum entries per thread.
const WORK: usize = 1 << 14;

impl Interpret for Embedding {
    /// Positions beyond the table, which occur only in a chunk's padding, read its last row.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let EmbeddingInputs { tokens, table, positions, cursor } = inputs;
        call.known(tokens, table.rows(), None)?;
        let cursor = cursor.map(Given::cursor).unwrap_or_default();
        let (tokens, time, columns) = (tokens.words, tokens.columns(), table.columns());
        let y = Rows::new(outputs.y, columns);
        call.workers.rows(tokens.len(), WORK.div_ceil(columns), y, |range, part, _| {
            for (at, y) in range.zip(part.data.chunks_exact_mut(columns)) {
                let token = tokens[at] as usize;
                if table.words.is_empty() {
                    y.copy_from_slice(&table.floats[token * columns..(token + 1) * columns]);
                } else {
                    unpack_row(table, call.interleaved, token, y);
                }
                if let Some(positions) = positions {
                    let from = (start(cursor, at / time) + at % time) * columns;
                    let from = from.min(positions.floats.len() - columns);
                    accumulate(&positions.floats[from..from + columns], y);
                }
            }
        });
        Ok(())
    }
}

impl Interpret for EmbeddingBackward {
    /// Each thread takes some rows of the table and adds in order of position, the same order as the sorted list used by the GPU,
    /// which is not read here.
    fn run(&self, call: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
        let EmbeddingBackwardInputs { dy, tokens, .. } = inputs;
        let (columns, table) = (dy.columns(), gradients.table);
        let rows = table.len() / columns;
        call.known(tokens, rows, None)?;
        let least = if dy.floats.len() < WORK { rows } else { 1 };
        call.workers.rows(rows, least, Rows::new(table, columns), |range, part, _| {
            for (token, dy) in tokens.words.iter().zip(dy.floats.chunks_exact(columns)) {
                let token = *token as usize;
                if range.contains(&token) {
                    let start = (token - range.start) * columns;
                    accumulate(dy, &mut part.data[start..start + columns]);
                }
            }
        });
        Ok(())
    }
}
