//! Softmax and divergence of logits, for whole tables: with the CPU executor's exponential, summed in f32 over a few hundred
//! entries and in f64 beyond.

use glasshouse_executors::cpu::vector::{exp, maximum, total};
use glasshouse_platform::lanes::{BLOCK, vectorised};

/// Entries summed in f32.
const PART: usize = 512;

/// Σ exp(x) of a row of logits, without overflow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Partition {
    largest: f32,
    /// Σ exp(x − largest).
    sum: f64,
}

impl Partition {
    pub(super) fn from_logits(logits: &[f32]) -> Self {
        let (largest, sum) = scaled(logits);
        Self { largest, sum }
    }

    /// ln Σ exp(x).
    pub(super) fn logarithm(&self) -> f64 {
        f64::from(self.largest) + libm::log(self.sum)
    }

    /// Index of the row's largest logit (the first of equals), and its probability.
    pub(super) fn top(&self, logits: &[f32]) -> (u32, f32) {
        let place = logits.iter().position(|logit| *logit == self.largest).unwrap_or_default();
        (place as u32, (1.0 / self.sum) as f32)
    }
}

/// KL(p ‖ q) in nats of two rows of logits, each given with its ln Σ exp(x).
pub(super) fn divergence((p, of_p): (&[f32], f64), (q, of_q): (&[f32], f64)) -> f64 {
    weighted(p, q, of_p as f32, (of_q - of_p) as f32)
}

vectorised! {
    fn scaled<L>(logits: &[f32]) -> (f32, f64) {
        let (largest, mut all) = (maximum(logits), 0.0);
        for part in logits.chunks(PART) {
            let (blocks, rest) = part.as_chunks::<BLOCK>();
            let mut sums = [0.0; BLOCK];
            for block in blocks {
                for (sum, x) in sums.iter_mut().zip(block) {
                    *sum += exp::<L>(*x - largest);
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                *sum += exp::<L>(*x - largest);
            }
            all += f64::from(total(sums));
        }
        (largest, all)
    }

    /// Σ exp(p − log_sum)·(p − q + apart).
    fn weighted<L>(p: &[f32], q: &[f32], log_sum: f32, apart: f32) -> f64 {
        let mut all = 0.0;
        for (p, q) in p.chunks(PART).zip(q.chunks(PART)) {
            let ((p, p_rest), (q, q_rest)) = (p.as_chunks::<BLOCK>(), q.as_chunks::<BLOCK>());
            let mut sums = [0.0; BLOCK];
            for (p, q) in p.iter().zip(q) {
                for ((sum, p), q) in sums.iter_mut().zip(p).zip(q) {
                    *sum += exp::<L>(*p - log_sum) * (*p - *q + apart);
                }
            }
            for ((sum, p), q) in sums.iter_mut().zip(p_rest).zip(q_rest) {
                *sum += exp::<L>(*p - log_sum) * (*p - *q + apart);
            }
            all += f64::from(total(sums));
        }
        all
    }

    /// y = factor·exp(x − log_sum); probabilities if the factor is 1.
    pub(super) fn probabilities<L>(logits: &[f32], log_sum: f32, factor: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(logits) {
            *y = factor * exp::<L>(*x - log_sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outputs::{likeliest, log_probabilities, log_sum_exp};
    use super::*;

    fn row(count: usize, phase: f32) -> Vec<f32> {
        (0..count).map(|at| 9.0 * (at as f32 * 0.73 + phase).sin()).collect()
    }

    #[test]
    fn rows_are_the_distributions_that_doubles_give() {
        for count in [1, 3, 512, 1300] {
            let (one, other) = (row(count, 0.1), row(count, 1.7));
            let [p, q] = [&one, &other].map(|row| Partition::from_logits(row));
            let totals = [p.logarithm(), q.logarithm()];
            for (total, row) in totals.iter().zip([&one, &other]) {
                assert!((total - log_sum_exp(row)).abs() < 1e-6, "{total}");
            }
            let logarithms = [&one, &other].map(|row| log_probabilities(row));
            let (place, probability) = p.top(&one);
            assert_eq!(place, likeliest(&one));
            assert!((f64::from(probability) - logarithms[0][place as usize].exp()).abs() < 1e-6);
            let pairs = logarithms[0].iter().zip(&logarithms[1]);
            let wanted: f64 = pairs.map(|(p, q)| p.exp() * (p - q)).sum();
            let found = divergence((&one, totals[0]), (&other, totals[1]));
            assert!((found - wanted).abs() < 1e-5 * wanted.max(1.0), "{found} for {wanted}");
            assert_eq!(divergence((&one, totals[0]), (&one, totals[0])), 0.0);
            let mut shares = vec![0.0; count];
            probabilities(&one, totals[0] as f32, 0.5, &mut shares);
            for (share, logarithm) in shares.iter().zip(&logarithms[0]) {
                assert!((f64::from(*share) - 0.5 * logarithm.exp()).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let broken = [1.0, f32::NAN, 2.0];
        let total = Partition::from_logits(&broken).logarithm();
        assert!(total.is_nan());
        assert!(divergence((&[0.0; 3], 3f64.ln()), (&broken, total)).is_nan());
    }
}
