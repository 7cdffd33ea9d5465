//! Replaces burn's devices in builds without the feature `oracle`: requests for them fail.

use crate::device::DeviceKind;
use glasshouse_compiler::model::TrainingGraphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput, StepReport};
use glasshouse_platform::{Error, Result};

/// Never instantiated.
#[derive(Clone, Copy, Debug)]
pub enum Device {}

impl Device {
    /// The device that a request names; `None` if it is not one of burn's.
    pub fn named(request: &str) -> Result<Option<Self>> {
        if DeviceKind::is_of_burn(request) {
            let feature = if request == "burn-wgpu" { "burn-wgpu" } else { "oracle" };
            return Err(Error::Device(format!(
                "{request} is for comparison and needs a build with the feature `{feature}`; use gpu or cpu"
            )));
        }
        Ok(None)
    }
}

/// Never instantiated.
pub enum OracleExecutor {}

impl OracleExecutor {
    pub fn new(_: &TrainingGraphs, _: Optimizer, device: Device) -> Result<Self> {
        match device {}
    }

    pub fn kind(&self) -> DeviceKind {
        match *self {}
    }

    pub fn train(&mut self, _: &[StepInput]) -> Result<Vec<StepReport>> {
        match *self {}
    }

    pub fn evaluate(&mut self, _: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        match *self {}
    }

    pub fn token_losses(&mut self, _: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        match *self {}
    }

    pub fn gradients(&mut self, _: &StepInput) -> Result<(f32, Vec<f32>)> {
        match *self {}
    }

    pub fn state(&mut self) -> Result<ArenaState> {
        match *self {}
    }

    pub fn set_state(&mut self, _: &ArenaState) -> Result<()> {
        match *self {}
    }
}
