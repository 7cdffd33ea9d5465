//! Rotary position embedding of queries and keys inside their packed rows.

use crate::cpu::workers::{Rows, Workers};
use crate::graph::Heads;
use crate::platform::lanes::vectorised;

/// Least entries that make a thread of its own worth while.
const WORK: usize = 1 << 13;

/// Turns queries and keys of rows [B,T,W] by the angles of start + t; values pass. Positions past the table's end, which
/// only a chunk's padding has, turn as its last row says.
#[allow(clippy::too_many_arguments, reason = "the op's own list of inputs")]
pub fn forward(
    workers: &Workers,
    heads: Heads,
    inverse: bool,
    qkv: &[f32],
    table: &[f32],
    start: usize,
    time: usize,
    y: &mut [f32],
) {
    let (packed, size) = (heads.packed(), heads.head_size);
    let positions = table.len() / size;
    let turned = (heads.heads + heads.kv_heads) * size;
    workers.rows(y.len() / packed, WORK.div_ceil(packed), Rows::of(y, packed), |range, part, _| {
        for (at, y) in range.zip(part.data.chunks_exact_mut(packed)) {
            let position = (start + at % time).min(positions - 1);
            let angles = &table[position * size..(position + 1) * size];
            let x = &qkv[at * packed..(at + 1) * packed];
            turn(&x[..turned], angles, if inverse { -1.0 } else { 1.0 }, &mut y[..turned]);
            y[turned..].copy_from_slice(&x[turned..]);
        }
    });
}

vectorised! {
    fn turn<L>(x: &[f32], angles: &[f32], sign: f32, y: &mut [f32]) {
        let half = angles.len() / 2;
        let (cosines, sines) = angles.split_at(half);
        for (x, y) in x.chunks_exact(2 * half).zip(y.chunks_exact_mut(2 * half)) {
            let ((a, b), (left, right)) = (x.split_at(half), y.split_at_mut(half));
            let angles = cosines.iter().zip(sines);
            for (((a, b), (left, right)), (cosine, sine)) in
                a.iter().zip(b).zip(left.iter_mut().zip(right)).zip(angles)
            {
                let sine = sign * sine;
                *left = a * cosine - b * sine;
                *right = a * sine + b * cosine;
            }
        }
    }
}
