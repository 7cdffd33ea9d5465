//! Temporary: a quadratic model in place of the executors that have not landed yet.

use super::{ArenaState, MicroBatch, StepInput, StepReport, TrainingGraphs, update};
use crate::plan::arena::ArenaLayout;

#[derive(Debug)]
pub struct StandIn {
    optimizer: update::Optimizer,
    trained: usize,
    decayed: usize,
    state: ArenaState,
}

impl StandIn {
    pub fn new(graphs: &TrainingGraphs, optimizer: update::Optimizer) -> Self {
        let layout = ArenaLayout::of(&graphs.train);
        Self { optimizer, trained: layout.trained_end, decayed: layout.decayed_end, state: ArenaState::default() }
    }

    fn loss(&self, batch: &MicroBatch, mut gradient: Option<&mut [f32]>) -> (f32, f32) {
        let (mut sum, mut count) = (0.0, 0.0);
        for (token, target) in batch.tokens.iter().zip(&batch.targets) {
            if *target == u32::MAX {
                continue;
            }
            let at = *token as usize % self.trained;
            let noise = if gradient.is_some() { (batch.seed[0] % 1000) as f32 * 1e-6 } else { 0.0 };
            let error = self.state.parameters[at] - *target as f32 * 0.1 + noise;
            sum += error * error;
            count += 1.0;
            if let Some(gradient) = gradient.as_deref_mut() {
                gradient[at] += 2.0 * error / batch.tokens.len() as f32;
            }
        }
        (sum / count, count)
    }

    pub fn train(&mut self, steps: &[StepInput]) -> Vec<StepReport> {
        let mut reports = Vec::new();
        for step in steps {
            let mut gradient = vec![0.0; self.trained];
            let mut loss = 0.0;
            for batch in &step.micro_batches {
                loss += self.loss(batch, Some(&mut gradient)).0 / step.micro_batches.len() as f32;
            }
            for entry in &mut gradient {
                *entry /= step.micro_batches.len() as f32;
            }
            let norm = gradient.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
            let scale = self.optimizer.gradient_scale(norm);
            if let Some(scale) = scale {
                let (first_correction, second_correction) = self.optimizer.corrections(step.step);
                let rate = update::Rate { learning_rate: step.learning_rate, first_correction, second_correction };
                for (at, entry) in gradient.iter().enumerate() {
                    let decay = if at < self.decayed { self.optimizer.weight_decay } else { 0.0 };
                    let first = self.state.first_moments.get(at).copied().unwrap_or_default();
                    let second = self.state.second_moments.get(at).copied().unwrap_or_default();
                    let new = update::entry(
                        &self.optimizer, &rate, decay, self.state.parameters[at], entry * scale, first, second,
                    );
                    self.state.parameters[at] = new.0;
                    if let Some(first) = self.state.first_moments.get_mut(at) {
                        *first = new.1;
                    }
                    if let Some(second) = self.state.second_moments.get_mut(at) {
                        *second = new.2;
                    }
                }
            }
            reports.push(StepReport { loss, gradient_norm: norm, skipped: scale.is_none() });
        }
        reports
    }

    pub fn evaluate(&self, batches: &[MicroBatch]) -> Vec<(f32, f32)> {
        batches.iter().map(|batch| self.loss(batch, None)).collect()
    }

    pub fn state(&self) -> ArenaState {
        self.state.clone()
    }

    pub fn set_state(&mut self, state: &ArenaState) {
        self.state = state.clone();
    }
}
