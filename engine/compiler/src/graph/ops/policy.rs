//! Policy-gradient loss for reinforcement learning.

use super::loss::targets_fit;
use super::{Done, In, Nothing, Operation, Out, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect};

/// Clipped policy gradient (Schulman et al. 2017, arXiv 1707.06347, equation 7) with a KL penalty to a reference (Schulman
/// 2020, "Approximating KL divergence", k3): the sum over rows of
///
/// ```text
/// −min(ρ·a, clip(ρ, 1 − ε, 1 + ε)·a) + b·(e^d − d − 1)·c      ρ = e^(−l − old), d = reference + l
/// ```
///
/// with l the row's loss (the token's negative log-probability) and c = ρ if the penalty is `corrected`, else 1. Without
/// `ratio`, ρ is taken to be 1 but keeps its gradient: the tokens were drawn with the current weights. If `weighs` is set, a
/// row contributes a·l only: a cross-entropy with a weight per token.
///
/// Inputs: rows [N,2] of a [`super::CrossEntropy`], targets u32[B,T] with N = B·T, scores [N,4] = (a, old, b, reference): the
/// advantage and β, each already multiplied by the token's weight in the loss, and log-probabilities. Outputs: loss [2] = (sum,
/// counted rows), weights [N], the gradient with respect to each row's loss for [`super::CrossEntropyBackward`]; 0 for ignored
/// rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// ε.
    pub epsilon: f32,
    /// Whether to compute ρ from the log-probabilities under the weights that drew the tokens.
    pub ratio: bool,
    /// Whether the penalty is multiplied by ρ.
    pub corrected: bool,
    /// Target of rows that do not count.
    pub ignored: u32,
    /// Whether a row contributes a times its loss and nothing else.
    pub weighs: bool,
}

operands! {
    PolicyInputs of Policy { rows, targets, scores }
    PolicyOutputs of Policy { loss, weights }
}

/// Number of scores per row.
pub const POLICY_SCORES: usize = 4;

impl Operation for Policy {
    declare!(
        "policy",
        "−min(ρ·a, clip(ρ, 1 − ε, 1 + ε)·a) + β·KL to the reference",
        PolicyInputs -> PolicyOutputs
    );

    fn types(&self, inputs: PolicyInputs<&Type>, _: Nothing) -> Rule<PolicyOutputs<Type>> {
        let PolicyInputs { rows, targets, scores } = inputs;
        targets_fit(targets, rows)?;
        alike("rows", rows, &Type::f32(&[targets.count(), 2]))?;
        alike("scores", scores, &Type::f32(&[targets.count(), POLICY_SCORES]))?;
        expect(targets.shape.len() == 2, || format!("targets must be rows of positions, not {targets}"))?;
        Ok(PolicyOutputs { loss: Type::f32(&[2]), weights: Type::f32(&[targets.count()]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (PolicyInputs { rows, .. }, PolicyOutputs { loss, weights }) = (inputs, outputs);
        // Only the row losses receive a gradient: one number per row, before the pass's scale.
        if pass.begins_at(loss).is_some() { pass.flow(rows, weights) } else { Ok(()) }
    }
}

/// Per-token constants of the objective, known before the step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenScores {
    /// The completion's advantage times the token's weight.
    pub advantage: f64,
    /// Log-probability under the weights that drew it.
    pub old: f64,
    /// β, times the token's weight.
    pub penalty: f64,
    /// Log-probability under the reference.
    pub reference: f64,
}

impl From<[f32; POLICY_SCORES]> for TokenScores {
    fn from([advantage, old, penalty, reference]: [f32; POLICY_SCORES]) -> Self {
        let [advantage, old, penalty, reference] = [advantage, old, penalty, reference].map(f64::from);
        Self { advantage, old, penalty, reference }
    }
}

impl Policy {
    /// Scores of tokens that have only weights.
    pub fn of_weights(weights: &[f32]) -> Vec<f32> {
        let of = |weight: &f32| {
            let mut scores = [0.0; POLICY_SCORES];
            scores[0] = *weight;
            scores
        };
        weights.iter().flat_map(of).collect()
    }

    /// ρ of a token with this loss.
    pub fn ratio_of(&self, loss: f64, old: f64) -> f64 {
        if self.ratio { libm::exp(-loss - old) } else { 1.0 }
    }

    /// Whether the ratio is beyond the clipping range in the direction of the advantage.
    pub fn clips(&self, ratio: f64, advantage: f64) -> bool {
        let epsilon = f64::from(self.epsilon);
        (ratio > 1.0 + epsilon && advantage > 0.0) || (ratio < 1.0 - epsilon && advantage < 0.0)
    }

    /// e^d − d − 1: the k3 estimate of the divergence from the reference, at least 0.
    pub fn divergence(&self, loss: f64, reference: f64) -> f64 {
        let distance = reference + loss;
        libm::expm1(distance) - distance
    }

    /// A token's contribution to the sum, and its derivative with respect to the token's loss.
    pub fn of_token(&self, loss: f64, scores: TokenScores) -> (f64, f64) {
        let TokenScores { advantage, old, penalty, reference } = scores;
        if self.weighs {
            return (advantage * loss, advantage);
        }
        let epsilon = f64::from(self.epsilon);
        let ratio = self.ratio_of(loss, old);
        // dρ/dl = −ρ.
        let (mut sum, mut slope) = if self.clips(ratio, advantage) {
            (-ratio.clamp(1.0 - epsilon, 1.0 + epsilon) * advantage, 0.0)
        } else {
            (-ratio * advantage, ratio * advantage)
        };
        if penalty > 0.0 {
            let divergence = self.divergence(loss, reference);
            let along = libm::expm1(reference + loss);
            let (factor, of_factor) = if self.corrected { (ratio, -ratio) } else { (1.0, 0.0) };
            sum += penalty * divergence * factor;
            slope += penalty * (along * factor + divergence * of_factor);
        }
        (sum, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Policy> {
        let flags = [(false, false), (false, true), (true, false), (true, true)];
        flags.into_iter().map(|(ratio, corrected)| Policy {
            epsilon: 0.2,
            ratio,
            corrected,
            ignored: 0,
            weighs: false,
        })
    }

    #[test]
    fn losses_are_those_of_the_papers() {
        let op = Policy { epsilon: 0.2, ratio: true, corrected: true, ignored: 0, weighs: false };
        // log π = −1, log π_old = −1.1, log π_ref = −1.4; then a clipped one.
        let scores = TokenScores { advantage: 0.5, old: -1.1, penalty: 0.04, reference: -1.4 };
        let (ratio, distance) = (0.1_f64.exp(), -0.4_f64);
        let kl = distance.exp() - distance - 1.0;
        let (sum, _) = op.of_token(1.0, scores);
        assert!((sum - (-ratio * 0.5 + 0.04 * kl * ratio)).abs() < 1e-12, "{sum}");
        let plain = Policy { corrected: false, ..op };
        assert!((plain.of_token(1.0, scores).0 - (-ratio * 0.5 + 0.04 * kl)).abs() < 1e-12);
        let ahead = TokenScores { old: -2.0, penalty: 0.0, ..scores };
        assert!((op.of_token(1.0, ahead).0 + 1.2 * 0.5).abs() < 1e-7);
        assert_eq!(op.of_token(1.0, ahead).1, 0.0, "what is clipped has no gradient");
        let behind = TokenScores { advantage: -0.5, ..ahead };
        assert!((op.of_token(1.0, behind).0 - 0.5 * 1.0_f64.exp()).abs() < 1e-12, "a loss is never clipped");
        // Without a ratio, ρ is 1 and the gradient is that of the log-probability times the advantage.
        let drawn = Policy { ratio: false, ..op };
        assert_eq!(drawn.of_token(1.0, TokenScores { penalty: 0.0, ..scores }), (-0.5, 0.5));
    }

    #[test]
    fn slopes_are_those_of_the_losses() {
        for op in all() {
            for (loss, advantage, old, reference) in [
                (1.0, 0.5, -1.1, -1.4),
                (2.0, -0.7, -1.9, -0.5),
                (0.3, 0.2, -2.0, -0.3),
                (3.0, -1.0, -0.5, -3.0),
            ] {
                let scores = TokenScores { advantage, old, penalty: 0.3, reference };
                let of = |loss| op.of_token(loss, scores).0;
                let (_, slope) = op.of_token(loss, scores);
                let mut wanted = (of(loss + 1e-6) - of(loss - 1e-6)) / 2e-6;
                if !op.ratio {
                    // If ρ is taken to be 1, its gradient is still that of a ratio.
                    wanted += advantage;
                    if op.corrected {
                        wanted -= 0.3 * op.divergence(loss, reference);
                    }
                }
                assert!((slope - wanted).abs() < 1e-8, "{op:?}: {slope} {wanted}");
            }
        }
    }

    #[test]
    fn a_weight_alone_weighs_the_loss() {
        let op = Policy { epsilon: 0.2, ratio: false, corrected: false, ignored: 0, weighs: true };
        let scores = TokenScores { advantage: 0.25, old: -1.0, penalty: 0.3, reference: -2.0 };
        assert_eq!(op.of_token(3.0, scores), (0.75, 0.25));
    }

    #[test]
    fn no_advantage_is_no_gradient() {
        for op in all() {
            let scores = TokenScores { old: -1.0, reference: -1.0, ..TokenScores::default() };
            let (sum, slope) = op.of_token(1.5, scores);
            assert_eq!((sum.abs(), slope.abs()), (0.0, 0.0));
        }
    }
}
