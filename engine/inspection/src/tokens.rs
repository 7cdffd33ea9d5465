//! Each token of the prompt, and its probability given the preceding ones.

use super::{Found, Subject};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Result, Yielder};
use std::f64::consts::LN_2;

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let tokens = subject.tokens;
    let axes = [("T", tokens.len())];
    let mut found = Found::default();
    found.ids("ids", "", &axes, tokens.to_vec());
    found.detail(subject.tokens_of(tokens.iter().copied()));
    if !subject.lens.config().labels.is_empty() {
        found.notice("The model is a classifier: it gives tokens no probability.");
        return Ok(found);
    }
    let logits = subject.values(HookPoint::Logits).await?;
    // The first token has no prediction.
    let (mut log_probabilities, mut rank, mut entropy) = (vec![0.0], vec![0], Vec::new());
    let yielder = Yielder::new();
    for (at, row) in logits.rows().enumerate() {
        let spread = Spread::from_logits(row);
        entropy.push((spread.entropy / LN_2) as f32);
        if let Some(next) = tokens.get(at + 1) {
            let logit = row.get(*next as usize).copied().unwrap_or(f32::NAN);
            log_probabilities.push((f64::from(logit) - spread.log_sum) as f32);
            rank.push(rank_of(row, *next as usize, logit));
        }
        yielder.maybe_yield().await;
    }
    let surprise = log_probabilities.iter().map(|log| (f64::from(0.0 - log) / LN_2) as f32).collect();
    let (nats, bits) = ("nats".to_owned(), "bits".to_owned());
    let summary = found.floats("log_probabilities", "head", &axes, log_probabilities);
    (summary.unit, summary.without_value) = (nats, 1);
    let summary = found.floats("surprise", "head", &axes, surprise);
    (summary.unit, summary.without_value) = (bits.clone(), 1);
    found.integers("rank", "head", &axes, rank).without_value = 1;
    found.floats("entropy", "head", &axes, entropy).unit = bits;
    found.notice("The first token has no context: the model gives it no probability.");
    Ok(found)
}

struct Spread {
    /// ln Σ exp x.
    log_sum: f64,
    /// −Σ p ln p, in nats.
    entropy: f64,
}

impl Spread {
    fn from_logits(logits: &[f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for logit in logits {
            let below = logit - largest;
            let weight = f64::from(libm::expf(below));
            sum += weight;
            // A weight of 0 adds nothing, even for −∞.
            weighted += if weight > 0.0 { weight * f64::from(below) } else { weight };
        }
        let log = libm::log(sum);
        Self { log_sum: f64::from(largest) + log, entropy: log - weighted / sum }
    }
}

/// Rank of a token from 1; of equal logits the lower id comes first.
fn rank_of(logits: &[f32], token: usize, logit: f32) -> u32 {
    let (before, behind) = logits.split_at(token.min(logits.len()));
    let likelier = before.iter().filter(|other| **other >= logit).count();
    (likelier + behind.iter().filter(|other| **other > logit).count() + 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_counts_what_is_likelier() {
        let logits = [1.0, 3.0, 2.0, 3.0];
        let ranks: Vec<u32> = (0..4).map(|token| rank_of(&logits, token, logits[token])).collect();
        assert_eq!(ranks, [4, 1, 3, 2]);
    }

    #[test]
    fn an_even_spread_has_the_entropy_of_its_count() {
        let spread = Spread::from_logits(&[700.0; 8]);
        assert!((spread.entropy / LN_2 - 3.0).abs() < 1e-9);
        assert!((spread.log_sum - 700.0 - 8f64.ln()).abs() < 1e-9);
        let sure = Spread::from_logits(&[0.0, f32::NEG_INFINITY, -400.0]);
        assert_eq!((sure.entropy, sure.log_sum), (0.0, 0.0));
    }
}
