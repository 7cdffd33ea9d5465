//! The policy-gradient loss: answers weighted by their rewards.

use super::{Call, Interpret, Run};
use glasshouse_compiler::graph::ops::{POLICY_SCORES, Policy, PolicyInputs, PolicyOutputs};
use glasshouse_platform::Result;

impl Interpret for Policy {
    fn run(&self, _: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let PolicyInputs { rows, targets, scores } = inputs;
        let PolicyOutputs { loss, weights } = outputs;
        let (mut total, mut count) = (0.0, 0);
        let scores = scores.floats.as_chunks::<POLICY_SCORES>().0;
        let known = rows.floats.as_chunks::<2>().0.iter().zip(targets.words).zip(scores);
        for (weight, (([_, row_loss], target), scores)) in weights.iter_mut().zip(known) {
            *weight = 0.0;
            if *target != self.ignored {
                let (sum, slope) = self.of_token(f64::from(*row_loss), (*scores).into());
                total += sum;
                count += 1;
                *weight = slope as f32;
            }
        }
        (loss[0], loss[1]) = (total as f32, count as f32);
        Ok(())
    }
}
