//! The effect of temperatures on logits. Losses and confidences follow from sums of exponentials, which are accumulated
//! at a grid of temperatures while tokens are scored. So calibration uses all tokens of a text without storing logits.

use glasshouse_executors::cpu::vector::{exp, sum, total};
use glasshouse_platform::lanes::{BLOCK, vectorised};

/// Grid points per octave, and number of octaves.
const OCTAVE: usize = 4;
const OCTAVES: usize = 8;

pub(super) const GRID: usize = OCTAVE * OCTAVES;

/// Lowest inverse temperature of the grid; the highest is about 13.
const MIN_INVERSE_TEMPERATURE: f64 = 1.0 / 16.0;

/// Smallest number whose square is normal; subnormal numbers are many times slower on CPUs.
const MIN_POWER: f32 = 1.1e-19;

/// Points of the interpolating polynomial, and bisection steps to its minimum.
const AROUND: usize = 5;
const STEPS: usize = 60;

/// The grid of inverse temperatures 1/T.
pub(super) fn grid() -> [f64; GRID] {
    std::array::from_fn(|point| inverse(point as f64))
}

fn inverse(point: f64) -> f64 {
    MIN_INVERSE_TEMPERATURE * libm::exp2(point / OCTAVE as f64)
}

vectorised! {
    /// ln Σ e^((x − most) / T) over a row of logits x, at each grid point; `most` is the largest logit.
    pub(super) fn log_sums<L>(row: &[f32], most: f32) -> [f32; GRID] {
        let mut sums = [0.0; GRID];
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        // Padding of the last block has weight 0.
        let mut last = [f32::NEG_INFINITY; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        for first in 0..OCTAVE {
            let inverse = inverse(first as f64) as f32;
            let mut lanes = [[0.0_f32; BLOCK]; OCTAVES];
            for block in blocks.iter().chain(std::iter::once(&last)) {
                let mut powers = [0.0; BLOCK];
                for (power, x) in powers.iter_mut().zip(block) {
                    *power = exp::<L>(inverse * (x - most));
                }
                // Doubling the inverse temperature squares each power.
                for lanes in &mut lanes {
                    for (sum, power) in lanes.iter_mut().zip(&mut powers) {
                        *sum += *power;
                        let kept = if *power > MIN_POWER { *power } else { MIN_POWER };
                        *power = kept * kept;
                    }
                }
            }
            for (octave, lanes) in lanes.into_iter().enumerate() {
                sums[first + OCTAVE * octave] = total(lanes).ln();
            }
        }
        sums
    }

    /// [`log_sums`] at a single inverse temperature.
    pub(super) fn log_sum<L>(row: &[f32], most: f32, inverse: f32) -> f32 {
        sum(row.len(), |at| exp::<L>(inverse * (row[at] - most))).ln()
    }
}

/// The inverse temperature with the lowest loss, given the total loss at each grid point; 1 if there are no tokens. The
/// loss is smooth with a single minimum, so a polynomial through the lowest grid points finds it to about 1 in 10,000.
pub(super) fn lowest(nats: &[f64; GRID]) -> f64 {
    if nats.iter().all(|own| *own == 0.0) {
        return 1.0;
    }
    let best = (0..GRID).fold(0, |best, at| if nats[at] < nats[best] { at } else { best });
    let first = best.saturating_sub(AROUND / 2).min(GRID - AROUND);
    // Lagrange interpolation, relative to the lowest point because the differences are small.
    let polynomial = |place: f64| -> f64 {
        let points = first..first + AROUND;
        let term = |at: usize| {
            let others = points.clone().filter(|other| *other != at);
            let weight = others.map(|other| (place - other as f64) / (at as f64 - other as f64));
            weight.product::<f64>() * (nats[at] - nats[best])
        };
        points.clone().map(term).sum()
    };
    let (mut low, mut high) = (best.saturating_sub(1) as f64, (best + 1).min(GRID - 1) as f64);
    for _ in 0..STEPS {
        let third = (high - low) / 3.0;
        if polynomial(low + third) < polynomial(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    inverse((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits between −40 and 0; at low temperatures some exponentials underflow in f32.
    fn row(count: usize) -> Vec<f32> {
        (0..count).map(|at| -((at * at * 31 % 401) as f32) / 10.0).collect()
    }

    fn exactly(row: &[f32], inverse: f64) -> f64 {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter().map(|x| (inverse * f64::from(x - most)).exp()).sum::<f64>().ln()
    }

    #[test]
    fn sums_at_all_temperatures_are_those_of_each() {
        for count in [1, 5, 16, 33, 1000] {
            let row = row(count);
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (found, inverse) in log_sums(&row, most).into_iter().zip(grid()) {
                let expected = exactly(&row, inverse);
                assert!(
                    (f64::from(found) - expected).abs() < 2e-5 * (1.0 + expected),
                    "{count} {inverse}: {found}"
                );
                let alone = f64::from(log_sum(&row, most, inverse as f32));
                assert!((alone - expected).abs() < 1e-5 * (1.0 + expected), "{count} {inverse}: {alone}");
            }
        }
        // 1 is a grid point.
        assert!(grid().contains(&1.0));
    }

    #[test]
    fn a_temperature_undoes_what_logits_were_multiplied_by() {
        // Two tokens drawn 3 : 1, with logits scaled by `factor`.
        for factor in [0.2, 0.5, 1.0, 3.0, 7.0] {
            let apart = factor * 3.0_f32.ln();
            let sums = log_sums(&[apart, 0.0], apart);
            let mut nats = [0.0; GRID];
            for (at, inverse) in grid().into_iter().enumerate() {
                nats[at] = 4.0 * f64::from(sums[at]) + inverse * f64::from(apart);
            }
            let found = lowest(&nats);
            assert!((found * f64::from(factor) - 1.0).abs() < 1e-3, "{factor}: {found}");
            let confidence = (-log_sum(&[apart, 0.0], apart, found as f32)).exp();
            assert!((confidence - 0.75).abs() < 1e-3, "{factor}: {confidence}");
        }
        // Without tokens the result is 1; for a model that is always right it is the end of the grid.
        assert_eq!(lowest(&[0.0; GRID]), 1.0);
        let end = lowest(&std::array::from_fn(|at| (GRID - at) as f64));
        assert!((end / grid()[GRID - 1] - 1.0).abs() < 1e-6, "{end}");
    }
}
