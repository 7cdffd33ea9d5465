//! The optimizer update over the arenas, vectorised and split among the threads.

use super::workers::{Rows, Workers};
use glasshouse_compiler::optimizer::{Optimizer, Rate, entry};
use glasshouse_platform::lanes::{BLOCK, vectorised};
use glasshouse_protocol::OptimizerKind;

/// Minimum entries per thread.
const WORK: usize = 1 << 14;

/// Entries per partial sum of squares; fixed, so that the norm does not depend on the number of threads.
const SEGMENT: usize = 1 << 12;

/// Number of partial sums for the norm of a gradient.
pub fn partial_sums(entries: usize) -> usize {
    entries.div_ceil(SEGMENT)
}

/// L2 norm of the gradient. `partial` holds [`partial_sums`] entries.
pub fn norm(workers: &Workers, gradient: &[f32], partial: &mut [f32]) -> f32 {
    workers.rows(partial.len(), WORK / SEGMENT, Rows::of(partial, 1), |range, part, _| {
        for (segment, sum) in range.zip(part.data) {
            let from = segment * SEGMENT;
            *sum = squares(&gradient[from..gradient.len().min(from + SEGMENT)]);
        }
    });
    partial.iter().map(|sum| f64::from(*sum)).sum::<f64>().sqrt() as f32
}

/// Updates a part of the arenas whose entries share the weight decay `decay`. Moments unused by the rule are empty.
#[allow(clippy::too_many_arguments, reason = "four arenas and the rule")]
pub fn apply(
    workers: &Workers,
    optimizer: &Optimizer,
    rate: &Rate,
    decay: f32,
    scale: f32,
    gradients: &[f32],
    parameters: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let parts = (Rows::of(parameters, 1), Rows::of(first, 1), Rows::of(second, 1));
    workers.rows(gradients.len(), WORK, parts, |range, (parameters, first, second), _| {
        let gradients = &gradients[range];
        match optimizer.kind {
            OptimizerKind::Adamw | OptimizerKind::Adam => {
                adam(optimizer, rate, decay, scale, gradients, parameters.data, first.data, second.data);
            }
            OptimizerKind::Sgd => sgd(optimizer, rate, decay, scale, gradients, parameters.data, first.data),
            OptimizerKind::Rmsprop => {
                rmsprop(optimizer, rate, decay, scale, gradients, parameters.data, second.data);
            }
        }
    });
}

vectorised! {
    fn squares<L>(gradient: &[f32]) -> f32 {
        crate::cpu::vector::sum(gradient.len(), |at| gradient[at] * gradient[at])
    }

    // Each of the three has a constant rule, so the inner loop has no branches.
    fn adam<L>(
        optimizer: &Optimizer,
        rate: &Rate,
        decay: f32,
        scale: f32,
        gradients: &[f32],
        parameters: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let optimizer = Optimizer { kind: OptimizerKind::Adamw, ..*optimizer };
        let moments = first.iter_mut().zip(second);
        for ((gradient, parameter), (first, second)) in gradients.iter().zip(parameters).zip(moments) {
            (*parameter, *first, *second) =
                entry(&optimizer, rate, decay, *parameter, gradient * scale, *first, *second);
        }
    }

    fn sgd<L>(
        optimizer: &Optimizer,
        rate: &Rate,
        decay: f32,
        scale: f32,
        gradients: &[f32],
        parameters: &mut [f32],
        first: &mut [f32],
    ) {
        let optimizer = Optimizer { kind: OptimizerKind::Sgd, ..*optimizer };
        for ((gradient, parameter), first) in gradients.iter().zip(parameters).zip(first) {
            (*parameter, *first, _) = entry(&optimizer, rate, decay, *parameter, gradient * scale, *first, 0.0);
        }
    }

    fn rmsprop<L>(
        optimizer: &Optimizer,
        rate: &Rate,
        decay: f32,
        scale: f32,
        gradients: &[f32],
        parameters: &mut [f32],
        second: &mut [f32],
    ) {
        let optimizer = Optimizer { kind: OptimizerKind::Rmsprop, ..*optimizer };
        for ((gradient, parameter), second) in gradients.iter().zip(parameters).zip(second) {
            (*parameter, _, *second) = entry(&optimizer, rate, decay, *parameter, gradient * scale, 0.0, *second);
        }
    }
}

const _: () = assert!(SEGMENT.is_multiple_of(BLOCK));
