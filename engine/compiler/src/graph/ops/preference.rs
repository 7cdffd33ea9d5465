//! Preference losses over pairs of answers.

use super::loss::targets_fit;
use super::{Done, In, Nothing, Operation, Out, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, expect};
use glasshouse_protocol::PreferenceMetrics;
use glasshouse_protocol::config::PreferenceLoss;

/// Mean over pairs of answers of a loss of their log-likelihoods (see [`PreferenceLoss`] for the formulas) or of their scores.
/// Row 2p holds the better answer, row 2p + 1 the worse.
///
/// Inputs: rows [N,2] of a [`super::CrossEntropy`] or a [`super::Score`], targets u32[B,T] with B = 2P and N = B·T, scores
/// ([`Preference::scores`]): the reference's log-probability of each answer, 0 if the loss has no reference. For ORPO, the
/// first score is the number of tokens by which the losses of chosen answers are divided, 0 for the batch's own number: it is
/// the mean over a step's micro-batches, so that the step's loss is that over all its chosen tokens. For KTO, row 2p is the
/// judged answer and row 2p + 1 another example's answer to its prompt; the scores end with the weight of each judgement.
///
/// Outputs: loss [2 + REPORTED] = (mean, P, [`Preference::reported`]), weights [N], the gradient of the mean with respect to
/// each row's loss for [`super::CrossEntropyBackward`]. Pairs in which an answer has no counted target contribute 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preference {
    pub loss: PreferenceLoss,
    /// β.
    pub beta: f32,
    /// Margin m of a reward model's loss.
    pub margin: f32,
    /// k of a reward model's loss.
    pub center: f32,
    /// Target of rows that do not count.
    pub ignored: u32,
}

operands! {
    PreferenceInputs of Preference { rows, targets, scores }
    PreferenceOutputs of Preference { loss, weights }
}

impl Operation for Preference {
    declare!("preference", "mean over pairs of loss(better, worse)", PreferenceInputs -> PreferenceOutputs);

    fn types(&self, inputs: PreferenceInputs<&Type>, _: Nothing) -> Rule<PreferenceOutputs<Type>> {
        let PreferenceInputs { rows, targets, scores } = inputs;
        targets_fit(targets, rows)?;
        alike("rows", rows, &Type::f32(&[targets.count(), 2]))?;
        alike("scores", scores, &Type::f32(&[self.scores(targets.rows())]))?;
        let even = targets.shape.len() == 2 && targets.rows().is_multiple_of(2);
        expect(even, || format!("targets must be an even number of rows, not {targets}"))?;
        Ok(PreferenceOutputs { loss: Type::f32(&[2 + REPORTED]), weights: Type::f32(&[targets.count()]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (PreferenceInputs { rows, .. }, PreferenceOutputs { loss, weights }) = (inputs, outputs);
        // Only the row losses receive a gradient: one number per row, before the pass's scale.
        if pass.begins_at(loss).is_some() { pass.flow(rows, weights) } else { Ok(()) }
    }
}

/// Number of metrics reported with the loss.
pub const REPORTED: usize = 7;

/// Rewards whose difference is below this fraction of their operands' magnitude count as ties: 32-bit sums of token losses,
/// added in another order by other kernels, differ by about half of it.
pub const TIE: f64 = 1.0 / (1 << 21) as f64;

/// Inputs of the loss for one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// S, the sum of its token losses: its negative log-likelihood.
    pub loss: f64,
    /// n, the number of tokens.
    pub tokens: f64,
    /// Log-probability under the reference.
    pub reference: f64,
    /// KTO: weight of the judgement, negative for a bad answer.
    pub weight: f64,
}

impl Answer {
    /// The log-probability; per token if `mean`.
    fn log_probability(self, mean: bool) -> f64 {
        if mean { -self.loss / self.tokens } else { -self.loss }
    }

    /// log(p / p_reference).
    pub fn log_ratio(self) -> f64 {
        -self.loss - self.reference
    }
}

/// Sums over the pairs of a batch.
#[derive(Default)]
struct Tally {
    /// [chosen, rejected].
    rewards: [f64; 2],
    answers: [f64; 2],
    /// Pairs or judged answers, and how many of them are ordered correctly; ties count half.
    judged: f64,
    right: f64,
    ties: f64,
    /// Log-ratios and tokens of chosen answers.
    ratios: f64,
    tokens: f64,
}

impl Preference {
    /// Number of scores of a batch of `rows` rows.
    pub fn scores(&self, rows: usize) -> usize {
        if self.loss.judges_answers() { rows + rows / 2 } else { rows }
    }

    /// The answers of a batch, from each one's (sum of token losses, number of tokens) and the batch's scores.
    pub fn answers(&self, sums: &[(f64, f64)], scores: &[f32]) -> Vec<Answer> {
        let of = |(row, (loss, tokens)): (usize, &(f64, f64))| {
            let score = |at: usize| scores.get(at).copied().map_or(0.0, f64::from);
            let is_judged = self.loss.judges_answers() && row.is_multiple_of(2);
            let weight = if is_judged { score(sums.len() + row / 2) } else { 0.0 };
            Answer { loss: *loss, tokens: *tokens, reference: score(row), weight }
        };
        sums.iter().enumerate().map(of).collect()
    }

    /// The mean loss of pairs (better, worse), and its derivative with respect to each token's loss of both.
    pub fn of_pairs(&self, pairs: &[[Answer; 2]]) -> (f64, Vec<[f64; 2]>) {
        let share = 1.0 / pairs.len().max(1) as f64;
        let chosen_tokens = match (self.loss, pairs.first()) {
            (PreferenceLoss::Orpo, Some([first, _])) if first.reference > 0.0 => first.reference,
            (PreferenceLoss::Orpo, _) => pairs.iter().map(|[chosen, _]| chosen.tokens).sum(),
            _ => 0.0,
        };
        let divergence = self.divergence(pairs);
        let mut total = 0.0;
        let each = pairs.iter().map(|pair| {
            let (mut mean, mut slopes) =
                if is_whole(pair) { self.of_pair(*pair, divergence) } else { (0.0, [0.0; 2]) };
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

    /// KTO's estimate of the divergence from the reference: the mean log-ratio of answers to mismatched prompts, at least 0.
    pub fn divergence(&self, pairs: &[[Answer; 2]]) -> f64 {
        if !self.loss.judges_answers() {
            return 0.0;
        }
        let whole = || pairs.iter().filter(|pair| is_whole(pair));
        let sum: f64 = whole().map(|[_, other]| other.log_ratio()).sum();
        (sum / whole().count().max(1) as f64).max(0.0)
    }

    /// A pair's loss and its derivatives, without ORPO's term for the chosen answers.
    fn of_pair(&self, [chosen, rejected]: [Answer; 2], divergence: f64) -> (f64, [f64; 2]) {
        let (beta, margin) = (f64::from(self.beta), f64::from(self.margin));
        match self.loss {
            PreferenceLoss::Sigmoid => {
                let z = beta * (chosen.log_ratio() - rejected.log_ratio());
                let slope = beta * sigmoid(-z);
                (softplus(-z), [slope, -slope])
            }
            PreferenceLoss::Orpo => {
                // A certain token has infinite odds.
                let means = [chosen, rejected].map(|answer| answer.log_probability(true).min(-1e-7));
                let rest = means.map(|mean| -libm::expm1(mean));
                let [chosen_odds, rejected_odds] = [0, 1].map(|at| means[at] - libm::log(rest[at]));
                let h = chosen_odds - rejected_odds;
                let slope = beta * sigmoid(-h);
                (
                    beta * softplus(-h),
                    [slope / (rest[0] * chosen.tokens), -slope / (rest[1] * rejected.tokens)],
                )
            }
            PreferenceLoss::Kto => {
                let weight = chosen.weight.abs();
                let along = beta * chosen.weight.signum();
                let ahead = along * (chosen.log_ratio() - divergence);
                let far = sigmoid(-ahead);
                (weight * far, [weight * along * far * sigmoid(ahead), 0.0])
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

    fn tally(&self, pairs: &[[Answer; 2]]) -> Tally {
        let divergence = self.divergence(pairs);
        let mut all = Tally::default();
        for [chosen, rejected] in pairs.iter().filter(|pair| is_whole(pair)) {
            let bad = usize::from(chosen.weight < 0.0);
            all.rewards[bad] += self.reward(*chosen);
            all.answers[bad] += 1.0;
            let (ahead, size) = if self.loss.judges_answers() {
                let ahead = (chosen.log_ratio() - divergence) * chosen.weight.signum();
                (ahead, chosen.loss.abs() + chosen.reference.abs())
            } else {
                all.rewards[1] += self.reward(*rejected);
                all.answers[1] += 1.0;
                let ahead = self.reward(*chosen) - self.reward(*rejected);
                (ahead, self.size(*chosen) + self.size(*rejected))
            };
            let tie = ahead.abs() <= TIE * size;
            all.judged += 1.0;
            all.ties += f64::from(u8::from(tie));
            all.right += if tie { 0.5 } else { f64::from(u8::from(ahead > 0.0)) };
            if bad == 0 {
                all.ratios += chosen.log_ratio();
                all.tokens += chosen.tokens;
            }
        }
        all
    }

    /// Metrics of the pairs; pairs in which an answer has no tokens are skipped.
    pub fn metrics(&self, pairs: &[[Answer; 2]]) -> PreferenceMetrics {
        let Tally { rewards, answers, judged, right, ties, ratios, tokens } = self.tally(pairs);
        let [chosen, rejected] = [0, 1].map(|side| rewards[side] / f64::max(answers[side], 1.0));
        let margin = if answers.contains(&0.0) { 0.0 } else { chosen - rejected };
        PreferenceMetrics {
            margin: margin as f32,
            accuracy: (right / judged.max(1.0)) as f32,
            ties: (ties / judged.max(1.0)) as f32,
            chosen_reward: chosen as f32,
            rejected_reward: rejected as f32,
            log_ratio: self.loss.has_reference().then_some((ratios / tokens.max(1.0)) as f32),
        }
    }

    /// The metrics reported with a loss: mean rewards of both sides, accuracy, log-ratio, share of ties, and number of answers
    /// of both sides.
    pub fn reported(&self, pairs: &[[Answer; 2]]) -> [f32; REPORTED] {
        let found = self.metrics(pairs);
        let [chosen, rejected] = self.tally(pairs).answers.map(|answers| answers as f32);
        let ratio = found.log_ratio.unwrap_or(0.0);
        [found.chosen_reward, found.rejected_reward, found.accuracy, ratio, found.ties, chosen, rejected]
    }

    /// Combines the reports of a step's micro-batches, weighted by their answers; `None` if there are none.
    pub fn of_reports(&self, reports: &[[f32; REPORTED]]) -> Option<PreferenceMetrics> {
        if reports.is_empty() {
            return None;
        }
        let of = |report: &[f32; REPORTED], at: usize| f64::from(report[at]);
        let chosen = |report: &[f32; REPORTED]| of(report, 5);
        let rejected = |report: &[f32; REPORTED]| of(report, 6);
        let judged = |report: &[f32; REPORTED]| {
            if self.loss.judges_answers() { of(report, 5) + of(report, 6) } else { of(report, 5) }
        };
        let mean = |at: usize, weight: &dyn Fn(&[f32; REPORTED]) -> f64| {
            let total: f64 = reports.iter().map(weight).sum();
            let sum: f64 = reports.iter().map(|report| of(report, at) * weight(report)).sum();
            if total > 0.0 { sum / total } else { 0.0 }
        };
        let has =
            |weight: &dyn Fn(&[f32; REPORTED]) -> f64| reports.iter().any(|report| weight(report) > 0.0);
        let (better, worse) = (mean(0, &chosen), mean(1, &rejected));
        Some(PreferenceMetrics {
            margin: if has(&chosen) && has(&rejected) { (better - worse) as f32 } else { 0.0 },
            accuracy: mean(2, &judged) as f32,
            ties: mean(4, &judged) as f32,
            chosen_reward: better as f32,
            rejected_reward: worse as f32,
            log_ratio: self.loss.has_reference().then_some(mean(3, &chosen) as f32),
        })
    }

    /// Magnitude of the terms whose difference is an answer's reward.
    fn size(&self, answer: Answer) -> f64 {
        match self.loss {
            PreferenceLoss::BradleyTerry => answer.loss.abs(),
            PreferenceLoss::Orpo => f64::from(self.beta) * answer.loss.abs() / answer.tokens,
            PreferenceLoss::Sigmoid | PreferenceLoss::Kto => {
                f64::from(self.beta) * (answer.loss.abs() + answer.reference.abs())
            }
        }
    }

    /// An answer's implicit reward, as TRL logs it: β times its log-ratio to the reference or, without a reference, times the
    /// mean log-probability of its tokens. For a reward model, its score.
    pub fn reward(&self, answer: Answer) -> f64 {
        if self.loss.is_of_scores() {
            return answer.log_probability(false);
        }
        let worth = if self.loss.has_reference() { answer.log_ratio() } else { answer.log_probability(true) };
        f64::from(self.beta) * worth
    }
}

/// Whether both answers have tokens.
fn is_whole(pair: &[Answer; 2]) -> bool {
    pair.iter().all(|answer| answer.tokens > 0.0)
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
        let answer = |loss, tokens, reference, weight| Answer { loss, tokens, reference, weight };
        [
            [answer(4.0, 3.0, -4.5, 0.0), answer(7.0, 5.0, -6.25, 0.0)],
            [answer(2.5, 2.0, -2.0, 0.0), answer(0.125, 4.0, -1.0, 0.0)],
        ]
    }

    /// The first answers of the two pairs are a good and a bad one.
    fn judged() -> [[Answer; 2]; 2] {
        let mut pairs = pairs();
        (pairs[0][0].weight, pairs[1][0].weight) = (1.5, -0.75);
        pairs
    }

    /// The pairs for a loss.
    fn of(loss: PreferenceLoss) -> [[Answer; 2]; 2] {
        let mut pairs = if loss.judges_answers() { judged() } else { pairs() };
        if loss == PreferenceLoss::Orpo {
            pairs.iter_mut().flatten().for_each(|answer| answer.reference = 0.0);
        }
        pairs
    }

    #[test]
    fn losses_are_those_of_the_papers() {
        // Computed by hand for the two pairs.
        let log_sigmoid = |z: f64| -(1.0 + (-z).exp()).ln();
        let odds = |mean: f64| mean.exp() / (1.0 - mean.exp());
        let (b, m) = (f64::from(0.3_f32), f64::from(0.7_f32));
        let dpo = [(-4.0 + 4.5) - (-7.0 + 6.25), (-2.5 + 2.0) - (-0.125 + 1.0)];
        let means = [[-4.0 / 3.0, -7.0 / 5.0], [-2.5 / 2.0, -0.125 / 4.0]];
        let mean = |each: [f64; 2]| (each[0] + each[1]) / 2.0;
        let orpo = mean(means.map(|[c, r]| -b * log_sigmoid((odds(c) / odds(r)).ln()))) + (4.0 + 2.5) / 5.0;
        // Log-ratios 0.5 and −0.5; for mismatched prompts −0.75 and 0.875.
        let (sigma, kl) = (|x: f64| 1.0 / (1.0 + (-x).exp()), (-0.75 + 0.875) / 2.0);
        let kto = mean([1.5 * (1.0 - sigma(b * (0.5 - kl))), 0.75 * (1.0 - sigma(b * (kl + 0.5)))]);
        let k = f64::from(0.05_f32);
        let scores = [[-4.0, -7.0], [-2.5, -0.125]];
        let bradley_terry =
            mean(scores.map(|[c, r]: [f64; 2]| -log_sigmoid(c - r - m) + k * (c + r).powi(2)));
        for (loss, wanted) in [
            (PreferenceLoss::Sigmoid, mean(dpo.map(|h| -log_sigmoid(b * h)))),
            (PreferenceLoss::Orpo, orpo),
            (PreferenceLoss::BradleyTerry, bradley_terry),
            (PreferenceLoss::Kto, kto),
        ] {
            let (found, _) = op(loss).of_pairs(&of(loss));
            assert!((found - wanted).abs() < 1e-12, "{loss:?}: {found} {wanted}");
        }
    }

    #[test]
    fn what_pairs_come_to_is_what_their_rewards_are() {
        let b = f64::from(0.3_f32);
        for loss in PreferenceLoss::ALL {
            // Computed by hand for the two pairs.
            let rewards = match loss {
                PreferenceLoss::Sigmoid => [[b * 0.5, b * -0.75], [b * -0.5, b * 0.875]],
                PreferenceLoss::Orpo => [[b * -4.0 / 3.0, b * -7.0 / 5.0], [b * -1.25, b * -0.125 / 4.0]],
                PreferenceLoss::BradleyTerry => [[-4.0, -7.0], [-2.5, -0.125]],
                PreferenceLoss::Kto => continue,
            };
            // A pair with an empty answer does not count.
            let all = [&pairs()[..], &[[pairs()[0][0], Answer::default()]]].concat();
            let found = op(loss).metrics(&all);
            assert_eq!(found.ties, 0.0);
            let mean = |side: usize| (rewards[0][side] + rewards[1][side]) / 2.0;
            let apart = |found: f32, wanted: f64| (f64::from(found) - wanted).abs();
            assert!(apart(found.chosen_reward, mean(0)) < 1e-6, "{loss:?}: {found:?}");
            assert!(apart(found.rejected_reward, mean(1)) < 1e-6, "{loss:?}: {found:?}");
            assert!(apart(found.margin, mean(0) - mean(1)) < 1e-6, "{loss:?}: {found:?}");
            assert_eq!(found.accuracy, 0.5);
            // Three and two tokens.
            assert_eq!(found.log_ratio, loss.has_reference().then_some(0.0));
            let halves = pairs().map(|pair| op(loss).reported(&[pair]));
            let of_both = op(loss).of_reports(&halves).unwrap();
            assert!(apart(of_both.margin, mean(0) - mean(1)) < 1e-6, "{loss:?}: {of_both:?}");
            assert_eq!((of_both.accuracy, of_both.log_ratio.is_some()), (0.5, found.log_ratio.is_some()));
            assert_eq!(op(loss).of_reports(&[]), None);
        }
    }

    #[test]
    fn kto_is_trls() {
        // PyTorch 2.15 by the formula of TRL 1.16's `KTOTrainer`, in 64 bits.
        let (loss, slopes) = op(PreferenceLoss::Kto).of_pairs(&judged());
        let wanted = [0.522143013804178, 0.05600844749596963, -0.027925721734915285];
        for (found, wanted) in [loss, slopes[0][0], slopes[1][0]].into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
    }

    #[test]
    fn judged_answers_are_told_by_their_side_in_whichever_micro_batch() {
        let (op, b) = (op(PreferenceLoss::Kto), f64::from(0.3_f32));
        let found = op.metrics(&judged());
        // Log-ratios 0.5 of the good and −0.5 of the bad answer, divergence 0.0625.
        let wanted = [b * 0.5, b * -0.5, b].map(|number| number as f32);
        assert_eq!([found.chosen_reward, found.rejected_reward, found.margin], wanted);
        assert_eq!((found.accuracy, found.ties, found.log_ratio), (1.0, 0.0, Some(0.5 / 3.0)));
        // A micro-batch without bad answers does not affect their mean.
        let apart = judged().map(|pair| op.reported(&[pair]));
        let both = op.of_reports(&apart).unwrap();
        assert_eq!([both.chosen_reward, both.rejected_reward, both.margin], wanted);
        assert_eq!(op.metrics(&judged()[..1]).margin, 0.0);
    }

    #[test]
    fn rewards_that_differ_by_rounding_are_ties_and_count_half() {
        for loss in PreferenceLoss::ALL {
            let mut pairs = of(loss);
            // The first pair is decided; in the second, both answers have the same reward up to rounding.
            pairs[1][1] = pairs[1][0];
            pairs[1][1].loss += 1e-7;
            pairs[1][1].weight = 0.0;
            if loss.judges_answers() {
                pairs[0][1].reference = -pairs[0][1].loss;
                pairs[1][0].reference = -pairs[1][0].loss * (1.0 + 1e-7);
                pairs[1][1].reference = -pairs[1][1].loss;
            }
            let found = op(loss).metrics(&pairs);
            let first = op(loss).metrics(&pairs[..1]);
            assert_eq!((first.ties, found.ties), (0.0, 0.5), "{loss:?}");
            assert_eq!(found.accuracy, (first.accuracy + 0.5) / 2.0, "{loss:?}");
            pairs[1][0].loss -= 1e-3;
            let found = op(loss).metrics(&pairs);
            assert_eq!(found.ties, 0.0, "{loss:?}: a thousandth of a nat is a difference");
        }
    }

    #[test]
    fn orpo_divides_by_the_tokens_of_the_step() {
        let op = op(PreferenceLoss::Orpo);
        let whole = of(PreferenceLoss::Orpo);
        let (wanted, slopes) = op.of_pairs(&whole);
        // Two micro-batches with a pair each; the step has five chosen tokens, on average 2.5 in each.
        let apart = whole.map(|mut pair| {
            pair[0].reference = 2.5;
            op.of_pairs(&[pair])
        });
        assert!((apart.iter().map(|(loss, _)| loss).sum::<f64>() / 2.0 - wanted).abs() < 1e-12);
        for (own, (_, found)) in slopes.iter().zip(&apart) {
            assert!((0..2).all(|side| (found[0][side] / 2.0 - own[side]).abs() < 1e-12));
        }
    }

    #[test]
    fn slopes_are_those_of_the_losses() {
        for loss in PreferenceLoss::ALL {
            let (_, slopes) = op(loss).of_pairs(&of(loss));
            for (pair, side) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                // KTO treats the divergence as a constant.
                if loss.judges_answers() && side == 1 {
                    assert_eq!(slopes[pair][side], 0.0);
                    continue;
                }
                let moved = |step: f64| {
                    let mut pairs = of(loss);
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
