//! The head fused with its loss, a few rows at a time.

use super::{Call, Interpret, Run, linear, loss};
use glasshouse_compiler::graph::ops::*;
use glasshouse_platform::Result;
use std::ops::Range;

impl Interpret for LinearCrossEntropy {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let LinearCrossEntropyInputs { x, weight, targets } = inputs;
        let LinearCrossEntropyOutputs { loss, rows: results, logits } = outputs;
        let Self { label_smoothing, ignore_index, chunk } = *self;
        let [rows, inner, vocabulary] = [x.rows(), weight.columns(), weight.rows()];
        call.known(targets, vocabulary, ignore_index)?;
        let op = CrossEntropy { label_smoothing, ignore_index };
        let (workers, weight, targets) = (call.workers, weight.floats, targets.words);
        for part in chunks(rows, chunk) {
            let logits = &mut logits[..part.len() * vocabulary];
            let x = &x.floats[part.start * inner..part.end * inner];
            linear::forward(workers, x, weight, None, None, logits, [part.len(), inner, vocabulary]);
            let results = &mut results[part.start * 2..part.end * 2];
            loss::rows(workers, op, logits, &targets[part], results);
        }
        loss::mean(ignore_index, targets, results, loss);
        Ok(())
    }
}

impl Interpret for LinearCrossEntropyBackward {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, gradients }: Run<'_, Self>) -> Result<()> {
        let LinearCrossEntropyBackwardInputs { x, weight, targets, rows: results, share } = inputs;
        let LinearCrossEntropyBackwardOutputs { dx, logits, dlogits } = outputs;
        let Self { label_smoothing, ignore_index, scale, chunk, weighted, .. } = *self;
        let mut gradient = gradients.weight;
        let [rows, inner, vocabulary] = [x.rows(), weight.columns(), weight.rows()];
        call.known(targets, vocabulary, ignore_index)?;
        let op = CrossEntropy { label_smoothing, ignore_index };
        let factors = loss::Factors::new(&call, scale, weighted, share.floats);
        let (workers, weight) = (call.workers, weight.floats);
        for part in chunks(rows, chunk) {
            let sizes = [part.len(), inner, vocabulary];
            let logits = &mut logits[..part.len() * vocabulary];
            let dlogits = &mut dlogits[..part.len() * vocabulary];
            let x = &x.floats[part.start * inner..part.end * inner];
            linear::forward(workers, x, weight, None, None, logits, sizes);
            let results = &results.floats[part.start * 2..part.end * 2];
            let targets = &targets.words[part.clone()];
            let factors = factors.part(part.clone());
            loss::backward(workers, op, factors, logits, targets, results, dlogits);
            let dx = &mut dx[part.start * inner..part.end * inner];
            linear::input_backward(workers, dlogits, weight, None, dx, sizes);
            if let Some(gradient) = gradient.as_deref_mut() {
                linear::weight_backward(workers, dlogits, x, gradient, sizes);
            }
        }
        Ok(())
    }
}

/// Ranges of up to `chunk` rows that cover all rows.
fn chunks(rows: usize, chunk: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(chunk.max(1)).map(move |start| start..(start + chunk).min(rows))
}
