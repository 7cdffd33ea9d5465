//! Rounding of a matrix to q4_0 that keeps its products with measured inputs (GPTQ, Frantar et al. 2022): columns are rounded in turn,
//! and the weights not yet rounded make up for each error as the inputs' correlations allow.

use super::matrix::{Matrix, MatrixMut, Old, product};
use glasshouse_compiler::blocks::BLOCK;
use half::f16;

/// Fractions of the mean squared input that are added to the diagonal of the inputs' products, until they can be factored.
const DAMPING: [f32; 3] = [0.01, 0.1, 1.0];

/// The scales that are tried, as fractions of the one that represents the extreme weight of a block.
const SCALES: [f32; 8] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65];

/// Adds the products of the columns of `inputs`, one row per token, to the symmetric matrix `gram`.
///
/// # Panics
/// `gram` is not square, or rows are not whole.
pub fn add_gram(inputs: &[f32], gram: &mut [f32], columns: usize) {
    assert!(gram.len() == columns * columns && inputs.len().is_multiple_of(columns), "sizes differ");
    if !inputs.is_empty() {
        let rows = Matrix::new(inputs, inputs.len() / columns, columns, columns);
        let sums = MatrixMut::new(gram, columns, columns, columns);
        product(rows.transposed(), rows, sums, 1.0, Old::Add, &mut Vec::new());
    }
}

/// Replaces weights, in rows of whole blocks, by values that q4_0 represents exactly. Returns whether it succeeded: not if `gram`
/// is not finite.
///
/// # Panics
/// Rows are not whole blocks, or `gram` has another size.
pub fn round_calibrated(weights: &mut [f32], gram: &[f32], columns: usize) -> bool {
    assert!(
        columns.is_multiple_of(BLOCK) && weights.len().is_multiple_of(columns),
        "rows are not whole blocks"
    );
    assert!(gram.len() == columns * columns, "products of other inputs");
    let Some(factor) = DAMPING.iter().find_map(|share| inverse_factor(gram, columns, *share)) else {
        return false;
    };
    let rows = weights.len() / columns;
    let (mut errors, mut panel) = (vec![0.0; rows * BLOCK], Vec::new());
    for first in (0..columns).step_by(BLOCK) {
        let own: [[f32; BLOCK]; BLOCK] = std::array::from_fn(|at| {
            std::array::from_fn(|later| factor[(first + later) * columns + first + at])
        });
        for (row, errors) in weights.chunks_exact_mut(columns).zip(errors.as_chunks_mut().0) {
            if let Some(block) = row[first..].first_chunk_mut() {
                round_block(block, &own, errors);
            }
        }
        let rest = first + BLOCK;
        if rest < columns && rows > 0 {
            let errors = Matrix::new(&errors, rows, BLOCK, BLOCK);
            let later =
                Matrix::new(&factor, columns, columns, columns).rows(rest..columns).columns(first..rest);
            let weights = MatrixMut::new(&mut weights[rest..], rows, columns - rest, columns);
            product(errors, later.transposed(), weights, -1.0, Old::Add, &mut panel);
        }
    }
    true
}

/// Rounds the block of a row. `factor[i][j]` is the weight of column i's error in column j.
fn round_block(block: &mut [f32; BLOCK], factor: &[[f32; BLOCK]; BLOCK], errors: &mut [f32; BLOCK]) {
    let (mut extreme, mut largest) = (0, 0.0);
    for (at, weight) in block.iter().enumerate() {
        if weight.abs() > largest {
            (extreme, largest) = (at, weight.abs());
        }
    }
    let whole = block[extreme] / -8.0;
    let quant = |weight: f32, scale: f32| {
        if scale == 0.0 { 0.0 } else { (weight / scale).round().clamp(-8.0, 7.0) }
    };
    let cost = |scale: f32| -> f32 {
        let weighed = block.iter().zip(factor).enumerate();
        weighed.map(|(at, (weight, own))| ((weight - quant(*weight, scale) * scale) / own[at]).powi(2)).sum()
    };
    let scales = SCALES.map(|share| f16::from_f32(whole * share).to_f32());
    let scale = scales.into_iter().min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(whole);
    for at in 0..BLOCK {
        // The extreme weight stays the extreme one, so that rounding to q4_0 finds this scale again.
        let rounded = if at == extreme { -8.0 } else { quant(block[at], scale) } * scale;
        errors[at] = (block[at] - rounded) / factor[at][at];
        block[at] = rounded;
        for later in at + 1..BLOCK {
            block[later] -= errors[at] * factor[at][later];
        }
    }
}

/// The lower triangular X with XXᵀ = H⁻¹ from its last row on: H, damped, is LᵀL with L lower triangular, and X is L⁻¹. `None` if H is not
/// positive definite.
fn inverse_factor(gram: &[f32], columns: usize, damping: f32) -> Option<Vec<f32>> {
    let mean = (0..columns).map(|at| gram[at * columns + at]).sum::<f32>() / columns as f32;
    if !mean.is_finite() {
        return None;
    }
    let added = (mean * damping).max(f32::MIN_POSITIVE.sqrt());
    let mut lower = gram.to_vec();
    (0..columns).for_each(|at| lower[at * columns + at] += added);
    for pivot in (0..columns).rev() {
        let (before, from) = lower.split_at_mut(pivot * columns);
        let root = from[pivot].sqrt();
        if !root.is_finite() || root <= 0.0 {
            return None;
        }
        from[..=pivot].iter_mut().for_each(|entry| *entry /= root);
        for (at, row) in before.chunks_exact_mut(columns).enumerate() {
            let own = from[at];
            row[..=at].iter_mut().zip(&from[..=at]).for_each(|(entry, other)| *entry -= own * other);
        }
    }
    let mut inverse = vec![0.0; columns * columns];
    for (at, row) in lower.chunks_exact(columns).enumerate() {
        let (done, rest) = inverse.split_at_mut(at * columns);
        let own = &mut rest[..=at];
        for (before, (entry, earlier)) in row[..at].iter().zip(done.chunks_exact(columns)).enumerate() {
            own[..=before]
                .iter_mut()
                .zip(&earlier[..=before])
                .for_each(|(own, earlier)| *own -= entry * earlier);
        }
        own[at] = 1.0;
        own.iter_mut().for_each(|own| *own /= row[at]);
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_compiler::blocks;
    use glasshouse_compiler::graph::Element;

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
        let columns = 40;
        let mut gram = vec![0.0; columns * columns];
        add_gram(&inputs(100, columns), &mut gram, columns);
        let factor = inverse_factor(&gram, columns, 0.01).unwrap();
        let mean = (0..columns).map(|at| gram[at * columns + at]).sum::<f32>() / columns as f32;
        // X H Xᵀ is the identity, with L = X⁻¹ and H = LᵀL: X is applied from the other side.
        (0..columns).for_each(|at| gram[at * columns + at] += 0.01 * mean);
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
        assert!(inverse_factor(&[f32::NAN; 4], 2, 0.01).is_none());
        assert!(inverse_factor(&[-1.0, 0.0, 0.0, 0.5], 2, 0.01).is_none());
    }

    #[test]
    fn products_with_the_inputs_are_nearer_than_after_rounding_to_nearest_and_the_values_are_those_of_q4_0() {
        let (rows, columns, tokens) = (24, 96, 200);
        let (weights, inputs) = (noise(rows * columns, 1), inputs(tokens, columns));
        let mut gram = vec![0.0; columns * columns];
        for half in inputs.chunks(tokens / 2 * columns) {
            add_gram(half, &mut gram, columns);
        }
        let mut calibrated = weights.clone();
        assert!(round_calibrated(&mut calibrated, &gram, columns));
        let rounded = |weights: &[f32]| {
            let mut rounded = weights.to_vec();
            blocks::round(Element::Q4_0, columns, &mut rounded);
            rounded
        };
        assert_eq!(rounded(&calibrated), calibrated);
        let error = |other: &[f32]| -> f64 {
            let differences: Vec<f32> = weights.iter().zip(other).map(|(a, b)| a - b).collect();
            let outputs = differences.chunks(columns).flat_map(|row| {
                inputs
                    .chunks(columns)
                    .map(move |input| row.iter().zip(input).map(|(a, b)| a * b).sum::<f32>())
            });
            outputs.map(|output| f64::from(output).powi(2)).sum()
        };
        let [nearest, ours] = [error(&rounded(&weights)), error(&calibrated)];
        assert!(ours < 0.5 * nearest, "{ours} {nearest}");
        // Inputs that are always zero, and weights that are.
        let mut zeros = vec![0.0; 2 * columns];
        assert!(round_calibrated(&mut zeros, &vec![0.0; columns * columns], columns));
        assert!(zeros.iter().all(|weight| *weight == 0.0));
        let mut again = weights.clone();
        assert!(round_calibrated(&mut again, &vec![0.0; columns * columns], columns));
        assert_eq!(rounded(&again), again);
        assert!(!round_calibrated(&mut again, &vec![f32::NAN; columns * columns], columns));
    }
}
