//! The gradient noise scale, from gradients of different batches for the same weights.

use super::{Trainer, step_input};
use glasshouse_compiler::step::{ArenaState, StepInput};
use glasshouse_platform::{Result, yield_now};
use glasshouse_protocol::NoiseScale;

impl Trainer<'_> {
    /// Measures it after [`NoiseScale::STEPS`] steps from `start` with a rate that rises to `rate`. The run must end then: its weights are
    /// those of these steps.
    pub async fn noise_scale(&mut self, start: &ArenaState, rate: f64) -> Result<Option<NoiseScale>> {
        self.executor.set_state(start).await?;
        for step in 0..NoiseScale::STEPS {
            let learning_rate = (rate * (step + 1) as f64 / NoiseScale::STEPS as f64) as f32;
            let input = StepInput { learning_rate, ..step_input(&self.config, &self.batches, step)? };
            self.executor.train(&[input]).await?;
            yield_now().await;
        }
        let (mut sum, mut squares, mut products) = (Vec::new(), Vec::new(), Vec::new());
        // Twice, because all gradients together can be too large for the memory.
        for pass in 0..2 {
            for number in 0..NoiseScale::GRADIENTS {
                let input = step_input(&self.config, &self.batches, NoiseScale::STEPS + number)?;
                let (_, gradient) = self.executor.gradients(&input).await?;
                if pass == 0 {
                    squares.push(dot(&gradient, &gradient));
                    sum.resize(gradient.len(), 0.0);
                    sum.iter_mut().zip(&gradient).for_each(|(sum, entry)| *sum += entry);
                } else {
                    products.push(dot(&gradient, &sum));
                }
                yield_now().await;
            }
        }
        let batch = self.config.train.batch_size * self.config.train.accumulate;
        Ok(NoiseScale::new(batch, &squares, &products, dot(&sum, &sum)))
    }
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}
