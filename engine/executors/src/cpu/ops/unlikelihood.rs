//! Cross-entropy with unlikelihood, and its gradient.

use super::loss::{Factors, WORK, mean};
use super::{Call, Given, Interpret, Run};
use crate::cpu::vector::{exp, maximum, sum};
use crate::cpu::workers::Rows;
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;
use std::ops::Range;

/// The batch context of a row: tokens, targets, document starts and T.
#[derive(Clone, Copy)]
struct BatchContext<'run> {
    tokens: &'run [u32],
    targets: &'run [u32],
    starts: Option<&'run [u32]>,
    time: usize,
}

impl<'run> BatchContext<'run> {
    fn new(tokens: Given<'run>, targets: Given<'run>, starts: Option<Given<'run>>) -> Self {
        let starts = starts.map(|starts| starts.words);
        Self { tokens: tokens.words, targets: targets.words, starts, time: tokens.columns() }
    }

    /// The tokens to make unlikely at a row: each distinct token up to it, except its target. `seen` holds the last row
    /// each token occurred in.
    fn unlikely(self, row: usize, seen: &mut [usize]) -> impl Iterator<Item = usize> {
        let begin = row - row % self.time;
        let first = begin + self.starts.map_or(0, |starts| starts[row] as usize);
        let target = self.targets[row] as usize;
        let before = self.tokens[first..=row].iter().map(|token| *token as usize);
        before.filter(move |token| *token != target && std::mem::replace(&mut seen[*token], row) != row)
    }
}

impl Interpret for Unlikelihood {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let UnlikelihoodInputs { logits, tokens, targets, starts } = inputs;
        let UnlikelihoodOutputs { loss, rows, sums } = outputs;
        let columns = logits.columns();
        call.known(tokens, columns, None)?;
        call.known(targets, columns, self.ignore_index)?;
        let context = BatchContext::new(tokens, targets, starts);
        let parts = (Rows::new(rows, 2), Rows::new(sums, 2));
        let least = WORK.div_ceil(columns);
        call.workers.rows(targets.words.len(), least, parts, |range, (rows, sums), _| {
            let logits = &logits.floats[range.start * columns..range.end * columns];
            forward_rows(self, logits, context, range, rows.data, sums.data);
        });
        mean(self.ignore_index, targets.words, rows, loss);
        Ok(())
    }
}

impl Interpret for UnlikelihoodBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let UnlikelihoodBackwardInputs { logits, tokens, targets, sums, loss, starts } = inputs;
        let columns = logits.columns();
        call.known(tokens, columns, None)?;
        call.known(targets, columns, self.forward.ignore_index)?;
        let factor = Factors::new(&call, self.scale, false, loss.floats).of_row(0);
        let context = BatchContext::new(tokens, targets, starts);
        let (rows, least) = (Rows::new(outputs.dx, columns), WORK.div_ceil(columns));
        call.workers.rows(targets.words.len(), least, rows, |range, part, _| {
            let logits = &logits.floats[range.start * columns..range.end * columns];
            let sums = &sums.floats[range.start * 2..range.end * 2];
            backward_rows(&self.forward, factor, logits, context, range, sums, part.data);
        });
        Ok(())
    }
}

vectorised! {
    fn forward_rows<L>(
        op: &Unlikelihood,
        logits: &[f32],
        context: BatchContext<'_>,
        range: Range<usize>,
        rows: &mut [f32],
        sums: &mut [f32],
    ) {
        let columns = logits.len() / range.len().max(1);
        let mut seen = vec![usize::MAX; columns];
        let outputs = rows.chunks_exact_mut(2).zip(sums.chunks_exact_mut(2));
        for ((at, x), (row, sums)) in range.zip(logits.chunks_exact(columns)).zip(outputs) {
            let most = maximum(x);
            let lse = most + sum(columns, |at| exp::<L>(x[at] - most)).ln();
            let (mut penalty, mut odds) = (0.0, 0.0);
            for token in context.unlikely(at, &mut seen) {
                let p = exp::<L>(x[token] - lse);
                let rest = 1.0 - p;
                penalty -= rest.max(MIN_REST).ln();
                odds += if rest >= MIN_REST { p / rest } else { 0.0 };
            }
            let target = context.targets[at];
            let loss = if Some(target) == op.ignore_index {
                0.0
            } else {
                lse - x[target as usize] + op.alpha * penalty
            };
            (row[0], row[1]) = (lse, loss);
            (sums[0], sums[1]) = (lse, odds);
        }
    }

    fn backward_rows<L>(
        op: &Unlikelihood,
        factor: f32,
        logits: &[f32],
        context: BatchContext<'_>,
        range: Range<usize>,
        sums: &[f32],
        dx: &mut [f32],
    ) {
        let columns = logits.len() / range.len().max(1);
        let mut seen = vec![usize::MAX; columns];
        let inputs = range.zip(logits.chunks_exact(columns)).zip(sums.chunks_exact(2));
        for (((at, x), sums), dx) in inputs.zip(dx.chunks_exact_mut(columns)) {
            let target = context.targets[at];
            if Some(target) == op.ignore_index {
                dx.fill(0.0);
                continue;
            }
            let (lse, kept) = (sums[0], factor * (1.0 - op.alpha * sums[1]));
            for (dx, x) in dx.iter_mut().zip(x) {
                *dx = kept * exp::<L>(x - lse);
            }
            for token in context.unlikely(at, &mut seen) {
                let p = exp::<L>(x[token] - lse);
                let rest = 1.0 - p;
                if rest >= MIN_REST {
                    dx[token] += factor * op.alpha * p / rest;
                }
            }
            dx[target as usize] -= factor;
        }
    }
}
