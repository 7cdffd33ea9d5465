//! Losses over pairs of answers.

use super::interpret::{Express, In, Out, Run, host};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{Preference, PreferenceInputs, PreferenceOutputs, REPORTED};
use glasshouse_platform::Result;
use glasshouse_protocol::config::PreferenceLoss;

impl Express for Preference {
    /// The op's weights follow from the formula; autodiff computes the gradient without them.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let PreferenceInputs { rows, targets, scores } = inputs;
        let time = run.graph.ty(targets).columns();
        let (rows, targets, scores) = (run.floats(rows)?, run.ids(targets)?, run.floats(scores)?);
        let (count, answers) = (targets.len(), targets.len() / time);
        let pairs = answers / 2;
        let all_scores = host::<f32>(scores.clone())?;
        let weights = all_scores.get(answers..).unwrap_or_default();
        let scores = scores.reshape([1, all_scores.len()]).narrow(1, 0, answers);
        let counted: Vec<f32> =
            targets.iter().map(|target| f32::from(u8::from(*target != self.ignored))).collect();
        let tokens: Vec<f32> = counted.chunks(time).map(|row| row.iter().sum()).collect();
        let whole: Vec<f32> = tokens
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[chosen, rejected]| f32::from(u8::from(*chosen > 0.0 && *rejected > 0.0)))
            .collect();
        let numbers = |numbers: Vec<f32>, shape| run.device.tensor::<2>(TensorData::new(numbers, shape));
        let losses = rows.narrow(1, 1, 1) * numbers(counted, [count, 1]);
        // One column for the chosen answers and one for the rejected ones.
        let sums = losses.reshape([answers, time]).sum_dim(1).reshape([pairs, 2]);
        let number = numbers(tokens.iter().map(|count| count.max(1.0)).collect(), [pairs, 2]);
        let summed =
            host::<f64>(sums.clone())?.into_iter().zip(tokens.iter().map(|tokens| f64::from(*tokens)));
        let known = self.answers(&summed.collect::<Vec<_>>(), &all_scores);
        let [beta, margin] = [self.beta, self.margin].map(f64::from);
        let gap = |both: Tensor<2>| both.clone().narrow(1, 0, 1) - both.narrow(1, 1, 1);
        let ratios = || -sums.clone() - scores.clone().reshape([pairs, 2]);
        let means = || -sums.clone() / number.clone();
        let each = match self.loss {
            PreferenceLoss::Sigmoid => -log_sigmoid(gap(ratios()) * beta),
            PreferenceLoss::Orpo => {
                let means = means().clamp_max(-1e-7);
                let odds = means.clone() - (-means.exp() + 1.0).log();
                -log_sigmoid(gap(odds)) * beta
            }
            PreferenceLoss::Kto => {
                let along = numbers(weights.iter().map(|weight| weight.signum()).collect(), [pairs, 1]);
                let weight = numbers(weights.iter().map(|weight| weight.abs()).collect(), [pairs, 1]);
                let ahead = (ratios().narrow(1, 0, 1) - self.divergence(known.as_chunks().0)) * along * beta;
                // The gradient of a sigmoid loses all precision near 1.
                (ahead.exp() + 1.0).recip() * weight
            }
            PreferenceLoss::BradleyTerry => {
                let sum = sums.clone().sum_dim(1);
                -log_sigmoid(gap(-sums.clone()) - margin) + sum.clone() * sum * f64::from(self.center)
            }
        };
        let mut mean = (each * numbers(whole, [pairs, 1])).sum().reshape([1, 1]) / pairs as f64;
        let given = all_scores.first().copied().filter(|given| *given > 0.0);
        let chosen_tokens: f32 = given.unwrap_or_else(|| tokens.iter().step_by(2).sum());
        if self.loss == PreferenceLoss::Orpo && chosen_tokens > 0.0 {
            let chosen = sums.clone().narrow(1, 0, 1).sum().reshape([1, 1]);
            mean = mean + chosen / f64::from(chosen_tokens);
        }
        let (_, slopes) = self.of_pairs(known.as_chunks().0);
        let reported = numbers(self.reported(known.as_chunks().0).to_vec(), [1, REPORTED]);
        let loss = Tensor::cat(vec![mean, numbers(vec![pairs as f32], [1, 1]), reported], 1);
        let weights = slopes.iter().flatten().flat_map(|slope| std::iter::repeat_n(*slope as f32, time));
        Ok(PreferenceOutputs { loss, weights: numbers(weights.collect(), [1, count]) })
    }
}
