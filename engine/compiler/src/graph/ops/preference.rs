//! Losses over pairs of answers: an objective of preferences.

use super::loss::targets_fit;
use super::{Nothing, Operation, operands};
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect};
use crate::graph::{GraphError, Type, ValueId};
use glasshouse_protocol::PreferenceMetrics;
use glasshouse_protocol::config::PreferenceLoss;

/// Mean over pairs of answers, the better in row 2p and the worse in row 2p + 1, of a loss of their log-likelihoods (the formulas stand
/// with [`PreferenceLoss`]), or of their scores. Inputs: rows [N,2] of a [`super::CrossEntropy`] or a [`super::Score`], targets u32[B,T] with B = 2P and N = B·T, scores [B], the
/// reference's log-probability of each answer, 0 where the loss has no reference. Outputs: loss [6] = (mean, P, and of
/// [`Preference::metrics`] the mean rewards of both answers, the accuracy and the log-ratio), weights [N], the gradient of the mean with
/// respect to each row's loss, which [`super::CrossEntropyBackward`] takes. Pairs of which an answer has no target that counts give 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preference {
    /// Which loss.
    pub loss: PreferenceLoss,
    /// β.
    pub beta: f32,
    /// SimPO's γ, or m of a reward model's loss.
    pub margin: f32,
    /// k of a reward model's loss.
    pub center: f32,
    /// Target that does not count.
    pub ignored: u32,
}

operands! {
    /// What [`Preference`] reads.
    PreferenceInputs of Preference { rows, targets, scores }
}

operands! {
    /// What [`Preference`] makes.
    PreferenceOutputs of Preference { loss, weights }
}

impl Operation for Preference {
    const NAME: &'static str = "preference";
    const FORMULA: &'static str = "mean over pairs of loss(better, worse)";
    type Inputs<T> = PreferenceInputs<T>;
    type Outputs<T> = PreferenceOutputs<T>;
    type Gradients<T> = Nothing;

    fn types(&self, inputs: PreferenceInputs<&Type>, _: Nothing) -> Rule<PreferenceOutputs<Type>> {
        let PreferenceInputs { rows, targets, scores } = inputs;
        targets_fit(targets, rows)?;
        alike("rows", rows, &Type::f32(&[targets.count(), 2]))?;
        alike("scores", scores, &Type::f32(&[targets.rows()]))?;
        let even = targets.shape.len() == 2 && targets.rows().is_multiple_of(2);
        expect(even, || format!("targets must be an even number of rows, not {targets}"))?;
        Ok(PreferenceOutputs { loss: Type::f32(&[2 + REPORTED]), weights: Type::f32(&[targets.count()]) })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        PreferenceInputs { rows, .. }: PreferenceInputs<ValueId>,
        PreferenceOutputs { loss, weights }: PreferenceOutputs<ValueId>,
    ) -> Result<(), GraphError> {
        // The gradient of rows is that of their losses alone: one number a row, the pass' scale aside.
        if pass.begins_at(loss).is_some() { pass.flow(rows, weights) } else { Ok(()) }
    }
}

/// Numbers of a batch's pairs that are reported beside their loss.
pub const REPORTED: usize = 4;

/// What is known of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// S, the sum of its tokens' losses: its negative log-likelihood.
    pub loss: f64,
    /// n, how many they are.
    pub tokens: f64,
    /// The reference's log-probability of it.
    pub reference: f64,
}

impl Answer {
    /// The log-probability, of a token where the loss is of means.
    fn log_probability(self, mean: bool) -> f64 {
        if mean { -self.loss / self.tokens } else { -self.loss }
    }

    /// How much likelier it is than to the reference, as a logarithm.
    pub fn log_ratio(self) -> f64 {
        -self.loss - self.reference
    }
}

impl Preference {
    /// The mean loss of pairs (better, worse), and its derivative with respect to each token's loss of both.
    pub fn of_pairs(&self, pairs: &[[Answer; 2]]) -> (f64, Vec<[f64; 2]>) {
        let counts = |[chosen, rejected]: &[Answer; 2]| chosen.tokens > 0.0 && rejected.tokens > 0.0;
        let share = 1.0 / pairs.len().max(1) as f64;
        let chosen_tokens = match self.loss {
            PreferenceLoss::Orpo => pairs.iter().map(|[chosen, _]| chosen.tokens).sum(),
            _ => 0.0,
        };
        let mut total = 0.0;
        let each = pairs.iter().map(|pair| {
            let (mut mean, mut slopes) = if counts(pair) { self.of_pair(*pair) } else { (0.0, [0.0; 2]) };
            mean *= share;
            slopes = slopes.map(|slope| slope * share);
            if chosen_tokens > 0.0 {
                mean += pair[0].loss / chosen_tokens;
                slopes[0] += 1.0 / chosen_tokens;
            }
            total += mean;
            slopes
        });
        let each = each.collect();
        (total, each)
    }

    /// A pair's loss without what ORPO adds for the chosen answers, and its derivatives.
    fn of_pair(&self, [chosen, rejected]: [Answer; 2]) -> (f64, [f64; 2]) {
        let (beta, margin) = (f64::from(self.beta), f64::from(self.margin));
        let tokens = [chosen.tokens, rejected.tokens];
        match self.loss {
            PreferenceLoss::Sigmoid => {
                let z = beta * (chosen.log_ratio() - rejected.log_ratio());
                let slope = beta * sigmoid(-z);
                (softplus(-z), [slope, -slope])
            }
            PreferenceLoss::Ipo => {
                let h = chosen.log_ratio() / tokens[0] - rejected.log_ratio() / tokens[1];
                let off = h - 0.5 / beta;
                (off * off, [-2.0 * off / tokens[0], 2.0 * off / tokens[1]])
            }
            PreferenceLoss::Simpo => {
                let z = beta * (chosen.log_probability(true) - rejected.log_probability(true)) - margin;
                let slope = beta * sigmoid(-z);
                (softplus(-z), [slope / tokens[0], -slope / tokens[1]])
            }
            PreferenceLoss::Orpo => {
                // A token that is certain has endless odds.
                let means = [chosen, rejected].map(|answer| answer.log_probability(true).min(-1e-7));
                let rest = means.map(|mean| -libm::expm1(mean));
                let [chosen_odds, rejected_odds] = [0, 1].map(|at| means[at] - libm::log(rest[at]));
                let h = chosen_odds - rejected_odds;
                let slope = beta * sigmoid(-h);
                (beta * softplus(-h), [slope / (rest[0] * tokens[0]), -slope / (rest[1] * tokens[1])])
            }
            PreferenceLoss::BradleyTerry => {
                let [c, r] = [chosen, rejected].map(|answer| answer.log_probability(false));
                let (z, slope) = (c - r - margin, sigmoid(margin - c + r));
                let (center, sum) = (f64::from(self.center), c + r);
                let pull = -2.0 * center * sum;
                (softplus(-z) + center * sum * sum, [slope + pull, pull - slope])
            }
        }
    }

    /// What pairs come to; those of which an answer has no tokens take no part.
    pub fn metrics(&self, pairs: &[[Answer; 2]]) -> PreferenceMetrics {
        let whole = || pairs.iter().filter(|pair| pair.iter().all(|answer| answer.tokens > 0.0));
        let count = whole().count().max(1) as f64;
        let mean = |of: &dyn Fn(&[Answer; 2]) -> f64| (whole().map(of).sum::<f64>() / count) as f32;
        let right = |[chosen, rejected]: &[Answer; 2]| self.reward(*chosen) > self.reward(*rejected);
        let tokens: f64 = whole().map(|[chosen, _]| chosen.tokens).sum();
        let ratios: f64 = whole().map(|[chosen, _]| chosen.log_ratio()).sum();
        PreferenceMetrics {
            margin: mean(&|[chosen, rejected]| self.reward(*chosen) - self.reward(*rejected)),
            accuracy: mean(&|pair| f64::from(u8::from(right(pair)))),
            chosen_reward: mean(&|[chosen, _]| self.reward(*chosen)),
            rejected_reward: mean(&|[_, rejected]| self.reward(*rejected)),
            log_ratio: self.loss.has_reference().then_some((ratios / tokens.max(1.0)) as f32),
        }
    }

    /// Of them what a loss reports: the margin is the difference of the rewards.
    pub fn reported(&self, pairs: &[[Answer; 2]]) -> [f32; REPORTED] {
        let found = self.metrics(pairs);
        [found.chosen_reward, found.rejected_reward, found.accuracy, found.log_ratio.unwrap_or(0.0)]
    }

    /// What a step's micro-batches reported, the mean over them, as TRL has it; `None` of none.
    pub fn of_reports(&self, reports: &[[f32; REPORTED]]) -> Option<PreferenceMetrics> {
        let count = Some(reports.len()).filter(|count| *count > 0)? as f64;
        let mean = |at: usize| reports.iter().map(|report| f64::from(report[at])).sum::<f64>() / count;
        let [chosen, rejected, accuracy, ratio] = [0, 1, 2, 3].map(mean);
        Some(PreferenceMetrics {
            margin: (chosen - rejected) as f32,
            accuracy: accuracy as f32,
            chosen_reward: chosen as f32,
            rejected_reward: rejected as f32,
            log_ratio: self.loss.has_reference().then_some(ratio as f32),
        })
    }

    /// What an answer is worth to the model, as TRL logs it: β times its log-ratio to the reference, or, without one, times the mean
    /// log-probability of its tokens; its score, where it has one.
    pub fn reward(&self, answer: Answer) -> f64 {
        if self.loss.is_of_scores() {
            return answer.log_probability(false);
        }
        let worth = if self.loss.has_reference() { answer.log_ratio() } else { answer.log_probability(true) };
        f64::from(self.beta) * worth
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(loss: PreferenceLoss) -> Preference {
        Preference { loss, beta: 0.3, margin: 0.7, center: 0.05, ignored: u32::MAX }
    }

    fn pairs() -> [[Answer; 2]; 2] {
        let answer = |loss, tokens, reference| Answer { loss, tokens, reference };
        [
            [answer(4.0, 3.0, -4.5), answer(7.0, 5.0, -6.25)],
            [answer(2.5, 2.0, -2.0), answer(0.125, 4.0, -1.0)],
        ]
    }

    #[test]
    fn losses_are_those_of_the_papers() {
        // Written out by hand for the two pairs.
        let log_sigmoid = |z: f64| -(1.0 + (-z).exp()).ln();
        let odds = |mean: f64| mean.exp() / (1.0 - mean.exp());
        let (b, m) = (f64::from(0.3_f32), f64::from(0.7_f32));
        let dpo = [(-4.0 + 4.5) - (-7.0 + 6.25), (-2.5 + 2.0) - (-0.125 + 1.0)];
        let ipo = [0.5 / 3.0 + 0.75 / 5.0, -0.5 / 2.0 - 0.875 / 4.0];
        let means = [[-4.0 / 3.0, -7.0 / 5.0], [-2.5 / 2.0, -0.125 / 4.0]];
        let mean = |each: [f64; 2]| (each[0] + each[1]) / 2.0;
        let orpo = mean(means.map(|[c, r]| -b * log_sigmoid((odds(c) / odds(r)).ln()))) + (4.0 + 2.5) / 5.0;
        let k = f64::from(0.05_f32);
        let scores = [[-4.0, -7.0], [-2.5, -0.125]];
        let bradley_terry =
            mean(scores.map(|[c, r]: [f64; 2]| -log_sigmoid(c - r - m) + k * (c + r).powi(2)));
        for (loss, wanted) in [
            (PreferenceLoss::Sigmoid, mean(dpo.map(|h| -log_sigmoid(b * h)))),
            (PreferenceLoss::Ipo, mean(ipo.map(|h| (h - 1.0 / (2.0 * b)).powi(2)))),
            (PreferenceLoss::Simpo, mean(means.map(|[c, r]| -log_sigmoid(b * (c - r) - m)))),
            (PreferenceLoss::Orpo, orpo),
            (PreferenceLoss::BradleyTerry, bradley_terry),
        ] {
            let (found, _) = op(loss).of_pairs(&pairs());
            assert!((found - wanted).abs() < 1e-12, "{loss:?}: {found} {wanted}");
        }
    }

    #[test]
    fn what_pairs_come_to_is_what_their_rewards_are() {
        let b = f64::from(0.3_f32);
        for loss in PreferenceLoss::ALL {
            // Written out by hand for the two pairs.
            let rewards = match loss {
                PreferenceLoss::Sigmoid | PreferenceLoss::Ipo => {
                    [[b * 0.5, b * -0.75], [b * -0.5, b * 0.875]]
                }
                PreferenceLoss::Simpo | PreferenceLoss::Orpo => {
                    [[b * -4.0 / 3.0, b * -7.0 / 5.0], [b * -1.25, b * -0.125 / 4.0]]
                }
                PreferenceLoss::BradleyTerry => [[-4.0, -7.0], [-2.5, -0.125]],
            };
            // A pair that lost an answer does not count.
            let all = [&pairs()[..], &[[pairs()[0][0], Answer::default()]]].concat();
            let found = op(loss).metrics(&all);
            let mean = |side: usize| (rewards[0][side] + rewards[1][side]) / 2.0;
            let apart = |found: f32, wanted: f64| (f64::from(found) - wanted).abs();
            assert!(apart(found.chosen_reward, mean(0)) < 1e-6, "{loss:?}: {found:?}");
            assert!(apart(found.rejected_reward, mean(1)) < 1e-6, "{loss:?}: {found:?}");
            assert!(apart(found.margin, mean(0) - mean(1)) < 1e-6, "{loss:?}: {found:?}");
            assert_eq!(found.accuracy, 0.5);
            // Of three and two tokens.
            assert_eq!(found.log_ratio, loss.has_reference().then_some(0.0));
            let halves = pairs().map(|pair| op(loss).reported(&[pair]));
            let of_both = op(loss).of_reports(&halves).unwrap();
            assert!(apart(of_both.margin, mean(0) - mean(1)) < 1e-6, "{loss:?}: {of_both:?}");
            assert_eq!((of_both.accuracy, of_both.log_ratio.is_some()), (0.5, found.log_ratio.is_some()));
            assert_eq!(op(loss).of_reports(&[]), None);
        }
    }

    #[test]
    fn slopes_are_those_of_the_losses() {
        for loss in PreferenceLoss::ALL {
            let (_, slopes) = op(loss).of_pairs(&pairs());
            for (pair, side) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let moved = |step: f64| {
                    let mut pairs = pairs();
                    pairs[pair][side].loss += step;
                    op(loss).of_pairs(&pairs).0
                };
                let wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slopes[pair][side] - wanted).abs() < 1e-8, "{loss:?}: {slopes:?} {wanted}");
            }
        }
    }

    #[test]
    fn pairs_without_an_answer_and_certain_ones_are_finite() {
        let nothing = [[Answer::default(); 2]];
        let certain = [[Answer { tokens: 2.0, ..Answer::default() }; 2]];
        for loss in PreferenceLoss::ALL {
            assert_eq!(op(loss).of_pairs(&nothing), (0.0, vec![[0.0; 2]]));
            let (mean, slopes) = op(loss).of_pairs(&certain);
            assert!(mean.is_finite() && slopes[0].iter().all(|slope| slope.is_finite()), "{loss:?}");
        }
    }
}
