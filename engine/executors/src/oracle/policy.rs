//! The policy loss of answers by their rewards.

use super::interpret::{Express, In, Out, Run, host};
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::Node;
use glasshouse_compiler::graph::ops::{POLICY_SCORES, Policy, PolicyInputs, PolicyOutputs, TokenScores};
use glasshouse_platform::Result;

impl Express for Policy {
    /// The op's weights follow from the formula; autodiff computes the gradient without them.
    fn express(&self, run: &mut Run<'_>, _: &Node, inputs: In<Self>) -> Result<Out<Self>> {
        let PolicyInputs { rows, targets, scores } = inputs;
        let (rows, targets) = (run.floats(rows)?, run.ids(targets)?);
        let count = targets.len();
        let scores = run.floats(scores)?.reshape([count, POLICY_SCORES]);
        let counted: Vec<f32> =
            targets.iter().map(|target| f32::from(u8::from(*target != self.ignored))).collect();
        let total = counted.iter().sum::<f32>();
        let numbers = |numbers: Vec<f32>, shape| run.device.tensor::<2>(TensorData::new(numbers, shape));
        let losses = rows.narrow(1, 1, 1);
        let [advantage, old, penalty, reference] = [0, 1, 2, 3].map(|at| scores.clone().narrow(1, at, 1));
        // If the weights are those that sampled the tokens, the ratio is 1 and its gradient is that of the log-probability.
        let old = if self.ratio { old } else { -losses.clone().detach() };
        let ratio = (-losses.clone() - old).exp();
        let epsilon = f64::from(self.epsilon);
        let clipped = ratio.clone().clamp(1.0 - epsilon, 1.0 + epsilon) * advantage.clone();
        let gain = (ratio.clone() * advantage).min_pair(clipped);
        let distance = reference + losses.clone();
        let mut divergence = distance.clone().exp() - distance - 1.0;
        if self.corrected {
            divergence = divergence * ratio;
        }
        let each = if self.weighs {
            scores.clone().narrow(1, 0, 1) * losses.clone()
        } else {
            penalty * divergence - gain
        };
        let each = each * numbers(counted, [count, 1]);
        let sum = each.sum().reshape([1, 1]);
        let loss = Tensor::cat(vec![sum, numbers(vec![total], [1, 1])], 1);
        let scores: Vec<f32> = host(scores)?;
        let scores = scores.as_chunks::<POLICY_SCORES>().0;
        let known = host::<f64>(losses)?.into_iter().zip(scores).zip(targets.iter());
        let weights = known.map(|((loss, scores), target)| {
            if *target == self.ignored {
                0.0
            } else {
                self.of_token(loss, TokenScores::from(*scores)).1 as f32
            }
        });
        Ok(PolicyOutputs { loss, weights: numbers(weights.collect(), [1, count]) })
    }
}
