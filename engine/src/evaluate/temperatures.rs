//! What temperatures would make of logits. Losses and confidences follow from sums of exponentials, which are added up at a grid of
//! temperatures at once while tokens are scored: a text is calibrated by all of its tokens, and no logits are kept.

use crate::cpu::vector::{exp, sum, total};
use crate::platform::lanes::{BLOCK, vectorised};

/// Points of the grid for each power of two, and powers.
const OCTAVE: usize = 4;
const OCTAVES: usize = 8;

/// Points of the grid.
pub(super) const GRID: usize = OCTAVE * OCTAVES;

/// Its lowest inverse temperature; the highest is about 13.
const MIN_INVERSE_TEMPERATURE: f64 = 1.0 / 16.0;

/// The least number whose square is a normal one: others take CPUs many times as long.
const MIN_POWER: f32 = 1.1e-19;

/// Points that a polynomial goes through, and halvings of where its lowest place can be.
const AROUND: usize = 5;
const STEPS: usize = 60;

/// The inverse temperatures 1/T of the grid.
pub(super) fn grid() -> [f64; GRID] {
    std::array::from_fn(|point| inverse(point as f64))
}

fn inverse(point: f64) -> f64 {
    MIN_INVERSE_TEMPERATURE * libm::exp2(point / OCTAVE as f64)
}

vectorised! {
    /// ln Σ e^((x − most) / T) of a row of logits x at each point of the grid; `most` is the highest of them.
    pub(super) fn log_sums<L>(row: &[f32], most: f32) -> [f32; GRID] {
        let mut sums = [0.0; GRID];
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        // What is missing of the last block weighs nothing.
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
                // At twice the inverse temperature each is its square.
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

    /// The same at one inverse temperature.
    pub(super) fn log_sum<L>(row: &[f32], most: f32, inverse: f32) -> f32 {
        sum(row.len(), |at| exp::<L>(inverse * (row[at] - most))).ln()
    }
}

/// The inverse temperature of the lowest loss, given the loss of all tokens at each point of the grid; 1 of none. The loss is smooth and has one
/// lowest place, so that a polynomial through the points around the lowest one finds it to about 1 in 10,000.
pub(super) fn lowest(nats: &[f64; GRID]) -> f64 {
    if nats.iter().all(|own| *own == 0.0) {
        return 1.0;
    }
    let best = (0..GRID).fold(0, |best, at| if nats[at] < nats[best] { at } else { best });
    let first = best.saturating_sub(AROUND / 2).min(GRID - AROUND);
    // As Lagrange has it; from the lowest point, since what is looked for are small differences.
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

    /// Logits between −40 and 0, so that some are far below what a float of 32 bits holds at low temperatures.
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
        // 1 is a point of the grid.
        assert!(grid().contains(&1.0));
    }

    #[test]
    fn a_temperature_undoes_what_logits_were_multiplied_by() {
        // Two tokens with 3 : 1, drawn as often, and logits so many times too far apart.
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
        // Nothing to learn from leaves it, and what is always right has no end but the grid's.
        assert_eq!(lowest(&[0.0; GRID]), 1.0);
        let end = lowest(&std::array::from_fn(|at| (GRID - at) as f64));
        assert!((end / grid()[GRID - 1] - 1.0).abs() < 1e-6, "{end}");
    }
}
