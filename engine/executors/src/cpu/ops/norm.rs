//! LayerNorm and RMSNorm, and the norms of a weight's rows, one row at a time.

use super::linear::{accumulate, sum_rows};
use super::{Call, Interpret, Run, WORK};
use crate::cpu::vector::sum;
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::NormForm;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;
use glasshouse_protocol::NormKind;

impl Interpret for Norm {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let NormInputs { x, scale, bias } = inputs;
        let (columns, bias) = (scale.floats.len(), bias.map(|bias| bias.floats));
        let parts = (Rows::new(outputs.y, columns), Rows::new(outputs.statistics, 2));
        call.workers.rows(x.rows(), WORK.div_ceil(columns), parts, |range, (y, statistics), _| {
            let x = &x.floats[range.start * columns..range.end * columns];
            forward_rows(self.form, x, scale.floats, bias, y.data, statistics.data);
        });
        Ok(())
    }
}

impl Interpret for NormBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, gradients }: Run<'_, Self>) -> Result<()> {
        let NormBackwardInputs { x, scale, statistics, dy, residual } = inputs;
        let (rows, columns) = (x.rows(), scale.floats.len());
        let dx = Rows::new(outputs.dx, columns);
        call.workers.rows(rows, WORK.div_ceil(columns), dx, |range, dx, _| {
            let entries = range.start * columns..range.end * columns;
            let (x, dy) = (&x.floats[entries.clone()], &dy.floats[entries.clone()]);
            let statistics = &statistics.floats[range.start * 2..range.end * 2];
            backward_rows(self.form, x, scale.floats, statistics, dy, dx.data);
            if let Some(residual) = residual {
                accumulate(&residual.floats[entries], dx.data);
            }
        });
        if let Some(gradient) = gradients.bias {
            sum_rows(call.workers, dy.floats, rows, gradient);
        }
        if let Some(gradient) = gradients.scale {
            let [x, statistics, dy] = [x, statistics, dy].map(|operand| operand.floats);
            let (least, gradient) = ((WORK / rows.max(1)).max(16), Rows::new(gradient, 1));
            call.workers.rows(columns, least, gradient, |range, gradient, _| {
                weight_columns(x, statistics, dy, columns, range.start, gradient.data);
            });
        }
        Ok(())
    }
}

impl Interpret for RowNorm {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let RowNormInputs { weight, a, b } = inputs;
        let (columns, rank) = (weight.columns(), b.columns());
        let least = (WORK / (columns * rank)).max(1);
        call.workers.rows(weight.rows(), least, Rows::new(outputs.y, 1), |range, y, _| {
            let weight = &weight.floats[range.start * columns..range.end * columns];
            let b = &b.floats[range.start * rank..range.end * rank];
            adapted_norms(self.factor, weight, a.floats, b, &mut vec![0.0; columns], y.data);
        });
        Ok(())
    }
}

vectorised! {
    fn adapted_norms<L>(factor: f32, weight: &[f32], a: &[f32], b: &[f32], adapted: &mut [f32], y: &mut [f32]) {
        let columns = adapted.len();
        let (rows, rank) = (weight.chunks_exact(columns), b.len() / y.len());
        for ((y, weight), b) in y.iter_mut().zip(rows).zip(b.chunks_exact(rank)) {
            adapted.fill(0.0);
            for (b, a) in b.iter().zip(a.chunks_exact(columns)) {
                adapted.iter_mut().zip(a).for_each(|(sum, a)| *sum += b * a);
            }
            adapted.iter_mut().zip(weight).for_each(|(sum, weight)| *sum = weight + factor * *sum);
            let squares = sum(columns, |at| adapted[at] * adapted[at]);
            *y = if squares == 0.0 { 0.0 } else { 1.0 / squares.sqrt() };
        }
    }

    fn forward_rows<L>(
        form: NormForm,
        x: &[f32],
        scale: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
        statistics: &mut [f32],
    ) {
        let (columns, offset) = (scale.len(), form.offset());
        let share = 1.0 / columns as f32;
        let rows = x.chunks_exact(columns).zip(y.chunks_exact_mut(columns));
        for ((x, y), statistics) in rows.zip(statistics.chunks_exact_mut(2)) {
            let mean = match form.kind {
                NormKind::Layer => sum(columns, |at| x[at]) * share,
                NormKind::Rms => 0.0,
            };
            let variance = sum(columns, |at| (x[at] - mean) * (x[at] - mean)) * share;
            let root = 1.0 / (variance + form.eps).sqrt();
            (statistics[0], statistics[1]) = (mean, root);
            for ((y, x), scale) in y.iter_mut().zip(x).zip(scale) {
                *y = (x - mean) * root * (scale + offset);
            }
            if let Some(bias) = bias {
                for (y, bias) in y.iter_mut().zip(bias) {
                    *y += bias;
                }
            }
        }
    }

    // With g = dy·w and x̂ = (x − μ)·ρ: dx = ρ·(g − mean(g) − x̂·mean(g·x̂)); LayerNorm only: the middle term.
    fn backward_rows<L>(
        form: NormForm,
        x: &[f32],
        scale: &[f32],
        statistics: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let (columns, offset) = (scale.len(), form.offset());
        let share = 1.0 / columns as f32;
        let rows = x.chunks_exact(columns).zip(dy.chunks_exact(columns)).zip(dx.chunks_exact_mut(columns));
        for (((x, dy), dx), statistics) in rows.zip(statistics.chunks_exact(2)) {
            let (mean, root) = (statistics[0], statistics[1]);
            let along = sum(columns, |at| dy[at] * (scale[at] + offset) * (x[at] - mean)) * root * share;
            let level = match form.kind {
                NormKind::Layer => sum(columns, |at| dy[at] * (scale[at] + offset)) * share,
                NormKind::Rms => 0.0,
            };
            for (((dx, x), dy), scale) in dx.iter_mut().zip(x).zip(dy).zip(scale) {
                *dx = root * (dy * (scale + offset) - level - (x - mean) * root * along);
            }
        }
    }

    fn weight_columns<L>(
        x: &[f32],
        statistics: &[f32],
        dy: &[f32],
        columns: usize,
        first: usize,
        gradient: &mut [f32],
    ) {
        let range = first..first + gradient.len();
        let rows = x.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for ((x, dy), statistics) in rows.zip(statistics.chunks_exact(2)) {
            let (mean, root) = (statistics[0], statistics[1]);
            let (x, dy) = (&x[range.clone()], &dy[range.clone()]);
            for ((gradient, x), dy) in gradient.iter_mut().zip(x).zip(dy) {
                *gradient += dy * ((x - mean) * root);
            }
        }
    }
}
