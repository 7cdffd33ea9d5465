//! Routers, and products that take only the rows that chose an expert.

use super::linear::{accumulate, shared};
use super::{Call, Given, Interpret};
use crate::cpu::matrix::{Matrix, MatrixMut, Old};
use crate::cpu::vector::{exp, maximum, sum};
use crate::cpu::workers::{Rows, Workers};
use glasshouse_compiler::graph::Element;
use glasshouse_compiler::graph::ops::{
    ExpertLinear, ExpertLinearInputBackward, ExpertLinearInputBackwardInputs, ExpertLinearInputs,
    ExpertLinearWeightBackward, ExpertLinearWeightBackwardInputs, Linear, LinearInputs, Route, RouteBackward,
    RouteBackwardInputs, RouterLoss, RouterLossBackward, RouterLossBackwardInputs, RouterLossInputs,
    RouterLossOutputs, WeighExperts, WeighExpertsBackward, WeighExpertsBackwardInputs,
    WeighExpertsBackwardOutputs, WeighExpertsInputs,
};
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;
use std::ops::Range;

/// Minimum entries per thread.
const WORK: usize = 1 << 13;

impl Interpret for Route {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        route(*self, inputs.x.floats, inputs.x.columns(), outputs.y);
        Ok(())
    }
}

impl Interpret for RouteBackward {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let RouteBackwardInputs { x, y, dy } = inputs;
        route_backward(self.renormalise, x.columns(), x.floats, y.floats, dy.floats, outputs.dx);
        Ok(())
    }
}

impl Interpret for RouterLoss {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let (RouterLossInputs { x, gates }, RouterLossOutputs { rows, load }) = (inputs, outputs);
        let (experts, each) = (x.columns(), 1.0 / x.rows() as f32);
        for (expert, load) in load.iter_mut().enumerate() {
            let chosen = gates.floats.iter().skip(expert).step_by(experts).filter(|gate| **gate != 0.0);
            *load = each * chosen.count() as f32;
        }
        router_loss(*self, x.floats, load, rows);
        Ok(())
    }
}

impl Interpret for RouterLossBackward {
    fn run(
        &self,
        _: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let RouterLossBackwardInputs { x, load } = inputs;
        router_loss_backward(self.forward, self.scale / x.rows() as f32, x.floats, load.floats, outputs.dx);
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

    fn router_loss<L>(op: RouterLoss, x: &[f32], load: &[f32], rows: &mut [f32]) {
        let experts = load.len();
        for (x, row) in x.chunks_exact(experts).zip(rows) {
            let most = maximum(x);
            let whole = sum(experts, |at| exp::<L>(x[at] - most));
            let lse = most + whole.ln();
            let loaded = sum(experts, |at| load[at] * exp::<L>(x[at] - most)) / whole;
            *row = op.balance * experts as f32 * loaded + op.z * lse * lse;
        }
    }

    fn router_loss_backward<L>(op: RouterLoss, factor: f32, x: &[f32], load: &[f32], dx: &mut [f32]) {
        let experts = load.len();
        for (x, dx) in x.chunks_exact(experts).zip(dx.chunks_exact_mut(experts)) {
            let most = maximum(x);
            let whole = sum(experts, |at| exp::<L>(x[at] - most));
            let lse = most + whole.ln();
            let loaded = sum(experts, |at| load[at] * exp::<L>(x[at] - most)) / whole;
            for (at, dx) in dx.iter_mut().enumerate() {
                let slope = op.balance * experts as f32 * (load[at] - loaded) + 2.0 * op.z * lse;
                *dx = factor * slope * exp::<L>(x[at] - most) / whole;
            }
        }
    }
}

impl Interpret for WeighExperts {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let WeighExpertsInputs { h, gates } = inputs;
        weigh(call.workers, h.floats, gates.floats, outputs.y);
        Ok(())
    }
}

impl Interpret for WeighExpertsBackward {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
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
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let ExpertLinearInputs { x, gates, weight } = inputs;
        if weight.ty.element != Element::F32 {
            // A weight stored in fewer bits is multiplied whole: the product's time is that of few rows.
            let inputs = LinearInputs { x, weight, bias: None, residual: None };
            return Linear::PLAIN.run(call, inputs, outputs, gradients);
        }
        let places = Places::new(self.down, gates, [weight.rows(), weight.columns()]);
        outputs.y.fill(0.0);
        for (expert, [outer, inner], rows) in places.chosen() {
            let block = places.block(weight.floats, expert).transposed();
            places.multiply(call.workers, &rows, (x.floats, inner), block, (&mut *outputs.y, outer));
        }
        Ok(())
    }
}

impl Interpret for ExpertLinearInputBackward {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
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
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        _: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
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
        let columns = y.len() / self.gates.rows();
        for (row, products) in rows.iter().zip(products.chunks_exact(to.len())) {
            accumulate(products, &mut y[row * columns + to.start..row * columns + to.end]);
        }
    }
}
