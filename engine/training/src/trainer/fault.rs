//! Faults that tests inject into a run, to check that the guard detects them and the run recovers. A fault in a batch, in
//! weights, or in a single step's rate occurs only once: not again after the batch was redrawn or the run rolled back.

use super::Trainer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, LossScale, StepInput};
use glasshouse_platform::Result;
use glasshouse_protocol::Intervention;
use glasshouse_protocol::random::nth;

/// Random stream of a garbage batch.
const GARBAGE: u64 = 0x6761_7262;
/// Factor of an exploding block's weights.
const EXPLOSION: f32 = 100.0;
/// A loss scale that is still too large for f16 when the guard has seen enough steps without a gradient.
const OVERFLOW: LossScale = LossScale { scale: f32::from_bits(0x7b80_0000), good_steps: 0 };

/// The fault, with steps counted from 0.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The step's batch contains random ids.
    Garbage { step: u64 },
    /// From this step to the end, the learning rate is multiplied by a factor, so that only lowering it helps.
    Rate { from: u64, factor: f32 },
    /// A parameter's weights become NaN before the step.
    NotANumber { step: u64 },
    /// A block's weights are multiplied by a hundred before the step.
    Explosion { step: u64, block: usize },
    /// A block's matrices and their moments become 0 before the step, so that it adds and learns nothing.
    Silence { step: u64, block: usize },
    /// In mixed precision: from this step on, the loss scale is so large that every gradient overflows.
    Overflow { step: u64 },
}

impl Fault {
    /// The step before which the state is modified.
    fn spoils_before(self) -> Option<u64> {
        match self {
            Self::NotANumber { step }
            | Self::Explosion { step, .. }
            | Self::Silence { step, .. }
            | Self::Overflow { step } => Some(step),
            Self::Garbage { .. } | Self::Rate { .. } => None,
        }
    }
}

impl Trainer<'_> {
    /// Steps until the fault in the weights, so that a group ends there.
    pub(super) fn steps_to_fault(&self) -> Option<u64> {
        self.options.fault?.spoils_before()?.checked_sub(self.step)
    }

    /// Injects the fault into the state, if due.
    pub(super) async fn plant_fault(&mut self) -> Result<()> {
        let due = self.options.fault.filter(|fault| fault.spoils_before() == Some(self.step));
        if let Some(fault) = due.filter(|_| self.guard.interventions().is_empty()) {
            let mut state = self.executor.state().await?;
            self.spoil_state(fault, &mut state);
            self.executor.set_state(&state).await?;
        }
        Ok(())
    }

    fn spoil_state(&self, fault: Fault, state: &mut ArenaState) {
        let layout = ArenaLayout::from_parameters(&self.parameters);
        for (at, parameter) in self.parameters.iter().enumerate() {
            let (Some(start), Some(count)) = (layout.offsets.get(at), layout.counts.get(at)) else {
                continue;
            };
            let range = *start..start + count;
            let is_matrix_of =
                |block| parameter.decayed && parameter.name.starts_with(&format!("blocks.{block}."));
            let ArenaState { parameters, first_moments, second_moments, .. } = &mut *state;
            let weights = parameters.get_mut(range.clone()).unwrap_or_default();
            match fault {
                Fault::NotANumber { .. } if at == 0 => weights.fill(f32::NAN),
                Fault::Explosion { block, .. } if is_matrix_of(block) => {
                    weights.iter_mut().for_each(|weight| *weight *= EXPLOSION);
                }
                Fault::Silence { block, .. } if is_matrix_of(block) => {
                    weights.fill(0.0);
                    for moments in [first_moments, second_moments] {
                        moments.get_mut(range.clone()).unwrap_or_default().fill(0.0);
                    }
                }
                _ => {}
            }
        }
        if let Fault::Overflow { .. } = fault {
            state.loss_scale = Some(OVERFLOW);
        }
    }

    /// Injects the fault into a step's input, if due.
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
