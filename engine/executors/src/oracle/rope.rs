//! Rotary positions.

use super::attention::part;
use super::interpret::{Express, In, Out, Run};
use burn::tensor::Tensor;
use glasshouse_compiler::graph::ops::{Rope, RopeInputs, Y};
use glasshouse_compiler::graph::{Heads, Node};
use glasshouse_platform::Result;

impl Express for Rope {
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let (RopeInputs { qkv, table, cursor }, heads) = (inputs, self.heads);
        let time = run.graph.ty(qkv).shape[1];
        let (qkv, table) = (run.floats(qkv)?, run.floats(table)?);
        let Some(cursor) = cursor else {
            return Ok(Y { y: turned(&qkv, &table, heads, [0, time], self.inverse) });
        };
        let rows = run.cursor(cursor)?.into_iter().enumerate();
        let row = |(row, [start, ..]): (usize, [usize; 3])| {
            turned(&qkv.clone().narrow(0, row * time, time), &table, heads, [start, time], self.inverse)
        };
        Ok(Y { y: Tensor::cat(rows.map(row).collect(), 0) })
    }
}

/// qkv [B·T,W], table [P,D] of cosines then sines, read from row `start` on → [B·T,W].
pub(super) fn turned(
    qkv: &Tensor<2>,
    table: &Tensor<2>,
    heads: Heads,
    [start, time]: [usize; 2],
    inverse: bool,
) -> Tensor<2> {
    let half = heads.head_size / 2;
    let batch = qkv.dims()[0] / time;
    let angles = table.clone().narrow(0, start, time);
    let cosine = angles.clone().narrow(1, 0, half).reshape([1, time, 1, half]);
    let sine = angles.narrow(1, half, half).reshape([1, time, 1, half]);
    let sine = if inverse { -sine } else { sine };
    let turn = |number: usize, count: usize| {
        let x = part(qkv, heads, number).reshape([batch, time, count, heads.head_size]);
        let (low, high) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
        let turned_low = low.clone() * cosine.clone() - high.clone() * sine.clone();
        let turned_high = high * cosine.clone() + low * sine.clone();
        Tensor::cat(vec![turned_low, turned_high], 3).reshape([batch * time, count * heads.head_size])
    };
    let all = vec![turn(0, heads.heads), turn(1, heads.kv_heads), part(qkv, heads, 2)];
    Tensor::cat(all, 1)
}
