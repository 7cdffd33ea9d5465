//! Faults that tests plant in a run, to see that the guard finds them and the run recovers. A fault in a batch, in weights, or in a step's
//! rate comes once: it is not there any more where the guard had the batch drawn anew or went back.

use super::Trainer;
use crate::error::Result;
use crate::graph::random::nth;
use crate::protocol::Intervention;
use crate::step::StepInput;

/// What the ids of a garbage batch are drawn by.
const GARBAGE: u64 = 0x6761_7262;

/// What is to go wrong, at a step counted from 0.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The step's batch holds ids drawn from anywhere in the vocabulary.
    Garbage { step: u64 },
    /// From the step on the learning rate is so many times what it should be; to the end, so that only lowering it helps.
    Rate { from: u64, factor: f32 },
    /// A parameter's weights are no numbers any more before the step.
    NotANumber { step: u64 },
}

impl Trainer<'_> {
    /// Steps until weights are to be spoilt, so that a group ends there.
    pub(super) fn steps_to_fault(&self) -> Option<u64> {
        match self.options.fault {
            Some(Fault::NotANumber { step }) => step.checked_sub(self.step),
            _ => None,
        }
    }

    /// Spoils the weights, where that is due.
    pub(super) async fn plant_fault(&mut self) -> Result<()> {
        let due = self.options.fault == Some(Fault::NotANumber { step: self.step });
        if due && self.guard.interventions().is_empty() {
            let mut state = self.executor.state().await?;
            let count = self.parameters.first().map_or(0, |parameter| parameter.ty.count());
            let layout = crate::plan::arena::ArenaLayout::of_parameters(&self.parameters);
            let start = layout.offsets.first().copied().unwrap_or(0);
            if let Some(weights) = state.parameters.get_mut(start..start + count) {
                weights.fill(f32::NAN);
            }
            self.executor.set_state(&state).await?;
        }
        Ok(())
    }

    /// Spoils a step's input, where that is due.
    pub(super) fn spoil(&self, inputs: &mut [StepInput]) {
        for input in inputs {
            match self.options.fault {
                Some(Fault::Garbage { step })
                    if input.step == step && Intervention::draw(self.guard.interventions(), step) == step =>
                {
                    let vocabulary = self.config.model.vocabulary as u64;
                    for (micro_batch, batch) in (0..).zip(&mut input.micro_batches) {
                        let ids = batch.tokens.iter_mut().chain(&mut batch.targets);
                        for (at, id) in (0..).zip(ids) {
                            *id = (nth(micro_batch, GARBAGE, at) % vocabulary) as u32;
                        }
                    }
                }
                Some(Fault::Rate { from, factor }) if input.step >= from => input.learning_rate *= factor,
                _ => {}
            }
        }
    }
}
