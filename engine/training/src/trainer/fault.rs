//! Faults that tests inject into a run, to check that the guard detects them and the run recovers.

use super::Trainer;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::step::{ArenaState, StepInput};
use glasshouse_platform::Result;
use glasshouse_protocol::Intervention;
use std::fmt::Debug;

/// A fault, with steps counted from 0.
#[doc(hidden)]
pub trait Fault: Debug + Send + Sync {
    /// The step before which the state is modified, unless the guard has acted before.
    fn spoils_before(&self) -> Option<u64>;
    fn spoil_state(&self, parameters: &[Parameter], state: &mut ArenaState);
    /// Modifies a step's input, after these actions of the guard.
    fn spoil_input(&self, input: &mut StepInput, acts: &[Intervention]);
}

impl Trainer<'_> {
    /// Injects the fault into the state, if due.
    pub(super) async fn plant_fault(&mut self) -> Result<()> {
        let due = self.options.fault.clone().filter(|fault| fault.spoils_before() == Some(self.step));
        if let Some(fault) = due.filter(|_| self.guard.state.interventions.is_empty()) {
            let mut state = self.executor.state().await?;
            fault.spoil_state(&self.parameters, &mut state);
            self.executor.set_state(&state).await?;
        }
        Ok(())
    }
}
