//! Choosing a device, and one face for the three executors. An enum, for the set is closed and each is used as it is.

use super::update::Optimizer;
use super::{ArenaState, DeviceDescription, DeviceKind, MicroBatch, StepInput, StepReport, TrainingGraphs};
use crate::error::Result;

/// Runs a training run's graphs on a device.
#[derive(Debug)]
pub enum Executor {
    /// Temporary, until the executors land.
    StandIn(Box<super::stand_in::StandIn>),
}

impl Executor {
    /// Opens a device: `auto` (a real GPU, else the CPU), `cpu`, `gpu` (the best adapter there is), `burn-wgpu`, or part of
    /// an adapter's name. The second half of the result warns of a software adapter, where one was taken.
    ///
    /// `threads` are the CPU executor's; `None` takes every core.
    ///
    /// # Errors
    /// No such device, or one that cannot hold the model.
    pub async fn open(
        device: &str,
        graphs: &TrainingGraphs,
        optimizer: Optimizer,
        threads: Option<usize>,
    ) -> Result<(Self, Option<String>)> {
        let (_, _) = (device, threads);
        Ok((Self::StandIn(Box::new(super::stand_in::StandIn::new(graphs, optimizer))), None))
    }

    /// Runs optimizer steps in order.
    pub async fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        match self {
            Self::StandIn(executor) => Ok(executor.train(steps)),
        }
    }

    /// (Mean loss, targets that count) of each batch, without dropout or smoothing.
    pub async fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        match self {
            Self::StandIn(executor) => Ok(executor.evaluate(batches)),
        }
    }

    /// The weights and the optimizer's state, read back.
    pub async fn state(&mut self) -> Result<ArenaState> {
        match self {
            Self::StandIn(executor) => Ok(executor.state()),
        }
    }

    /// Replaces weights and optimizer state.
    pub async fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        match self {
            Self::StandIn(executor) => executor.set_state(state),
        }
        Ok(())
    }

    /// Where it runs.
    pub fn describe(&self) -> DeviceDescription {
        match self {
            Self::StandIn(_) => DeviceDescription {
                kind: DeviceKind::Cpu,
                name: "stand-in".to_owned(),
                software: false,
                threads: Some(1),
                variants: Default::default(),
            },
        }
    }
}
