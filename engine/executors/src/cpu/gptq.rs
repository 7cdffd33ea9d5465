//! Rounding of a matrix to q4_0 that keeps its products with measured inputs: columns are rounded in turn, and the weights not yet rounded
//! make up for each error as the inputs' correlations allow (GPTQ, Frantar et al. 2022). Before, the weights move so that they make up for
//! the rounding of earlier matrices (GPTAQ, Li et al. 2025).

use super::matrix::{ByColumns, Matrix, MatrixMut, Old, product};
use super::ops::linear::{forward, input_backward, weight_backward};
use super::workers::{Rows, Workers};
use glasshouse_compiler::blocks::BLOCK;
use glasshouse_platform::Yielder;
use glasshouse_platform::lanes::vectorised;
use glasshouse_protocol::WeightFormat;
use half::f16;

/// The fraction of the mean squared input that is added to the diagonal of the inputs' products. With it, the largest eigenvalue is at most
/// 100 times the number of columns above the smallest, so f32 suffices to factor them.
const DAMPING: f32 = 0.01;

/// The scales that are tried, as fractions of the one that represents the lowest or the highest weight of a block as −8.
const SCALES: [f32; 8] = [1.05, 1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7];

/// Rows that move together.
const ROWS: usize = 128;

/// The inputs of a matrix, measured in the original and in the rounded model.
pub struct Measured {
    columns: usize,
    /// Xᵀ·X, with a row of X per token.
    gram: Vec<f32>,
    /// (O − X)ᵀ·X, with the original model's inputs O.
    lost: Vec<f32>,
}

impl Measured {
    pub fn new(columns: usize) -> Self {
        Self { columns, gram: vec![0.0; columns * columns], lost: vec![0.0; columns * columns] }
    }

    /// Adds inputs, one row per token; `original` becomes its difference from them.
    ///
    /// # Panics
    /// Rows are not whole, or their numbers differ.
    pub fn add(&mut self, workers: &Workers, inputs: &[f32], original: &mut [f32]) {
        assert!(inputs.len() == original.len() && inputs.len().is_multiple_of(self.columns), "sizes differ");
        let sizes = [inputs.len() / self.columns, self.columns, self.columns];
        original.iter_mut().zip(inputs).for_each(|(original, input)| *original -= input);
        if !inputs.is_empty() {
            workers.install(|| {
                weight_backward(workers, inputs, inputs, &mut self.gram, sizes);
                weight_backward(workers, original, inputs, &mut self.lost, sizes);
            });
        }
    }
}

/// Replaces weights, in rows of whole blocks, by values that q4_0 represents exactly; zeros stay zero. Returns whether it succeeded: not if
/// `measured` is not finite.
///
/// # Panics
/// Rows are not whole blocks.
pub async fn round_calibrated(
    weights: &mut [f32],
    measured: &Measured,
    workers: &Workers,
    yielder: &Yielder,
) -> bool {
    let Measured { columns, gram, lost } = measured;
    let columns = *columns;
    assert!(
        columns.is_multiple_of(BLOCK) && weights.len().is_multiple_of(columns),
        "rows are not whole blocks"
    );
    let Some(factor) = inverse_factor(gram, columns, workers, yielder).await else { return false };
    // One bit per weight.
    let zeros: Vec<u32> = weights
        .as_chunks::<BLOCK>()
        .0
        .iter()
        .map(|block| (0..BLOCK).map(|at| u32::from(block[at] == 0.0) << at).sum())
        .collect();
    for weights in weights.chunks_mut(ROWS * columns) {
        let (mut a, mut b) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
        let sizes = [weights.len() / columns, columns, columns];
        workers.install(|| {
            input_backward(workers, weights, lost, None, &mut a, sizes);
            input_backward(workers, &a, &factor, None, &mut b, sizes);
            forward(workers, &b, &factor, None, Some(&*weights), &mut a, sizes);
        });
        weights.copy_from_slice(&a);
        yielder.maybe_yield().await;
    }
    let rows = weights.len() / columns;
    let mut errors = vec![0.0; rows * BLOCK];
    for first in (0..columns).step_by(BLOCK) {
        let own: [[f32; BLOCK]; BLOCK] = std::array::from_fn(|at| {
            std::array::from_fn(|later| factor[(first + later) * columns + first + at])
        });
        let parts = (Rows::new(weights, columns), Rows::new(&mut errors, BLOCK));
        workers.install(|| {
            workers.rows(rows, 1, parts, |range, (weights, errors), _| {
                let rows = weights.data.chunks_exact_mut(columns).zip(errors.data.as_chunks_mut().0);
                for (row, (weights, errors)) in range.zip(rows) {
                    if let Some(block) = weights[first..].first_chunk_mut() {
                        round_block(block, zeros[(row * columns + first) / BLOCK], &own, errors);
                    }
                }
            });
        });
        let rest = first + BLOCK;
        if rest < columns && rows > 0 {
            let errors = Matrix::new(&errors, rows, BLOCK, BLOCK);
            let later =
                Matrix::new(&factor, columns, columns, columns).rows(rest..columns).columns(first..rest);
            let weights = MatrixMut::new(&mut weights[rest..], rows, columns - rest, columns);
            subtract(workers, errors, later.transposed(), weights);
        }
        yielder.maybe_yield().await;
    }
    true
}

/// c −= a·b, with a whole number of blocks of columns.
fn subtract(workers: &Workers, a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>) {
    workers.install(|| {
        workers.rows(b.column_count() / BLOCK, 1, ByColumns(c, BLOCK), |range, ByColumns(c, _), scratch| {
            let b = b.columns(range.start * BLOCK..range.end * BLOCK);
            product(a, b, c, -1.0, Old::Add, &mut scratch.panel);
        });
    });
}

vectorised! {
    /// Rounds the block of a row. Bit i of `zeros` is set if weight i stays zero. `factor[i][j]` is the weight of column i's error in column j.
    fn round_block<L>(
        block: &mut [f32; BLOCK],
        zeros: u32,
        factor: &[[f32; BLOCK]; BLOCK],
        errors: &mut [f32; BLOCK],
    ) {
        // A weight becomes −8, so that rounding to q4_0 finds the scale again.
        let quants = |at: usize, weight: f32, inverse: f32, lowest: usize| {
            let quant = if at == lowest { -8.0 } else { (weight * inverse).round_ties_even().clamp(-8.0, 7.0) };
            if zeros >> at & 1 == 1 { 0.0 } else { quant }
        };
        // Without a candidate, the weights become NaN.
        let (mut best, mut least) = ((f32::NAN, 0.0, 0), f32::INFINITY);
        let mut signs = [(-1.0, 0, 0.0), (1.0, 0, 0.0)];
        for (sign, lowest, most) in &mut signs {
            for (at, weight) in block.iter().enumerate() {
                if weight * *sign > *most && zeros >> at & 1 == 0 {
                    (*lowest, *most) = (at, weight * *sign);
                }
            }
        }
        let is_in_range = signs.iter().all(|(_, _, most)| *most <= WeightFormat::Q4_0.largest());
        for (sign, lowest, most) in signs.into_iter().filter(|_| is_in_range) {
            for share in SCALES {
                let scale = f16::from_f32(most * share * sign / -8.0).to_f32();
                let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
                let mut cost = 0.0;
                for at in 0..BLOCK {
                    let error = block[at] - quants(at, block[at], inverse, lowest) * scale;
                    cost += (error / factor[at][at]).powi(2);
                }
                if cost < least {
                    (best, least) = ((scale, inverse, lowest), cost);
                }
            }
        }
        let (scale, inverse, lowest) = best;
        for at in 0..BLOCK {
            let rounded = quants(at, block[at], inverse, lowest) * scale;
            errors[at] = (block[at] - rounded) / factor[at][at];
            // Entries up to the column are 0.
            for later in 0..BLOCK {
                block[later] -= errors[at] * factor[at][later];
            }
            block[at] = rounded;
        }
    }
}

/// The lower triangular X with XXᵀ = H⁻¹: H, damped, is LᵀL with L lower triangular, and X is L⁻¹. `None` if H is not positive definite.
async fn inverse_factor(
    gram: &[f32],
    columns: usize,
    workers: &Workers,
    yielder: &Yielder,
) -> Option<Vec<f32>> {
    let mean = (0..columns).map(|at| gram[at * columns + at]).sum::<f32>() / columns as f32;
    if !mean.is_finite() {
        return None;
    }
    let added = (mean * DAMPING).max(f32::MIN_POSITIVE.sqrt());
    let mut lower = gram.to_vec();
    (0..columns).for_each(|at| lower[at * columns + at] += added);
    for first in (0..columns).step_by(BLOCK).rev() {
        for pivot in (first..first + BLOCK).rev() {
            let (before, from) = lower.split_at_mut(pivot * columns);
            let root = from[pivot].sqrt();
            if !root.is_finite() || root <= 0.0 {
                return None;
            }
            from[..=pivot].iter_mut().for_each(|entry| *entry /= root);
            for (at, row) in (first..).zip(before[first * columns..].chunks_exact_mut(columns)) {
                let own = from[at];
                row[..=at].iter_mut().zip(&from[..=at]).for_each(|(entry, other)| *entry -= own * other);
            }
        }
        if first > 0 {
            let (before, own) = lower.split_at_mut(first * columns);
            let own = Matrix::new(own, BLOCK, first, columns);
            subtract(workers, own.transposed(), own, MatrixMut::new(before, first, first, columns));
        }
        yielder.maybe_yield().await;
    }
    let mut inverse = vec![0.0; columns * columns];
    for first in (0..columns).step_by(BLOCK) {
        if first > 0 {
            let (done, own) = inverse.split_at_mut(first * columns);
            let entries = Matrix::new(&lower[first * columns..], BLOCK, first, columns);
            let earlier = Matrix::new(done, first, first, columns);
            subtract(workers, entries, earlier, MatrixMut::new(own, BLOCK, first, columns));
        }
        for at in first..first + BLOCK {
            let row = &lower[at * columns..];
            let (done, own) = inverse.split_at_mut(at * columns);
            for (entry, earlier) in row[first..at].iter().zip(done[first * columns..].chunks_exact(columns)) {
                own[..at].iter_mut().zip(earlier).for_each(|(own, earlier)| *own -= entry * earlier);
            }
            own[at] = 1.0;
            own[..=at].iter_mut().for_each(|own| *own /= row[at]);
        }
        yielder.maybe_yield().await;
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_compiler::blocks;
    use glasshouse_platform::block_on;

    fn round(weights: &mut [f32], measured: &Measured) -> bool {
        block_on(round_calibrated(weights, measured, &Workers::new(Some(2)).unwrap(), &Yielder::none()))
    }

    fn measured(original: &[f32], inputs: &[f32], columns: usize) -> Measured {
        let (mut measured, workers) = (Measured::new(columns), Workers::new(Some(2)).unwrap());
        for (inputs, original) in inputs.chunks(100 * columns).zip(original.chunks(100 * columns)) {
            measured.add(&workers, inputs, &mut original.to_vec());
        }
        measured
    }

    /// Σ (a·x − b·y)² over rows of weights a and b and of inputs x and y.
    fn error(a: &[f32], x: &[f32], b: &[f32], y: &[f32], columns: usize) -> f64 {
        let dot = |row: &[f32], input: &[f32]| row.iter().zip(input).map(|(a, b)| a * b).sum::<f32>();
        let rows = a.chunks(columns).zip(b.chunks(columns));
        rows.flat_map(|(a, b)| {
            let inputs = x.chunks(columns).zip(y.chunks(columns));
            inputs.map(move |(x, y)| f64::from(dot(a, x) - dot(b, y)).powi(2))
        })
        .sum()
    }

    fn nearest(weights: &[f32], columns: usize) -> Vec<f32> {
        let mut rounded = weights.to_vec();
        blocks::round(WeightFormat::Q4_0.into(), columns, &mut rounded);
        rounded
    }

    /// Numbers between −1 and 1.
    fn noise(count: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Inputs of which each is mostly a sum of a few directions.
    fn inputs(tokens: usize, columns: usize) -> Vec<f32> {
        let (directions, own) = (noise(6 * columns, 3), noise(tokens * columns, 4));
        let shares = noise(tokens * 6, 5);
        (0..tokens * columns)
            .map(|at| {
                let (token, column) = (at / columns, at % columns);
                let shared = (0..6).map(|k| shares[token * 6 + k] * directions[k * columns + column]);
                shared.sum::<f32>() + 0.1 * own[at]
            })
            .collect()
    }

    #[test]
    fn the_factor_is_that_of_the_inverse() {
        let columns = 96;
        let inputs = inputs(200, columns);
        let mut gram = measured(&inputs, &inputs, columns).gram;
        let workers = Workers::new(Some(2)).unwrap();
        let factor_of =
            |gram: &[f32], columns| block_on(inverse_factor(gram, columns, &workers, &Yielder::none()));
        let factor = factor_of(&gram, columns).unwrap();
        let mean = (0..columns).map(|at| gram[at * columns + at]).sum::<f32>() / columns as f32;
        // Xᵀ H X is the identity.
        (0..columns).for_each(|at| gram[at * columns + at] += DAMPING * mean);
        let entry = |row: usize, column: usize| factor[row * columns + column];
        for row in 0..columns {
            for column in 0..columns {
                let sum: f64 = (0..columns)
                    .map(|a| {
                        let inner: f64 = (0..columns)
                            .map(|b| f64::from(entry(b, column)) * f64::from(gram[a * columns + b]))
                            .sum();
                        f64::from(entry(a, row)) * inner
                    })
                    .sum();
                let wanted = f64::from(u8::from(row == column));
                assert!((sum - wanted).abs() < 1e-3, "{row}, {column}: {sum}");
            }
        }
        assert!(factor_of(&[f32::NAN; BLOCK * BLOCK], BLOCK).is_none());
        let mut negative = vec![0.0; BLOCK * BLOCK];
        (0..BLOCK).for_each(|at| negative[at * BLOCK + at] = if at == 5 { -1.0 } else { 1.0 });
        assert!(factor_of(&negative, BLOCK).is_none());
    }

    #[test]
    fn products_with_the_inputs_are_nearer_than_after_rounding_to_nearest_and_the_values_are_those_of_q4_0() {
        let (rows, columns, tokens) = (24, 96, 200);
        let (mut weights, inputs) = (noise(rows * columns, 1), inputs(tokens, columns));
        // A pruned part, with a whole block.
        weights[..40].fill(0.0);
        let same = measured(&inputs, &inputs, columns);
        let mut calibrated = weights.clone();
        assert!(round(&mut calibrated, &same));
        assert_eq!(nearest(&calibrated, columns), calibrated);
        assert!(calibrated[..40].iter().all(|weight| *weight == 0.0));
        let [plain, ours] = [nearest(&weights, columns), calibrated.clone()]
            .map(|rounded| error(&weights, &inputs, &rounded, &inputs, columns));
        assert!(ours < 0.5 * plain, "{ours} {plain}");
        // Inputs that earlier rounding has changed.
        let changed: Vec<f32> = inputs
            .iter()
            .zip(noise(inputs.len(), 9))
            .map(|(input, noise)| 0.9 * input + 0.05 * noise)
            .collect();
        let mut moved = weights.clone();
        assert!(round(&mut moved, &measured(&inputs, &changed, columns)));
        assert_eq!(nearest(&moved, columns), moved);
        let [unmoved, moved] =
            [calibrated, moved].map(|rounded| error(&weights, &inputs, &rounded, &changed, columns));
        assert!(moved < 0.8 * unmoved, "{moved} {unmoved}");
        // Inputs that are always zero, and weights that are.
        let none = Measured::new(columns);
        let mut zeros = vec![0.0; 2 * columns];
        assert!(round(&mut zeros, &none));
        assert!(zeros.iter().all(|weight| *weight == 0.0));
        let mut again = weights.clone();
        assert!(round(&mut again, &none));
        assert_eq!(nearest(&again, columns), again);
        let broken = Measured { gram: vec![f32::NAN; columns * columns], ..none };
        assert!(!round(&mut again, &broken));
        // Beyond the largest scale.
        let mut large = vec![1e7; columns];
        large[3] = -1.0;
        assert!(round(&mut large, &same));
        assert!(large.iter().all(|weight| weight.is_nan()));
    }
}
