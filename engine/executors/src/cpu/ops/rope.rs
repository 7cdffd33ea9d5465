//! Rotary position embedding of queries and keys within their packed rows.

use super::{Call, Given, Interpret, Run, WORK, start};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::{Rope, RopeInputs};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

impl Interpret for Rope {
    /// Positions beyond the table, which occur only in a chunk's padding, use its last row.
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (RopeInputs { qkv, table, cursor }, y) = (inputs, outputs.y);
        let (cursor, time) = (cursor.map(Given::cursor).unwrap_or_default(), qkv.ty.shape[1]);
        y.copy_from_slice(qkv.floats);
        let (packed, size) = (self.heads.packed(), self.heads.head_size);
        let positions = table.floats.len() / size;
        let turned = (self.heads.heads + self.heads.kv_heads) * size;
        call.workers.rows(y.len() / packed, WORK.div_ceil(packed), Rows::new(y, packed), |range, part, _| {
            for (at, row) in range.zip(part.data.chunks_exact_mut(packed)) {
                let position = (start(cursor, at / time) + at % time).min(positions - 1);
                let angles = &table.floats[position * size..(position + 1) * size];
                turn(angles, if self.inverse { -1.0 } else { 1.0 }, &mut row[..turned]);
            }
        });
        Ok(())
    }
}

vectorised! {
    fn turn<L>(angles: &[f32], sign: f32, row: &mut [f32]) {
        let half = angles.len() / 2;
        let (cosines, sines) = angles.split_at(half);
        for head in row.chunks_exact_mut(2 * half) {
            let (left, right) = head.split_at_mut(half);
            let angles = cosines.iter().zip(sines);
            for ((left, right), (cosine, sine)) in left.iter_mut().zip(right).zip(angles) {
                let sine = sign * sine;
                (*left, *right) = (*left * cosine - *right * sine, *left * sine + *right * cosine);
            }
        }
    }
}
