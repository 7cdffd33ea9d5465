//! The optimizer update over the arenas, vectorised and split among the threads.

use super::program::{Program, Weights};
use super::workers::{Rows, Workers};
use glasshouse_compiler::graph::ValueId;
use glasshouse_compiler::muon::{self, Matrix};
use glasshouse_compiler::optimizer::{Optimizer, Rate, entry};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::lanes::{BLOCK, vectorised};
use glasshouse_platform::{OrInternal, Result};
use glasshouse_protocol::{OptimizerKind, order};

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
    workers.rows(partial.len(), WORK / SEGMENT, Rows::new(partial, 1), |range, part, _| {
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
    let parts = (Rows::new(parameters, 1), Rows::new(first, 1), Rows::new(second, 1));
    workers.rows(gradients.len(), WORK, parts, |range, (parameters, first, second), _| {
        let gradients = &gradients[range];
        match optimizer.kind {
            OptimizerKind::Adamw | OptimizerKind::Adam | OptimizerKind::Muon => {
                adam(optimizer, rate, decay, scale, gradients, parameters.data, first.data, second.data);
            }
            OptimizerKind::Sgd => sgd(optimizer, rate, decay, scale, gradients, parameters.data, first.data),
            OptimizerKind::Rmsprop => {
                rmsprop(optimizer, rate, decay, scale, gradients, parameters.data, second.data);
            }
        }
    });
}

/// Muon's iterations for matrices of one shape.
#[derive(Debug)]
struct Orthogonalisation {
    program: Program,
    input: ValueId,
    output: ValueId,
}

/// Muon's memory; empty with another optimizer.
#[derive(Debug, Default)]
pub struct Muon(Vec<([usize; 2], Orthogonalisation)>);

impl Muon {
    pub fn new(optimizer: &Optimizer, layout: &ArenaLayout) -> Result<Self> {
        let program = |shape: [usize; 2]| {
            let (graph, input, output) = muon::orthogonalisation(1, shape)?;
            Ok((shape, Orthogonalisation { program: Program::new(&graph, &[output]), input, output }))
        };
        shapes(optimizer, layout).into_iter().map(program).collect::<Result<_>>().map(Self)
    }

    /// What [`Self::bytes`] will return, without allocating.
    pub fn needed(optimizer: &Optimizer, layout: &ArenaLayout) -> u64 {
        let graphs =
            shapes(optimizer, layout).into_iter().flat_map(|shape| muon::orthogonalisation(1, shape));
        graphs.map(|(graph, _, output)| Program::needed(&graph, &[output])).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, own)| own.program.bytes()).sum()
    }

    /// Updates a matrix; its gradient is overwritten. `partial` holds its [`partial_sums`].
    #[allow(clippy::too_many_arguments, reason = "three arenas and the rule")]
    pub fn apply(
        &mut self,
        workers: &Workers,
        optimizer: &Optimizer,
        rate: &Rate,
        scale: f32,
        matrix: &Matrix,
        gradients: &mut [f32],
        parameters: &mut [f32],
        first: &mut [f32],
        partial: &mut [f32],
    ) -> Result<()> {
        let own = self.0.iter_mut().find(|(shape, _)| *shape == matrix.shape());
        let (_, own) = own.or_internal("a matrix without its orthogonalisation")?;
        let parts = (Rows::new(gradients, 1), Rows::new(first, 1));
        workers.rows(matrix.count(), WORK, parts, |_, (gradients, first), _| {
            momentum(scale, gradients.data, first.data);
        });
        let norm = norm(workers, gradients, partial).max(muon::EPS);
        let [rows, columns] = matrix.shape();
        let least = WORK.div_ceil(columns);
        let gradients = &gradients[..matrix.count()];
        let x = Rows::new(own.program.input(own.input), columns);
        workers.rows(rows, least, x, |range, part, _| {
            for (row, x) in range.zip(part.data.chunks_exact_mut(columns)) {
                let stored = if matrix.is_tall() { (row, rows) } else { (row * columns, 1) };
                let update = gradients[stored.0..].iter().step_by(stored.1);
                x.iter_mut().zip(update).for_each(|(x, update)| *x = update / norm);
            }
        });
        own.program.run(&mut Weights::default(), [0, 0], workers)?;
        let x = own.program.floats(own.output);
        let (decay, learning_rate) = (optimizer.weight_decay, rate.learning_rate);
        let parameters = Rows::new(&mut parameters[..matrix.count()], matrix.columns);
        workers.rows(matrix.rows, WORK.div_ceil(matrix.columns), parameters, |range, part, _| {
            for (row, parameters) in range.zip(part.data.chunks_exact_mut(matrix.columns)) {
                let stored = if matrix.is_tall() { (row, matrix.rows) } else { (row * matrix.columns, 1) };
                let step = x[stored.0..].iter().step_by(stored.1);
                for (parameter, step) in parameters.iter_mut().zip(step) {
                    if optimizer.keeps_zeros && *parameter == 0.0 {
                        continue;
                    }
                    let decayed = *parameter - learning_rate * decay * *parameter;
                    *parameter = decayed - learning_rate * matrix.rate() * step;
                }
            }
        });
        Ok(())
    }
}

/// The distinct shapes of Muon's matrices.
fn shapes(optimizer: &Optimizer, layout: &ArenaLayout) -> Vec<[usize; 2]> {
    order::distinct(optimizer.matrices(layout).iter().flat_map(Matrix::parts).map(|part| part.shape()))
}

vectorised! {
    fn momentum<L>(scale: f32, gradients: &mut [f32], first: &mut [f32]) {
        for (gradient, first) in gradients.iter_mut().zip(first) {
            let own = (1.0 - muon::MOMENTUM) * (*gradient * scale);
            *first = muon::MOMENTUM * *first + own;
            *gradient = muon::MOMENTUM * *first + own;
        }
    }

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
