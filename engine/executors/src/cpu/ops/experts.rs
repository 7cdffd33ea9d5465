//! Routers, and products that take only the rows that chose an expert.

use super::linear::{accumulate, shared};
use super::unpack::unpack_row;
use super::{Call, Given, Interpret, Run, WORK};
use crate::cpu::interleaved::GROUP;
use crate::cpu::matrix::{Matrix, MatrixMut, Old};
use crate::cpu::vector::{exp, maximum, sum};
use crate::cpu::workers::{Rows, Workers};
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::ops::*;
use glasshouse_compiler::graph::{Element, Type};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;
use half::f16;
use std::borrow::Cow;
use std::ops::Range;

/// Rows of a prompt from which converting an f16 block pays off.
const MANY: usize = 16;

impl Interpret for Route {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        route(*self, inputs.x.floats, inputs.x.columns(), outputs.y);
        Ok(())
    }
}

impl Interpret for RouteBackward {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let RouteBackwardInputs { x, y, dy } = inputs;
        route_backward(self.renormalise, x.columns(), x.floats, y.floats, dy.floats, outputs.dx);
        Ok(())
    }
}

impl Interpret for RouterLoss {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (RouterLossInputs { x, gates, shares }, RouterLossOutputs { rows, load }) = (inputs, outputs);
        let experts = x.columns();
        let counted = shares.floats.iter().filter(|share| **share != 0.0).count().max(1);
        for (expert, load) in load.iter_mut().enumerate() {
            let gates = gates.floats.iter().skip(expert).step_by(experts).zip(shares.floats);
            let chosen = gates.filter(|(gate, share)| **gate != 0.0 && **share != 0.0).count();
            *load = chosen as f32 / counted as f32;
        }
        router_loss(*self, x.floats, load, shares.floats, rows);
        Ok(())
    }
}

impl Interpret for RouterLossBackward {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let RouterLossBackwardInputs { x, load, shares } = inputs;
        router_loss_backward(self.forward, self.scale, x.floats, load.floats, shares.floats, outputs.dx);
        Ok(())
    }
}

vectorised! {
    fn route<L>(op: Route, x: &[f32], experts: usize, y: &mut [f32]) {
        for (x, y) in x.chunks_exact(experts).zip(y.chunks_exact_mut(experts)) {
            y.fill(0.0);
            let most = maximum(x);
            for _ in 0..op.per_token {
                let others = (0..experts).filter(|at| y[*at] == 0.0);
                if let Some(best) = others.reduce(|best, at| if x[at] > x[best] { at } else { best }) {
                    y[best] = exp::<L>(x[best] - most);
                }
            }
            let whole = if op.renormalise { sum(experts, |at| y[at]) } else { sum(experts, |at| exp::<L>(x[at] - most)) };
            y.iter_mut().for_each(|y| *y /= whole);
        }
    }

    fn route_backward<L>(renormalise: bool, experts: usize, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
        let rows = x.chunks_exact(experts).zip(y.chunks_exact(experts)).zip(dy.chunks_exact(experts));
        for (((x, y), dy), dx) in rows.zip(dx.chunks_exact_mut(experts)) {
            let chosen = |at: usize| if y[at] == 0.0 { 0.0 } else { dy[at] };
            let mean = sum(experts, |at| y[at] * chosen(at));
            let most = maximum(x);
            let whole = if renormalise { 1.0 } else { sum(experts, |at| exp::<L>(x[at] - most)) };
            for (at, dx) in dx.iter_mut().enumerate() {
                let share = if renormalise { y[at] } else { exp::<L>(x[at] - most) / whole };
                *dx = share * (chosen(at) - mean);
            }
        }
    }

    fn router_loss<L>(op: RouterLoss, x: &[f32], load: &[f32], shares: &[f32], rows: &mut [f32]) {
        let experts = load.len();
        for (x, (share, row)) in x.chunks_exact(experts).zip(shares.iter().zip(rows)) {
            let most = maximum(x);
            let whole = sum(experts, |at| exp::<L>(x[at] - most));
            let lse = most + whole.ln();
            let loaded = sum(experts, |at| load[at] * exp::<L>(x[at] - most)) / whole;
            *row = share * (op.balance * experts as f32 * loaded + op.z * lse * lse);
        }
    }

    fn router_loss_backward<L>(op: RouterLoss, scale: f32, x: &[f32], load: &[f32], shares: &[f32], dx: &mut [f32]) {
        let experts = load.len();
        let rows = x.chunks_exact(experts).zip(shares);
        for ((x, share), dx) in rows.zip(dx.chunks_exact_mut(experts)) {
            let most = maximum(x);
            let whole = sum(experts, |at| exp::<L>(x[at] - most));
            let lse = most + whole.ln();
            let loaded = sum(experts, |at| load[at] * exp::<L>(x[at] - most)) / whole;
            for (at, dx) in dx.iter_mut().enumerate() {
                let slope = op.balance * experts as f32 * (load[at] - loaded) + 2.0 * op.z * lse;
                *dx = scale * share * slope * exp::<L>(x[at] - most) / whole;
            }
        }
    }
}

impl Interpret for WeighExperts {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let WeighExpertsInputs { h, gates } = inputs;
        weigh(call.workers, h.floats, gates.floats, outputs.y);
        Ok(())
    }
}

impl Interpret for WeighExpertsBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (WeighExpertsBackwardInputs { h, gates, dy }, WeighExpertsBackwardOutputs { dh, dgates }) =
            (inputs, outputs);
        weigh(call.workers, dy.floats, gates.floats, dh);
        let hidden = h.columns();
        for (at, (dgate, gate)) in dgates.iter_mut().zip(gates.floats).enumerate() {
            let of = at * hidden..(at + 1) * hidden;
            let (h, dy) = (&h.floats[of.clone()], &dy.floats[of]);
            *dgate = if *gate == 0.0 { 0.0 } else { sum(hidden, |at| h[at] * dy[at]) };
        }
        Ok(())
    }
}

/// y = gate·x, without reading x where the gate is 0.
fn weigh(workers: &Workers, x: &[f32], gates: &[f32], y: &mut [f32]) {
    let hidden = y.len() / gates.len();
    workers.rows(gates.len(), WORK.div_ceil(hidden), Rows::new(y, hidden), |range, part, _| {
        for (at, y) in range.zip(part.data.chunks_exact_mut(hidden)) {
            let x = &x[at * hidden..(at + 1) * hidden];
            match gates[at] {
                0.0 => y.fill(0.0),
                gate => y.iter_mut().zip(x).for_each(|(y, x)| *y = gate * x),
            }
        }
    });
}

impl Interpret for ExpertLinear {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let ExpertLinearInputs { x, gates, weight } = inputs;
        let places = Places::new(self.down, gates, [weight.rows(), weight.columns()]);
        let (workers, element) = (call.workers, weight.ty.element);
        let is_prompt = !matches!(x.ty.shape[..], [_, 1, ..]);
        outputs.y.fill(0.0);
        for (expert, [outer, inner], rows) in places.chosen() {
            if element == Element::F32 {
                let block = places.block(weight.floats, expert).transposed();
                places.multiply(workers, &rows, (x.floats, inner), block, (&mut *outputs.y, outer));
                continue;
            }
            let converts = element == Element::F16 && is_prompt && rows.len() >= MANY;
            let stored = if converts { None } else { stored(&call, weight, [&outer, &inner]) };
            let Some(words) = stored else {
                let block = unpacked(&call, weight, [&outer, &inner]);
                let block = Matrix::new(&block, outer.len(), inner.len(), inner.len()).transposed();
                places.multiply(workers, &rows, (x.floats, inner), block, (&mut *outputs.y, outer));
                continue;
            };
            let part = places.gather(x.floats, &rows, &inner);
            let x = Given { ty: &Type::f32(&[rows.len(), 1, inner.len()]), floats: &part, words: &[] };
            let ty = Type { shape: vec![outer.len(), inner.len()], element };
            let weight = Given { ty: &ty, floats: &[], words: &words };
            let mut products = vec![0.0; rows.len() * outer.len()];
            let own = Call { caches: &mut *call.caches, ..call };
            let inputs = LinearInputs { x, weight, bias: None, residual: None };
            let own_outputs = Y { y: &mut products[..] };
            Linear::PLAIN.run(own, Run { inputs, outputs: own_outputs, gradients: Nothing })?;
            places.add(&rows, &products, (&mut *outputs.y, outer));
        }
        Ok(())
    }
}

impl Interpret for ExpertLinearInputBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let ExpertLinearInputBackwardInputs { dy, gates, weight } = inputs;
        let places = Places::new(self.0.down, gates, [weight.rows(), weight.columns()]);
        outputs.dx.fill(0.0);
        for (expert, [outer, inner], rows) in places.chosen() {
            let block = places.block(weight.floats, expert);
            places.multiply(call.workers, &rows, (dy.floats, outer), block, (&mut *outputs.dx, inner));
        }
        Ok(())
    }
}

impl Interpret for ExpertLinearWeightBackward {
    fn run(&self, call: Call<'_>, Run { inputs, gradients, .. }: Run<'_, Self>) -> Result<()> {
        let ExpertLinearWeightBackwardInputs { dy, gates, x } = inputs;
        let [outputs, columns] = [dy, x].map(|operand| operand.floats.len() / gates.rows());
        let places = Places::new(self.0.down, gates, [outputs, columns]);
        for (_, [outer, inner], rows) in places.chosen() {
            let [dy, x] = [(dy, &outer), (x, &inner)]
                .map(|(operand, range)| places.gather(operand.floats, &rows, range));
            let dy = Matrix::new(&dy, rows.len(), outer.len(), outer.len()).transposed();
            let x = Matrix::new(&x, rows.len(), inner.len(), inner.len());
            let block = &mut gradients.weight[outer.start * columns + inner.start..];
            let block = MatrixMut::new(block, outer.len(), inner.len(), columns);
            shared(call.workers, dy, x, block, |part, _, _| (part.matrix, Old::Add));
        }
        Ok(())
    }
}

/// Some rows and columns of a stored matrix, as a matrix of its own; `None` if they divide its blocks or interleaved groups.
fn stored<'run>(
    call: &Call<'_>,
    weight: Given<'run>,
    [outer, inner]: [&Range<usize>; 2],
) -> Option<Cow<'run, [u32]>> {
    let (element, columns) = (weight.ty.element, weight.columns());
    let length = blocks::row_words(element, columns);
    let is_quantised = matches!(element, Element::Quantised(_) | Element::Gguf { .. });
    let group = if call.interleaved && is_quantised { GROUP } else { 1 };
    if inner.len() == columns {
        let aligned = outer.start % group == 0 && (outer.end % group == 0 || outer.end == weight.rows());
        return aligned.then(|| weight.words[outer.start * length..outer.end * length].into());
    }
    if element == Element::F16 {
        let mut words = vec![0; (outer.len() * inner.len()).div_ceil(2)];
        let halves: &mut [f16] = bytemuck::cast_slice_mut(&mut words);
        let halves = Rows::new(halves, inner.len());
        call.workers.rows(outer.len(), WORK.div_ceil(inner.len()), halves, |range, part, _| {
            for (row, halves) in range.zip(part.data.chunks_exact_mut(inner.len())) {
                let own: &[f16] = bytemuck::cast_slice(&weight.words[row * length..(row + 1) * length]);
                halves.copy_from_slice(&own[inner.clone()]);
            }
        });
        return Some(words.into());
    }
    let Element::Quantised(ty) = element else { return None };
    let (block, quants) = (ty.block(), ty.block_bytes() / 4);
    if !inner.start.is_multiple_of(block) || !inner.len().is_multiple_of(block) {
        return None;
    }
    let [first, end, all] = [inner.start, inner.end, columns].map(|column| column / block);
    let part = blocks::row_words(element, inner.len());
    let mut words = vec![0; outer.len() * part];
    let least = WORK.div_ceil(group * part);
    let groups = Rows::new(&mut words, group * part);
    call.workers.rows(outer.len().div_ceil(group), least, groups, |range, groups, _| {
        let given = weight.words[range.start * group * length..].chunks(group * length);
        for (given, words) in given.zip(groups.data.chunks_mut(group * part)) {
            let count = given.len() / length;
            let (own, scales) = words.split_at_mut((end - first) * quants * count);
            own.copy_from_slice(&given[first * quants * count..end * quants * count]);
            // Two scales to a word, of which an odd first block has the upper one.
            let given = given.get((all * quants + first / 2) * count..).unwrap_or_default();
            for (at, scales) in scales.iter_mut().enumerate() {
                let next = given.get(at + count).copied().unwrap_or(0);
                *scales = if first % 2 == 0 { given[at] } else { given[at] >> 16 | next << 16 };
            }
        }
    });
    Some(words.into())
}

/// Some rows and columns of a stored matrix as floats.
fn unpacked(call: &Call<'_>, weight: Given<'_>, [outer, inner]: [&Range<usize>; 2]) -> Vec<f32> {
    let mut floats = vec![0.0; outer.len() * inner.len()];
    let rows = Rows::new(&mut floats, inner.len());
    call.workers.rows(outer.len(), WORK.div_ceil(weight.columns()), rows, |range, part, _| {
        let mut whole = vec![0.0; weight.columns()];
        for (row, floats) in range.zip(part.data.chunks_exact_mut(inner.len())) {
            unpack_row(weight, call.interleaved, outer.start + row, &mut whole);
            floats.copy_from_slice(&whole[inner.clone()]);
        }
    });
    floats
}

/// The blocks of experts in a weight [outputs, columns], and the rows that chose them.
struct Places<'run> {
    down: bool,
    gates: Given<'run>,
    sizes: [usize; 2],
}

impl<'run> Places<'run> {
    fn new(down: bool, gates: Given<'run>, sizes: [usize; 2]) -> Self {
        Self { down, gates, sizes }
    }

    /// Each expert that was chosen: its number, its outputs and columns of the weight, and the rows that chose it.
    fn chosen(&self) -> impl Iterator<Item = (usize, [Range<usize>; 2], Vec<usize>)> {
        let experts = self.gates.columns();
        (0..experts).filter_map(move |expert| {
            let gates = self.gates.floats.iter().skip(expert).step_by(experts);
            let rows: Vec<usize> =
                gates.enumerate().filter(|(_, gate)| **gate != 0.0).map(|(row, _)| row).collect();
            (!rows.is_empty()).then(|| (expert, self.of(expert), rows))
        })
    }

    fn of(&self, expert: usize) -> [Range<usize>; 2] {
        let part = |size: usize| {
            let part = size / self.gates.columns();
            expert * part..(expert + 1) * part
        };
        let [outputs, columns] = self.sizes;
        if self.down { [0..outputs, part(columns)] } else { [part(outputs), 0..columns] }
    }

    fn block<'data>(&self, weight: &'data [f32], expert: usize) -> Matrix<'data> {
        let ([outer, inner], columns) = (self.of(expert), self.sizes[1]);
        Matrix::new(&weight[outer.start * columns + inner.start..], outer.len(), inner.len(), columns)
    }

    /// Some columns of some rows, in order.
    fn gather(&self, x: &[f32], rows: &[usize], range: &Range<usize>) -> Vec<f32> {
        let columns = x.len() / self.gates.rows();
        rows.iter()
            .flat_map(|row| &x[row * columns + range.start..row * columns + range.end])
            .copied()
            .collect()
    }

    /// Adds the product of some rows' columns with a matrix to columns of the same rows.
    fn multiply(
        &self,
        workers: &Workers,
        rows: &[usize],
        (x, from): (&[f32], Range<usize>),
        matrix: Matrix<'_>,
        (y, to): (&mut [f32], Range<usize>),
    ) {
        let x = self.gather(x, rows, &from);
        let mut products = vec![0.0; rows.len() * to.len()];
        let part = MatrixMut::new(&mut products, rows.len(), to.len(), to.len());
        let x = Matrix::new(&x, rows.len(), from.len(), from.len());
        shared(workers, x, matrix, part, |part, _, _| (part.matrix, Old::Overwrite));
        self.add(rows, &products, (y, to));
    }

    /// Adds a row of products to columns of each row.
    fn add(&self, rows: &[usize], products: &[f32], (y, to): (&mut [f32], Range<usize>)) {
        let columns = y.len() / self.gates.rows();
        for (row, products) in rows.iter().zip(products.chunks_exact(to.len())) {
            accumulate(products, &mut y[row * columns + to.start..row * columns + to.end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::interleaved::interleave;
    use crate::cpu::tests::numbers;
    use glasshouse_compiler::blocks::BLOCK;
    use glasshouse_protocol::WeightFormat;

    #[test]
    fn a_part_of_a_stored_matrix_is_a_matrix() {
        let workers = Workers::new(Some(2)).unwrap();
        let (rows, columns) = (35, 6 * BLOCK);
        for element in WeightFormat::COMPRESSED.map(Element::from) {
            let ty = Type { shape: vec![rows, columns], element };
            let length = blocks::row_words(element, columns);
            let mut words = vec![0; rows * length];
            let mut floats = numbers(5, rows * columns);
            blocks::pack(element, columns, &floats, &mut words);
            blocks::unpack(element, columns, &words, &mut floats);
            for interleaved in [false, true] {
                if interleaved && element != Element::F16 {
                    interleave(&mut words, length);
                }
                let weight = Given { ty: &ty, floats: &[], words: &words };
                let shard = super::super::BatchShard::default();
                let mut caches = [Vec::new(), Vec::new()];
                let call = Call {
                    scope: "",
                    caches: &mut caches,
                    seed: [0; 2],
                    shard,
                    interleaved,
                    parts: 1,
                    workers: &workers,
                };
                let parts = [
                    (16..32, 0..columns),
                    (32..35, 0..columns),
                    (0..rows, 2 * BLOCK..4 * BLOCK),
                    (0..rows, 3 * BLOCK..4 * BLOCK),
                    (0..rows, 3 * BLOCK..6 * BLOCK),
                ];
                for (outer, inner) in parts {
                    let own = stored(&call, weight, [&outer, &inner]).unwrap();
                    let ty = Type { shape: vec![outer.len(), inner.len()], element };
                    let own = Given { ty: &ty, floats: &[], words: &own };
                    let found = unpacked(&call, own, [&(0..outer.len()), &(0..inner.len())]);
                    let expected = unpacked(&call, weight, [&outer, &inner]);
                    assert_eq!(found, expected, "{element:?} {outer:?} {inner:?}");
                    assert_eq!(expected[0], floats[outer.start * columns + inner.start]);
                }
                let divided = stored(&call, weight, [&(8..24), &(0..columns)]);
                assert_eq!(divided.is_some(), !interleaved || element == Element::F16);
            }
        }
    }
}
