//! Softmax with cross-entropy, and its gradient.

use super::{Call, Interpret, Run};
use crate::cpu::vector::{exp, maximum, sum};
use crate::cpu::workers::{Rows, Workers};
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;
use std::ops::Range;

/// Minimum entries per thread.
pub(super) const WORK: usize = 1 << 12;

impl Interpret for CrossEntropy {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (CrossEntropyInputs { logits, targets }, CrossEntropyOutputs { loss, rows }) = (inputs, outputs);
        call.known(targets, logits.columns(), self.ignore_index)?;
        self::rows(call.workers, *self, logits.floats, targets.words, rows);
        mean(self.ignore_index, targets.words, rows, loss);
        Ok(())
    }
}

impl Interpret for Score {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (ScoreInputs { logits, targets }, ScoreOutputs { loss, rows }) = (inputs, outputs);
        call.known(targets, 1, self.ignore_index)?;
        for ((row, x), target) in rows.chunks_exact_mut(2).zip(logits.floats).zip(targets.words) {
            let counts = Some(*target) != self.ignore_index;
            (row[0], row[1]) = (x + Self::BEYOND, if counts { -x } else { 0.0 });
        }
        mean(self.ignore_index, targets.words, rows, loss);
        Ok(())
    }
}

impl Interpret for CrossEntropyBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let CrossEntropyBackwardInputs { logits, targets, rows, share } = inputs;
        let Self { label_smoothing, ignore_index, scale, weighted } = *self;
        call.known(targets, logits.columns(), ignore_index)?;
        let factors = Factors::new(&call, scale, weighted, share.floats);
        let forward = CrossEntropy { label_smoothing, ignore_index };
        backward(call.workers, forward, factors, logits.floats, targets.words, rows.floats, outputs.dx);
        Ok(())
    }
}

/// Factors of each row's loss gradient.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'run> {
    scale: f32,
    /// One weight per row, if weighted.
    weights: Option<&'run [f32]>,
}

impl<'run> Factors<'run> {
    /// `share` holds the rows' weights if `weighted`, else the loss output, whose count divides the gradient.
    pub(super) fn new(call: &Call<'_>, scale: f32, weighted: bool, share: &'run [f32]) -> Self {
        if weighted {
            return Self { scale, weights: Some(share) };
        }
        let count = call.denominator(share[1]);
        Self { scale: if count > 0.0 { scale / count } else { 0.0 }, weights: None }
    }

    pub(super) fn part(self, rows: Range<usize>) -> Self {
        Self { weights: self.weights.map(|weights| &weights[rows]), ..self }
    }

    pub(super) fn of_row(self, row: usize) -> f32 {
        self.weights.map_or(self.scale, |weights| self.scale * weights[row])
    }
}

/// Computes each row's (lse, loss).
pub fn rows(workers: &Workers, op: CrossEntropy, logits: &[f32], targets: &[u32], rows: &mut [f32]) {
    let columns = logits.len() / targets.len();
    workers.rows(targets.len(), WORK.div_ceil(columns), Rows::new(rows, 2), |range, part, _| {
        let logits = &logits[range.start * columns..range.end * columns];
        forward_rows(op, logits, &targets[range], part.data);
    });
}

/// (mean, count) of the counted rows.
pub fn mean(ignore_index: Option<u32>, targets: &[u32], rows: &[f32], loss: &mut [f32]) {
    let mut total = 0.0f64;
    let mut count = 0u32;
    for (row, target) in rows.chunks_exact(2).zip(targets) {
        if Some(*target) != ignore_index {
            total += f64::from(row[1]);
            count += 1;
        }
    }
    loss[0] = if count > 0 { (total / f64::from(count)) as f32 } else { 0.0 };
    loss[1] = count as f32;
}

/// Gradient of the loss with respect to the logits, times each row's factor.
pub fn backward(
    workers: &Workers,
    op: CrossEntropy,
    factors: Factors<'_>,
    logits: &[f32],
    targets: &[u32],
    rows: &[f32],
    dx: &mut [f32],
) {
    let columns = logits.len() / targets.len();
    workers.rows(targets.len(), WORK.div_ceil(columns), Rows::new(dx, columns), |range, part, _| {
        let logits = &logits[range.start * columns..range.end * columns];
        let rows = &rows[range.start * 2..range.end * 2];
        backward_rows(op, factors.part(range.clone()), logits, &targets[range], rows, part.data);
    });
}

vectorised! {
    fn forward_rows<L>(op: CrossEntropy, logits: &[f32], targets: &[u32], rows: &mut [f32]) {
        let columns = logits.len() / targets.len();
        let smoothing = op.label_smoothing;
        let logits = logits.chunks_exact(columns);
        for ((x, target), row) in logits.zip(targets).zip(rows.chunks_exact_mut(2)) {
            let most = maximum(x);
            let lse = most + sum(columns, |at| exp::<L>(x[at] - most)).ln();
            let loss = if Some(*target) == op.ignore_index {
                0.0
            } else if smoothing > 0.0 {
                let mean = sum(columns, |at| x[at]) / columns as f32;
                (1.0 - smoothing) * (lse - x[*target as usize]) + smoothing * (lse - mean)
            } else {
                lse - x[*target as usize]
            };
            (row[0], row[1]) = (lse, loss);
        }
    }

    fn backward_rows<L>(
        op: CrossEntropy,
        factors: Factors<'_>,
        logits: &[f32],
        targets: &[u32],
        rows: &[f32],
        dx: &mut [f32],
    ) {
        let columns = logits.len() / targets.len();
        let uniform = op.label_smoothing / columns as f32;
        let inputs = logits.chunks_exact(columns).zip(targets).zip(rows.chunks_exact(2));
        for (at, (((x, target), row), dx)) in inputs.zip(dx.chunks_exact_mut(columns)).enumerate() {
            if Some(*target) == op.ignore_index {
                dx.fill(0.0);
                continue;
            }
            let (lse, factor) = (row[0], factors.of_row(at));
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = factor * (exp::<L>(x - lse) - uniform);
            }
            dx[*target as usize] -= factor * (1.0 - op.label_smoothing);
        }
    }
}
