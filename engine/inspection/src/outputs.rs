//! A model's outputs (tokens, or a classifier's labels), and divergences of distributions over them.

use super::distribution::{Partition, probabilities};
use super::{Subject, Tensor, exists};
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::inspect::{Detail, TokenText};
use glasshouse_protocol::order;

impl Subject<'_> {
    /// The distinct outputs with these ids: tokens or labels.
    pub(super) fn outputs_of(&self, ids: impl IntoIterator<Item = u32>) -> Detail {
        let labels = &self.lens.config().labels;
        if labels.is_empty() {
            return self.tokens_of(ids);
        }
        let text = |id: u32| labels.get(id as usize).cloned().unwrap_or_default();
        let ids = order::distinct(ids).into_iter();
        Detail::Tokens { tokens: ids.map(|id| TokenText { id, text: text(id) }).collect() }
    }

    /// The inspected output: the selected one, or that with the largest logit. Fails if the head has no such row.
    pub(super) fn output(&self, logits: &[f32]) -> Result<u32> {
        let config = self.lens.config();
        let what = if config.labels.is_empty() { "token" } else { "label" };
        match self.settings.token {
            Some(token) => exists(what, token as usize, config.outputs()).map(|()| token),
            None => Ok(likeliest(logits)),
        }
    }

    /// A notice about a head that does not predict tokens.
    pub(super) fn about_outputs(&self) -> Option<&'static str> {
        let config = self.lens.config();
        if config.scores() {
            Some(
                "The model scores texts: its head has a single output, and the score is its logit at the last position.",
            )
        } else if !config.labels.is_empty() {
            Some("The model classifies texts: its outputs are labels, read at the last position.")
        } else {
            None
        }
    }
}

/// Index of the largest logit; the first of equals.
pub(super) fn likeliest(logits: &[f32]) -> u32 {
    let better = |best: (u32, f32), own: (u32, f32)| if own.1 > best.1 { own } else { best };
    (0..).zip(logits.iter().copied()).fold((0, f32::NEG_INFINITY), better).0
}

/// Indices of the largest entries in descending order; of equals the lower index first.
pub(super) fn largest(entries: &[f32], count: usize) -> Vec<u32> {
    let order = |one: &u32, other: &u32| {
        let at = |place: &u32| entries.get(*place as usize).copied().unwrap_or_default();
        at(other).total_cmp(&at(one)).then(one.cmp(other))
    };
    let mut places: Vec<u32> = (0..).zip(entries).map(|(place, _)| place).collect();
    if count > 0 && count < places.len() {
        places.select_nth_unstable_by(count - 1, order);
    }
    places.truncate(count);
    places.sort_unstable_by(order);
    places
}

/// ln Σ exp(logit).
pub(super) fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits.iter().map(|logit| libm::exp(f64::from(*logit) - largest)).sum();
    largest + libm::log(total)
}

/// Log-softmax of logits, natural logarithm.
pub(super) fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    let total = log_sum_exp(logits);
    logits.iter().map(|logit| f64::from(*logit) - total).collect()
}

/// Gradient of a text's mean next-token cross-entropy with respect to the logits [T, V]: (softmax(x) − \[target\]) / (T − 1), and
/// 0 at the last position.
pub(super) async fn cross_entropy_gradient(logits: &Tensor, tokens: &[u32], yielder: &Yielder) -> Tensor {
    let share = 1.0 / tokens.len().saturating_sub(1).max(1) as f32;
    let mut data = vec![0.0; logits.data.len()];
    let rows = data.chunks_exact_mut(logits.columns().max(1)).zip(logits.rows());
    for ((gradient, row), target) in rows.zip(tokens.iter().skip(1)) {
        probabilities(row, Partition::from_logits(row).logarithm() as f32, share, gradient);
        if let Some(entry) = gradient.get_mut(*target as usize) {
            *entry -= share;
        }
        yielder.maybe_yield().await;
    }
    Tensor::new(&logits.shape, data)
}

/// KL(before ‖ after) in bits, from log-probabilities.
pub(super) fn divergence_bits(before: &[f64], after: &[f64]) -> f64 {
    let of = |(before, after): (&f64, &f64)| libm::exp(*before) * (before - after);
    in_bits(before.iter().zip(after).map(of).sum())
}

/// Converts a divergence to bits. Negative values are rounding errors and become 0; NaN stays NaN.
pub(super) fn in_bits(nats: f64) -> f64 {
    let bits = nats / core::f64::consts::LN_2;
    if bits < 0.0 { 0.0 } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    /// Compared with finite differences of the loss.
    #[test]
    fn the_seed_is_the_gradient_of_the_mean_cross_entropy() {
        let tokens = [1, 0, 2];
        let logits = Tensor::new(&[3, 3], vec![0.1, -0.4, 0.9, 1.0, 0.2, -0.3, 0.5, 0.5, 0.0]);
        let loss = |logits: &Tensor| -> f64 {
            let rows = logits.rows().zip(&tokens[1..]);
            let own = rows.map(|(row, target)| log_sum_exp(row) - f64::from(row[*target as usize]));
            own.sum::<f64>() / 2.0
        };
        let gradient = block_on(cross_entropy_gradient(&logits, &tokens, &Yielder::none()));
        for at in 0..9 {
            let moved = |by: f32| {
                let mut moved = logits.clone();
                moved.data[at] += by;
                loss(&moved)
            };
            let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            assert!((slope - f64::from(gradient.data[at])).abs() < 1e-4, "{at}: {slope} {gradient:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_no_small_divergence() {
        let half = [0.5_f64.ln(); 2];
        assert_eq!(divergence_bits(&half, &half), 0.0);
        assert!((divergence_bits(&half, &[0.25_f64.ln(), 0.75_f64.ln()]) - 0.2075).abs() < 1e-4);
        assert!(divergence_bits(&half, &[f64::NAN; 2]).is_nan());
    }
}
