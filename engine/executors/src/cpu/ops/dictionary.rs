//! Sparse dictionaries.

use super::loss::{WORK, mean};
use super::{Call, Interpret, Run};
use crate::cpu::vector::sum;
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;

impl Interpret for TopK {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, columns) = (inputs.x.floats, inputs.x.columns());
        let rows = Rows::new(outputs.y, columns);
        call.workers.rows(inputs.x.rows(), WORK.div_ceil(columns), rows, |range, part, _| {
            let x = x[range.start * columns..range.end * columns].chunks_exact(columns);
            let mut positive = Vec::with_capacity(columns);
            for (x, y) in x.zip(part.data.chunks_exact_mut(columns)) {
                positive.clear();
                positive.extend(x.iter().copied().filter(|x| *x > 0.0));
                let threshold = match self.k <= positive.len() {
                    true => *positive.select_nth_unstable_by(self.k - 1, |one, other| other.total_cmp(one)).1,
                    false => 0.0,
                };
                y.iter_mut()
                    .zip(x)
                    .for_each(|(y, x)| *y = if *x > 0.0 && *x >= threshold { *x } else { 0.0 });
            }
        });
        Ok(())
    }
}

fn exponentials(logarithms: &[f32]) -> Vec<f32> {
    logarithms.iter().copied().map(libm::expf).collect()
}

impl Interpret for JumpRelu {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let JumpReluInputs { x, log_threshold, .. } = inputs;
        let (columns, thresholds) = (x.columns(), exponentials(log_threshold.floats));
        let rows = Rows::new(outputs.y, columns);
        call.workers.rows(x.rows(), WORK.div_ceil(columns), rows, |range, part, _| {
            let own = x.floats[range.start * columns..range.end * columns].chunks_exact(columns);
            for (x, y) in own.zip(part.data.chunks_exact_mut(columns)) {
                let entries = y.iter_mut().zip(x).zip(&thresholds);
                entries.for_each(|((y, x), threshold)| *y = if x > threshold { *x } else { 0.0 });
            }
        });
        Ok(())
    }
}

impl Interpret for JumpReluBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let JumpReluBackwardInputs { x, log_threshold, dy, targets, loss } = inputs;
        let JumpRelu { bandwidth, penalty, ignore_index } = self.forward;
        let (columns, count) = (x.columns(), loss.map_or(0.0, |loss| call.denominator(loss.floats[1])));
        let penalty = if count > 0.0 { penalty * self.scale / count } else { 0.0 };
        let JumpReluBackwardOutputs { dx, dlog_threshold } = outputs;
        let thresholds = exponentials(log_threshold.floats);
        let rows = (Rows::new(dx, columns), Rows::new(dlog_threshold, columns));
        call.workers.rows(x.rows(), WORK.div_ceil(columns), rows, |range, (dx, dlogs), _| {
            let results = dx.data.chunks_exact_mut(columns).zip(dlogs.data.chunks_exact_mut(columns));
            for (row, (dx, dlogs)) in range.zip(results) {
                let own = row * columns..(row + 1) * columns;
                let penalty = if Some(targets.words[row]) == ignore_index { 0.0 } else { penalty };
                let given = x.floats[own.clone()].iter().zip(&dy.floats[own]).zip(&thresholds);
                for ((dx, dlog), ((x, dy), threshold)) in dx.iter_mut().zip(dlogs).zip(given) {
                    let slope = -threshold * (threshold * dy + penalty) / bandwidth;
                    *dx = if x > threshold { *dy } else { 0.0 };
                    *dlog = if (x - threshold).abs() < 0.5 * bandwidth { slope } else { 0.0 };
                }
            }
        });
        Ok(())
    }
}

impl Interpret for SquaredError {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let SquaredErrorInputs { y, x, targets } = inputs;
        let (SquaredErrorOutputs { loss, rows }, columns) = (outputs, y.columns());
        let pairs = y.floats.chunks_exact(columns).zip(x.floats.chunks_exact(columns));
        for ((row, (y, x)), target) in rows.chunks_exact_mut(2).zip(pairs).zip(targets.words) {
            let error = sum(columns, |at| (y[at] - x[at]) * (y[at] - x[at]));
            (row[0], row[1]) = (error, if Some(*target) == self.ignore_index { 0.0 } else { error });
        }
        mean(self.ignore_index, targets.words, rows, loss);
        Ok(())
    }
}

impl Interpret for SquaredErrorBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let SquaredErrorBackwardInputs { y, x, targets, loss } = inputs;
        let (columns, count) = (y.columns(), call.denominator(loss.floats[1]));
        let factor = if count > 0.0 { 2.0 * self.scale / count } else { 0.0 };
        call.workers.rows(
            y.rows(),
            WORK.div_ceil(columns),
            Rows::new(outputs.dx, columns),
            |range, dx, _| {
                for (row, dx) in range.zip(dx.data.chunks_exact_mut(columns)) {
                    let entries = row * columns..(row + 1) * columns;
                    let counts = Some(targets.words[row]) != self.forward.ignore_index;
                    let factor = if counts { factor } else { 0.0 };
                    let pairs = y.floats[entries.clone()].iter().zip(&x.floats[entries]);
                    dx.iter_mut().zip(pairs).for_each(|(dx, (y, x))| *dx = factor * (y - x));
                }
            },
        );
        Ok(())
    }
}
