//! The answers of a round, with log-probabilities of their tokens, on which several steps train.

use super::advantage::{advantages, is_uniform, mean_and_deviation, token_shares};
use super::answers::Answer;
use glasshouse_compiler::graph::ops::{POLICY_SCORES, Policy};
use glasshouse_compiler::step::MicroBatch;
use glasshouse_protocol::RewardMetrics;
use glasshouse_protocol::config::RewardSettings;
use serde::{Deserialize, Serialize};

/// Answers for [`RewardSettings::iterations`] steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    pub number: u64,
    /// Group by group.
    pub answers: Vec<Answer>,
    /// Loss of each target of each micro-batch under the weights that sampled the answers, if probability ratios are used.
    pub old: Option<Vec<Vec<f32>>>,
    /// Like `old`, under the reference weights, if there are any.
    pub reference: Option<Vec<Vec<f32>>>,
}

#[derive(Clone, Copy, Debug)]
pub struct RoundShape {
    /// Answers per micro-batch, one per row.
    pub batch: usize,
    pub time: usize,
    pub padding: u32,
    pub ignored: u32,
    pub max_tokens: usize,
}

impl Round {
    /// The rows without scores: prompt and answer, with only the answer's tokens as targets.
    pub fn rows(&self, shape: RoundShape) -> Vec<MicroBatch> {
        let RoundShape { batch, time, padding, ignored, .. } = shape;
        let micro_batch = |answers: &[Answer]| {
            let mut rows = MicroBatch::default();
            for (number, Answer { prompt, tokens, .. }) in answers.iter().enumerate() {
                let given = prompt.iter().chain(tokens.iter().take(tokens.len().saturating_sub(1)));
                rows.tokens.extend(given);
                rows.tokens.resize((number + 1) * time, padding);
                rows.targets.extend(std::iter::repeat_n(ignored, prompt.len() - 1));
                rows.targets.extend(tokens);
                rows.targets.resize((number + 1) * time, ignored);
            }
            rows
        };
        self.answers.chunks(batch).map(micro_batch).collect()
    }

    /// The rows with the scores of each token.
    pub fn micro_batches(&self, settings: &RewardSettings, shape: RoundShape) -> Vec<MicroBatch> {
        let rewards: Vec<f32> = self.answers.iter().map(|answer| answer.reward).collect();
        let advantages = advantages(&rewards, settings.group, settings.scale_rewards);
        let lengths: Vec<usize> = self.answers.iter().map(|answer| answer.tokens.len()).collect();
        let shares = token_shares(settings, &lengths, shape.batch, shape.max_tokens);
        let mut rows = self.rows(shape);
        for (at, batch) in rows.iter_mut().enumerate() {
            let log_probability = |of: &Option<Vec<Vec<f32>>>, position: usize| {
                of.as_ref().map_or(0.0, |losses| -losses[at][position])
            };
            let score = |(position, target): (usize, &u32)| -> [f32; POLICY_SCORES] {
                if *target == shape.ignored {
                    return [0.0; POLICY_SCORES];
                }
                let answer = at * shape.batch + position / shape.time;
                let share = shares[answer];
                [
                    (advantages[answer] * share) as f32,
                    log_probability(&self.old, position),
                    (f64::from(settings.beta) * share) as f32,
                    log_probability(&self.reference, position),
                ]
            };
            batch.scores = Some(batch.targets.iter().enumerate().flat_map(score).collect());
        }
        rows
    }

    /// Statistics of the answers; if `now`, the current loss of each target, is given, also the divergence from the sampling
    /// weights and the reference.
    pub fn metrics(
        &self,
        settings: &RewardSettings,
        op: &Policy,
        shape: RoundShape,
        now: Option<&[Vec<f32>]>,
    ) -> RewardMetrics {
        let rewards: Vec<f32> = self.answers.iter().map(|answer| answer.reward).collect();
        let (mean, _) = mean_and_deviation(&rewards);
        let groups = || rewards.chunks(settings.group.max(1));
        let count = groups().count().max(1) as f64;
        let deviation = groups().map(|group| mean_and_deviation(group).1).sum::<f64>() / count;
        let uniform = groups().filter(|group| is_uniform(group)).count() as f64 / count;
        let answers = self.answers.len().max(1) as f64;
        let tokens: usize = self.answers.iter().map(|answer| answer.tokens.len()).sum();
        let ended = self.answers.iter().filter(|answer| answer.ended).count() as f64 / answers;
        let of_tokens = |of: &dyn Fn(usize, usize, f64) -> f64| {
            let now = now?;
            let rows = self.rows(shape);
            let each = rows.iter().enumerate().flat_map(|(at, rows)| {
                let counted = rows.targets.iter().enumerate().filter(|(_, target)| **target != shape.ignored);
                counted.map(move |(position, _)| (at, position))
            });
            let (mut sum, mut count) = (0.0, 0.0_f64);
            for (at, position) in each {
                sum += of(at, position, f64::from(now[at][position]));
                count += 1.0;
            }
            Some((sum / count.max(1.0)) as f32)
        };
        // The answers were sampled with other weights. Weighting by the ratio, like the loss, estimates the current model.
        let weight = |at: usize, position: usize, loss| match &self.old {
            Some(old) if op.corrected => op.ratio_of(loss, -f64::from(old[at][position])),
            _ => 1.0,
        };
        let kl = self.reference.as_ref().and_then(|reference| {
            of_tokens(&|at, position, loss| {
                weight(at, position, loss) * op.divergence(loss, -f64::from(reference[at][position]))
            })
        });
        let advantages = advantages(&rewards, settings.group, settings.scale_rewards);
        let clipped = self.old.as_ref().and_then(|old| {
            of_tokens(&|at, position, loss| {
                let ratio = op.ratio_of(loss, -f64::from(old[at][position]));
                let answer = at * shape.batch + position / shape.time;
                f64::from(u8::from(op.clips(ratio, advantages[answer])))
            })
        });
        RewardMetrics {
            reward: mean as f32,
            deviation: deviation as f32,
            tokens: (tokens as f64 / answers) as f32,
            ended: ended as f32,
            uniform_groups: uniform as f32,
            kl,
            clipped,
        }
    }

    /// The answers to the first prompt with their rewards, for display.
    pub fn shown(&self, group: usize) -> Option<String> {
        const MAX_SHOWN: usize = 4;
        let first = self.answers.first()?;
        let lines = self
            .answers
            .iter()
            .take(group.min(MAX_SHOWN))
            .map(|answer| format!("\n> {} [reward {:.2}]", answer.text.trim(), answer.reward));
        Some(format!("{}{}", first.asked, lines.collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: RoundShape = RoundShape { batch: 2, time: 5, padding: 9, ignored: u32::MAX, max_tokens: 3 };

    fn answer(prompt: &[u32], tokens: &[u32], reward: f32) -> Answer {
        let (prompt, tokens) = (prompt.to_vec(), tokens.to_vec());
        Answer { asked: "Who?".to_owned(), prompt, tokens, ended: true, text: " Ada. ".to_owned(), reward }
    }

    fn round() -> Round {
        let answers = vec![answer(&[1, 2, 3], &[4, 5], 1.0), answer(&[1, 2, 3], &[6], 0.0)];
        Round { answers, ..Round::default() }
    }

    #[test]
    fn the_tokens_of_answers_count_and_those_of_prompts_do_not() {
        let off = u32::MAX;
        let [rows] = &round().rows(SHAPE)[..] else { panic!() };
        assert_eq!(rows.tokens, [1, 2, 3, 4, 9, 1, 2, 3, 9, 9]);
        assert_eq!(rows.targets, [off, off, 4, 5, off, off, off, 6, off, off]);
    }

    #[test]
    fn scores_stand_where_their_tokens_are() {
        let settings = RewardSettings { group: 2, beta: 0.3, ..RewardSettings::default() };
        let mut round = round();
        round.old = Some(vec![(0..10).map(|at| at as f32).collect()]);
        round.reference = Some(vec![(10..20).map(|at| at as f32).collect()]);
        let [rows] = &round.micro_batches(&settings, SHAPE)[..] else { panic!() };
        let scores: Vec<[f32; 4]> = rows.scores.as_ref().unwrap().as_chunks().0.to_vec();
        // Three tokens, a third each; the standard deviation of 1 and 0 is √½.
        let advantage = (0.5 / (0.5_f64.sqrt() + 1e-4) / 3.0) as f32;
        assert_eq!(scores[2], [advantage, -2.0, 0.1, -12.0]);
        assert_eq!(scores[3], [advantage, -3.0, 0.1, -13.0]);
        assert_eq!(scores[7], [-advantage, -7.0, 0.1, -17.0]);
        assert_eq!(scores.iter().filter(|score| **score != [0.0; 4]).count(), 3);
    }

    #[test]
    fn a_group_without_variance_moves_nothing() {
        let settings = RewardSettings { group: 2, ..RewardSettings::default() };
        let mut round = round();
        round.answers.iter_mut().for_each(|answer| answer.reward = 0.3);
        let [rows] = &round.micro_batches(&settings, SHAPE)[..] else { panic!() };
        assert!(rows.scores.as_ref().unwrap().iter().all(|score| *score == 0.0));
        let op = Policy { epsilon: 0.2, ratio: false, corrected: true, ignored: u32::MAX, weighs: false };
        assert_eq!(round.metrics(&settings, &op, SHAPE, None).uniform_groups, 1.0);
    }

    #[test]
    fn metrics_are_of_answers_and_of_tokens() {
        let settings = RewardSettings { group: 2, ..RewardSettings::default() };
        let op = Policy { epsilon: 0.2, ratio: true, corrected: true, ignored: u32::MAX, weighs: false };
        let mut round = round();
        round.old = Some(vec![vec![1.0; 10]]);
        round.reference = Some(vec![vec![1.0; 10]]);
        // Only the token of the first answer at position 2 became more likely, by more than a fifth.
        let mut now = vec![vec![1.0; 10]];
        now[0][2] = 0.5;
        let found = round.metrics(&settings, &op, SHAPE, Some(&now));
        assert_eq!((found.reward, found.tokens, found.ended, found.uniform_groups), (0.5, 1.5, 1.0, 0.0));
        assert!((found.deviation - 0.5_f32.sqrt()).abs() < 1e-6);
        // Its ratio is e^0.5.
        let apart = 0.5_f64.exp() * ((-0.5_f64).exp() + 0.5 - 1.0) / 3.0;
        assert!((f64::from(found.kl.unwrap()) - apart).abs() < 1e-6, "{found:?}");
        assert!((found.clipped.unwrap() - 1.0 / 3.0).abs() < 1e-6, "{found:?}");
        assert_eq!(round.shown(2).unwrap(), "Who?\n> Ada. [reward 1.00]\n> Ada. [reward 0.00]");
    }

    #[test]
    fn a_round_survives_its_file() {
        let mut round = round();
        round.old = Some(vec![vec![0.1, 1.0 / 3.0, f32::MIN_POSITIVE, 12.345_678]]);
        let json = serde_json::to_string(&round).unwrap();
        assert_eq!(serde_json::from_str::<Round>(&json).unwrap(), round);
    }
}
