//! Advantages of answers within their group, and the weights of their tokens in the loss.

use glasshouse_protocol::config::{RewardLoss, RewardSettings};

/// Added to the standard deviation of a group's rewards, as in TRL.
const EPSILON: f64 = 1e-4;

/// The advantage of each answer over its group: (r − mean) / (deviation + 1e-4), with the deviation over G − 1, or just r − mean
/// if `scale` is not set. Exactly 0 in a group with equal rewards. `rewards` is ordered by group.
pub fn advantages(rewards: &[f32], group: usize, scale: bool) -> Vec<f64> {
    let of_group = |rewards: &[f32]| -> Vec<f64> {
        if is_uniform(rewards) {
            return vec![0.0; rewards.len()];
        }
        let (mean, deviation) = mean_and_deviation(rewards);
        let divisor = if scale { deviation + EPSILON } else { 1.0 };
        rewards.iter().map(|reward| (f64::from(*reward) - mean) / divisor).collect()
    };
    rewards.chunks(group.max(1)).flat_map(of_group).collect()
}

pub(super) fn is_uniform(rewards: &[f32]) -> bool {
    rewards.iter().all(|reward| Some(reward) == rewards.first())
}

/// Mean and standard deviation (over n − 1).
pub(super) fn mean_and_deviation(rewards: &[f32]) -> (f64, f64) {
    let count = rewards.len().max(1) as f64;
    let mean = rewards.iter().map(|reward| f64::from(*reward)).sum::<f64>() / count;
    let squares: f64 = rewards.iter().map(|reward| (f64::from(*reward) - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// The weight of each answer's tokens in the loss of its micro-batch (of `batch` answers), so that the mean over a step's
/// micro-batches follows [`RewardLoss`]. `lengths` are the numbers of tokens of the answers.
pub fn token_shares(
    settings: &RewardSettings,
    lengths: &[usize],
    batch: usize,
    max_tokens: usize,
) -> Vec<f64> {
    let micro_batches = lengths.len().div_ceil(batch.max(1)) as f64;
    let total: usize = lengths.iter().sum();
    let of_batch = |lengths: &[usize]| -> Vec<f64> {
        let own: usize = lengths.iter().sum();
        let answers = lengths.len() as f64;
        let of_answer = |length: &usize| match settings.loss {
            RewardLoss::Dapo => micro_batches / total.max(1) as f64,
            RewardLoss::Grpo => 1.0 / (answers * (*length).max(1) as f64),
            RewardLoss::Bnpo => 1.0 / own.max(1) as f64,
            RewardLoss::DrGrpo => 1.0 / (answers * max_tokens.max(1) as f64),
        };
        lengths.iter().map(of_answer).collect()
    };
    lengths.chunks(batch.max(1)).flat_map(of_batch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advantages_are_of_a_group() {
        // For 1, 0, 0, 1 the mean is 1/2 and the deviation (over three) √(1/3).
        let deviation = (1.0_f64 / 3.0).sqrt();
        let wanted = 0.5 / (deviation + 1e-4);
        let found = advantages(&[1.0, 0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5], 4, true);
        for (found, wanted) in found.iter().zip([wanted, -wanted, -wanted, wanted, 0.0, 0.0, 0.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
        assert_eq!(advantages(&[1.0, 0.0], 2, false), [0.5, -0.5]);
        assert_eq!(advantages(&[0.1; 7], 7, true), [0.0; 7], "no rounding is left of equal rewards");
    }

    #[test]
    fn tokens_weigh_what_each_loss_says() {
        let lengths = [2, 4, 1, 3];
        let of = |loss| {
            let settings = RewardSettings { loss, ..RewardSettings::default() };
            token_shares(&settings, &lengths, 2, 8)
        };
        // The mean of the two micro-batches gives each of the ten tokens a tenth.
        assert_eq!(of(RewardLoss::Dapo), [0.2; 4]);
        assert_eq!(of(RewardLoss::Grpo), [0.25, 0.125, 0.5, 1.0 / 6.0]);
        assert_eq!(of(RewardLoss::Bnpo), [1.0 / 6.0, 1.0 / 6.0, 0.25, 0.25]);
        assert_eq!(of(RewardLoss::DrGrpo), [1.0 / 16.0; 4]);
    }
}
